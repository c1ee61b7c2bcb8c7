//! Native procedures: handlers in Rust, compiled into the provider's own binary.
//!
//! Generated code makes a [`NativeService`] of a service's `Handler`; a server is started with it.
//! Which procedures are live, and who may call them, the manifest says, as for code that travels.

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

/// A call as its handler sees it, beside the arguments.
#[derive(Debug, Clone)]
pub struct Call {
    client: Arc<str>,
    deadline: Instant,
}

impl Call {
    /// Returns a call by that client, whose caller waits until `deadline`. Servers make calls for
    /// their handlers, and tests of a handler make them for themselves:
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

    /// The client that calls: one of the service's tenants.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// When the caller stops waiting. A handler that waits itself is dropped then.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// What a handler fails with: an `Execution Exception` at the caller, with this kind and message.
///
/// The operator `?` turns every `std::error::Error` into a failure of the kind `Error`. To let
/// callers tell errors apart, name a kind ([`new`](Self::new)) or take the error's type for it
/// ([`of_type`](Self::of_type)). An `anyhow::Error` or a boxed error needs `.map_err(|error|
/// Failure::new("Refused", error.to_string()))`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: String,
    message: String,
}

/// The kind of a failure that `?` made.
const DEFAULT_KIND: &str = "Error";

impl Failure {
    /// Returns a failure of a kind that callers can tell from others, such as `OutOfStock`.
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

    /// The kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The message.
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

/// The native procedures of a service, ready to be served; the `serve` of its stubs makes one.
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

/// Starts a call.
trait StartCall: Send + Sync {
    /// Decodes the arguments and makes the future of the call. The handler has not run yet.
    fn start(&self, call: Call, arguments: &mut Reader<'_>) -> Result<RunningCall, DecodeError>;
}

/// A call under way.
pub trait PollCall: Send {
    /// Polls the handler. When it ends, appends the returned values.
    fn poll_into(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut Outbox,
    ) -> Poll<Result<(), Failure>>;
}

/// A call under way.
pub type RunningCall = Pin<Box<dyn PollCall>>;

impl Method {
    /// Returns the procedure that this is.
    pub fn procedure(&self) -> &'static Procedure {
        self.procedure
    }

    /// Returns whether the procedure was declared to block its thread.
    pub fn is_blocking(&self) -> bool {
        self.is_blocking
    }

    /// Decodes the arguments and makes the future of the call. The handler has not run yet.
    ///
    /// # Errors
    /// Bytes that are not the arguments.
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

/// A function of the arguments that begins a call.
struct Function<A, H> {
    handler: H,
    arguments: std::marker::PhantomData<fn(A)>,
}

impl<A, R, F, H> StartCall for Function<A, H>
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

/// A handler that panicked before it began to run: it does so when it is polled, where panics are
/// expected.
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

    /// Returns a service without procedures; generated code adds them.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            methods: Vec::new(),
        }
    }

    /// Adds a procedure. `handler` gets the tuple of the arguments, nested where there are more
    /// than twelve.
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
        let handler = Box::new(Function {
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

    /// Says that every overload of this procedure blocks its thread, by computing for long or by
    /// waiting without `await`. It runs in a bounded pool of threads from its first call on.
    ///
    /// A procedure that was not declared so and turns out slow is moved there too, but only after
    /// it has held others up.
    ///
    /// # Panics
    /// Where the service has no native procedure of that name.
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
            Poll::Pending => panic!("it waits for nothing"),
        }
    }

    #[test]
    fn a_method_decodes_calls_and_encodes() {
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
            .expect_err("no number");
        assert_eq!(
            (parse.kind(), parse.message()),
            ("Error", "invalid digit found in string")
        );
    }

    #[test]
    #[should_panic(expected = "no native procedure `third`")]
    fn only_what_is_there_can_be_declared_blocking() {
        let service =
            NativeService::new("calc").method(&HALF, |_, (n,): (i64,)| async move { Ok(n) });
        let _ = service.blocking("third");
    }
}
