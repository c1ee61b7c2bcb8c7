//! [`AsyncTransport`]: carries the calls of stubs without blocking.

use wire::procedure::Procedure;
use wire::value::Value;

use crate::error::Error;
use crate::mock::Mock;
use crate::network::Network;
use crate::transport::Transport;

/// Carries calls to a server or a mock, without blocking; see [`Transport`].
pub trait AsyncTransport: Sync {
    /// Calls a procedure; see [`Transport::carry`].
    fn carry_async<A: Value + Send + Sync, R: Value + Send>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> impl Future<Output = Result<R, Error>> + Send;
}

/// A value that has an asynchronous transport. Generated code implements all calls of a service for
/// every such carrier.
pub trait AsyncCarrier: Sync {
    /// The type of the transport.
    type AsyncTransport: AsyncTransport;

    /// Returns what carries the calls.
    fn async_transport(&self) -> &Self::AsyncTransport;
}

impl AsyncTransport for Network {
    fn carry_async<A: Value + Send + Sync, R: Value + Send>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> impl Future<Output = Result<R, Error>> + Send {
        self.call_typed_async(procedure, arguments)
    }
}

/// A mock answers at the first poll.
impl AsyncTransport for Mock {
    async fn carry_async<A: Value + Send + Sync, R: Value + Send>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        self.carry(procedure, arguments)
    }
}
