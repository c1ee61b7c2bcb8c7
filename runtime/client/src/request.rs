//! Calls that do not block, as generated asynchronous clients make them.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::network::Network;
use wire::procedure::Procedure;
use wire::value::{DecodeError, Reader, Value};

/// The future of a call.
type BoxedCall<'n, R> = Pin<Box<dyn Future<Output = Result<R, Error>> + Send + 'n>>;

/// A call of a procedure, for [`carry_request`]. It knows by itself how to decode the returned
/// value, so `R` needs no [`Value`] bound later.
#[derive(Debug)]
pub struct Request<R> {
    procedure: &'static Procedure,
    /// The binary form of the arguments.
    arguments: Vec<u8>,
    /// Makes the call.
    carry: for<'n> fn(&'n Network, &'static Procedure, EncodedArguments) -> BoxedCall<'n, R>,
}

/// Arguments in their binary form.
struct EncodedArguments(Vec<u8>);

impl Value for EncodedArguments {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input
            .take(input.rest().len())
            .map(|rest| Self(rest.to_vec()))
    }
}

impl<R: Value + Send + 'static> Request<R> {
    /// Returns a call of this procedure without arguments.
    pub fn new(procedure: &'static Procedure) -> Self {
        Self {
            procedure,
            arguments: Vec::new(),
            carry,
        }
    }

    /// Appends an argument.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that the tables need no references"
    )]
    pub fn argument<A: Value>(mut self, value: A) -> Self {
        value.encode(&mut self.arguments);
        self
    }
}

fn carry<'n, R: Value + Send + 'static>(
    network: &'n Network,
    procedure: &'static Procedure,
    arguments: EncodedArguments,
) -> BoxedCall<'n, R> {
    Box::pin(network.call_typed_async(procedure, arguments))
}

/// Calls a procedure without blocking, with arguments that are encoded already.
pub fn carry_request<R>(
    network: &Network,
    request: Request<R>,
) -> impl Future<Output = Result<R, Error>> + Send {
    (request.carry)(
        network,
        request.procedure,
        EncodedArguments(request.arguments),
    )
}

/// The future of a call of an overload set. Its type does not name the arguments of the set. If it
/// did, as that of an `async fn` would, the compiler would report a wrong call three times.
#[must_use = "a call that is not awaited is not made"]
pub struct OverloadCall<'n, R: 'n>(Pin<Box<dyn Future<Output = Result<R, Error>> + Send + 'n>>);

impl<'n, R> OverloadCall<'n, R> {
    /// Returns the future of a call through this network.
    pub fn by(network: &'n Network, request: Request<R>) -> Self {
        Self(Box::pin(carry_request(network, request)))
    }
}

impl<R> Future for OverloadCall<'_, R> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}
