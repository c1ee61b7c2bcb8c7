//! Calls that do not block: what generated asynchronous clients are made of.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Procedure, Transport};
use crate::error::Error;
use crate::network::Network;
use crate::wire::value::Value;

/// A call of a procedure, to be carried by [`carry_request`]. What it returns is known to it alone, so that who carries
/// it need not ask for a [`Value`].
#[derive(Debug)]
pub struct Request<R> {
    procedure: &'static Procedure,
    /// The binary form of the arguments.
    arguments: Vec<u8>,
    carry: fn(&Network, &'static Procedure, &[u8]) -> Result<R, Error>,
}

impl<R: Value + Send> Request<R> {
    /// Of that procedure, without arguments.
    pub fn new(procedure: &'static Procedure) -> Self {
        let carry = |network: &Network, procedure, arguments: &[u8]| {
            network.call_typed(procedure, |out| out.extend_from_slice(arguments))
        };
        Self { procedure, arguments: Vec::new(), carry }
    }

    /// With this argument behind those that it has.
    #[expect(clippy::needless_pass_by_value, reason = "so that the tables need no references")]
    pub fn argument<A: Value>(mut self, value: A) -> Self {
        value.encode(&mut self.arguments);
        self
    }
}

/// Calls a procedure without blocking; see [`Transport::carry`].
#[expect(clippy::manual_async_fn, reason = "the future is `Send`")]
pub fn carry_async<A: Value + Send, R: Value + Send>(
    network: &Network,
    procedure: &'static Procedure,
    arguments: A,
) -> impl Future<Output = Result<R, Error>> + Send {
    async move { network.carry(procedure, arguments) }
}

/// The same for a call that is encoded already.
#[expect(clippy::manual_async_fn, reason = "the future is `Send`")]
pub fn carry_request<R>(
    network: &Network,
    request: Request<R>,
) -> impl Future<Output = Result<R, Error>> + Send {
    async move { (request.carry)(network, request.procedure, &request.arguments) }
}

/// The future of a call by an overload set. It says nothing of the set's arguments: of an `async fn` the compiler would
/// ask once more, where it is awaited, whether they are valid, and report a wrong call three times.
#[must_use = "a call that is not awaited is not made"]
pub struct Carried<'n, R: 'n>(Pin<Box<dyn Future<Output = Result<R, Error>> + Send + 'n>>);

impl<'n, R> Carried<'n, R> {
    /// Will call through this network.
    pub fn by(network: &'n Network, request: Request<R>) -> Self {
        Self(Box::pin(carry_request(network, request)))
    }
}

impl<R> Future for Carried<'_, R> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}
