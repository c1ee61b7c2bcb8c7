//! [`Transport`]: what carries the calls of stubs.

use wire::procedure::Procedure;
use wire::value::Value;

use crate::error::Error;
use crate::network::Network;

/// Carries calls to where they are answered.
pub trait Transport {
    /// Calls a procedure. `arguments` is the tuple of its arguments, nested where there are more
    /// than twelve; `R` is the returned value, a tuple of several, or `()`.
    ///
    /// # Errors
    /// What the server answers, or a failure on the way to it.
    fn carry<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error>;
}

/// Has a transport. Generated code implements all calls of a service for every carrier.
pub trait Carrier {
    /// The type of the transport.
    type Transport: Transport;

    /// Returns what carries the calls.
    fn transport(&self) -> &Self::Transport;
}

impl Transport for Network {
    fn carry<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        self.call_typed(procedure, arguments)
    }
}
