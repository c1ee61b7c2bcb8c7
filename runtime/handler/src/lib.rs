//! Native procedures: handlers in Rust, compiled into the program of the provider.
//!
//! Generated code makes a [`NativeService`] from a `Handler` of a service. A server is started with
//! it. The manifest says which procedures are live and who may call them, as it does for code that
//! is deployed.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use wire::outbox::Outbox;
use wire::procedure::Procedure;
use wire::value::{DecodeError, Reader, Value};

/// What a handler knows about a call besides the arguments.
#[derive(Debug, Clone)]
pub struct Call {
    client: Arc<str>,
    deadline: Instant,
}

impl Call {
    /// Returns a call by this client, whose caller waits until `deadline`. Servers make calls for
    /// their handlers. Tests of a handler make calls themselves:
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// let call = rpc_runtime_handler::Call::new("client1", Instant::now() + Duration::from_secs(1));
    /// assert_eq!(call.client(), "client1");
    /// ```
    pub fn new(client: impl Into<Arc<str>>, deadline: Instant) -> Self {
        Self {
            client: client.into(),
            deadline,
        }
    }

    /// Returns the name of the client that calls. It is a tenant of the service.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Returns when the caller stops waiting. A handler that is still waiting then is dropped.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// The failure of a handler. The caller gets an `Execution Exception` with this kind and message.
///
/// The operator `?` turns every `std::error::Error` into a failure of the kind `Error`. To let
/// callers distinguish errors, name a kind ([`new`](Self::new)) or use the type of the error as the
/// kind ([`of_type`](Self::of_type)). An `anyhow::Error` or a boxed error needs `.map_err(|error|
/// Failure::new("Refused", error.to_string()))`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: String,
    message: String,
}

/// The kind of a failure that the operator `?` makes.
const DEFAULT_KIND: &str = "Error";

impl Failure {
    /// Returns a failure of a kind that callers can distinguish, such as `OutOfStock`.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
        }
    }

    /// Returns a failure whose kind is the name of the error's type, such as `ParseIntError`.
    /// Callers then see that name, so it becomes part of the interface.
    ///
    /// ```
    /// # use rpc_runtime_handler::Failure;
    /// let failure = "x".parse::<i64>().map_err(Failure::of_type).unwrap_err();
    /// assert_eq!(failure.kind(), "ParseIntError");
    /// ```
    pub fn of_type<E: std::error::Error>(error: E) -> Self {
        let path = std::any::type_name::<E>();
        let path = path.split('<').next().unwrap_or(path);
        let name = path.rsplit("::").next().unwrap_or(path);
        Self::new(name, error.to_string())
    }

    /// Returns the kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(DEFAULT_KIND, error.to_string())
    }
}

/// The native procedures of a service. The function `serve` of generated stubs makes one.
pub struct NativeService {
    service: &'static str,
    methods: Vec<Method>,
}

/// One native procedure.
pub struct Method {
    procedure: &'static Procedure,
    handler: Box<dyn StartCall>,
    is_blocking: bool,
}

/// Starts calls of a procedure.
trait StartCall: Send + Sync {
    /// Decodes the arguments and returns the future of the call. The handler does not run yet.
    fn start(&self, call: Call, arguments: &mut Reader<'_>) -> Result<RunningCall, DecodeError>;
}

/// The future of a call.
pub trait PollCall: Send {
    /// Polls the handler. Appends the returned values when it ends.
    fn poll_into(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut Outbox,
    ) -> Poll<Result<(), Failure>>;
}

/// A running call.
pub type RunningCall = Pin<Box<dyn PollCall>>;

impl Method {
    /// Returns the procedure.
    pub fn procedure(&self) -> &'static Procedure {
        self.procedure
    }

    /// Returns whether the procedure was declared to block its thread.
    pub fn is_blocking(&self) -> bool {
        self.is_blocking
    }

    /// Decodes the arguments and returns the future of the call. The handler does not run yet.
    ///
    /// # Errors
    /// The bytes are not the arguments.
    pub fn start(
        &self,
        call: Call,
        arguments: &mut Reader<'_>,
    ) -> Result<RunningCall, DecodeError> {
        self.handler.start(call, arguments)
    }
}

impl<R: Value, F: Future<Output = Result<R, Failure>> + Send> PollCall for F {
    fn poll_into(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut Outbox,
    ) -> Poll<Result<(), Failure>> {
        self.poll(cx).map_ok(|returned| returned.put(out))
    }
}

/// A handler with the type of its arguments.
struct TypedHandler<A, H> {
    handler: H,
    arguments: std::marker::PhantomData<fn(A)>,
}

impl<A, R, F, H> StartCall for TypedHandler<A, H>
where
    A: Value,
    R: Value,
    F: Future<Output = Result<R, Failure>> + Send + 'static,
    H: Fn(Call, A) -> F + Send + Sync,
{
    fn start(&self, call: Call, arguments: &mut Reader<'_>) -> Result<RunningCall, DecodeError> {
        let mut reader = std::mem::replace(arguments, Reader::new(&[]));
        let values = A::decode(&mut reader)?;
        reader.finish()?;
        let begun = std::panic::catch_unwind(AssertUnwindSafe(|| (self.handler)(call, values)));
        Ok(match begun {
            Ok(running) => Box::pin(running),
            Err(panic) => Box::pin(Panicked(Some(panic))),
        })
    }
}

/// A handler that panicked while it made its future. The panic continues when the call is polled,
/// where panics are caught.
struct Panicked(Option<Box<dyn Any + Send>>);

impl PollCall for Panicked {
    fn poll_into(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut Outbox,
    ) -> Poll<Result<(), Failure>> {
        match self.0.take() {
            Some(panic) => std::panic::resume_unwind(panic),
            None => Poll::Pending,
        }
    }
}

impl NativeService {
    /// Returns the name of the service.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Returns the procedures.
    pub fn into_methods(self) -> Vec<Method> {
        self.methods
    }

    /// Returns a service without procedures. Generated code adds them.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            methods: Vec::new(),
        }
    }

    /// Adds a procedure. `handler` gets the tuple of the arguments, nested if there are more than
    /// twelve.
    #[must_use]
    pub fn method<A, R, F>(
        mut self,
        procedure: &'static Procedure,
        handler: impl Fn(Call, A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: Value + 'static,
        R: Value + 'static,
        F: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let handler = Box::new(TypedHandler {
            handler,
            arguments: std::marker::PhantomData,
        });
        self.methods.push(Method {
            procedure,
            handler,
            is_blocking: false,
        });
        self
    }

    /// Declares that every overload of this procedure blocks its thread: it computes for long, or
    /// it waits without `await`. It runs in a bounded pool of threads from its first call on.
    ///
    /// An undeclared procedure that turns out to be slow is moved there too, but only after it has
    /// delayed others.
    ///
    /// # Panics
    /// If the service has no native procedure with this name.
    #[must_use]
    pub fn blocking(mut self, rpc: &str) -> Self {
        let mut known = false;
        for method in self
            .methods
            .iter_mut()
            .filter(|method| method.procedure.rpc == rpc)
        {
            method.is_blocking = true;
            known = true;
        }
        assert!(
            known,
            "service `{}` has no native procedure `{rpc}`",
            self.service
        );
        self
    }
}

impl fmt::Debug for NativeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let procedures = self.methods.iter().map(|method| method.procedure.rpc);
        f.debug_struct("NativeService")
            .field("service", &self.service)
            .field("procedures", &procedures.collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    static HALF: Procedure = Procedure::new("calc", "half", &["int"], &["int"]);

    /// Calls the first procedure of `service` with these bytes as arguments.
    fn answer(
        service: &NativeService,
        bytes: &[u8],
    ) -> Result<Result<Vec<u8>, Failure>, DecodeError> {
        let call = Call::new("client1", Instant::now());
        let mut run = service.methods[0].start(call, &mut Reader::new(bytes))?;
        let mut out = Outbox::default();
        match run
            .as_mut()
            .poll_into(&mut Context::from_waker(Waker::noop()), &mut out)
        {
            Poll::Ready(result) => Ok(result.map(|()| out.into_bytes())),
            Poll::Pending => panic!("the handler waits, but has nothing to wait for"),
        }
    }

    #[test]
    fn a_method_decodes_arguments_and_encodes_results() {
        let service = NativeService::new("calc").method(&HALF, |call, (n,): (i64,)| async move {
            assert_eq!(call.client(), "client1");
            if n % 2 == 1 {
                return Err(Failure::new("Odd", format!("{n} is odd")));
            }
            Ok(n / "2".parse::<i64>()?)
        });
        assert_eq!(
            answer(&service, &8_i64.to_le_bytes()),
            Ok(Ok(4_i64.to_le_bytes().to_vec()))
        );
        assert_eq!(
            answer(&service, &7_i64.to_le_bytes()),
            Ok(Err(Failure::new("Odd", "7 is odd")))
        );
        assert_eq!(answer(&service, &[0; 9]), Err(DecodeError::LeftOver(1)));
        let parse = "x"
            .parse::<i64>()
            .map_err(Failure::from)
            .expect_err("not a number");
        assert_eq!(
            (parse.kind(), parse.message()),
            ("Error", "invalid digit found in string")
        );
    }

    #[test]
    #[should_panic(expected = "no native procedure `third`")]
    fn an_unknown_procedure_cannot_be_declared_blocking() {
        let service =
            NativeService::new("calc").method(&HALF, |_, (n,): (i64,)| async move { Ok(n) });
        let _ = service.blocking("third");
    }
}
