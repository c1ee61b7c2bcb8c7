//! [`Transport`]: carries the calls of stubs.

use wire::procedure::Procedure;
use wire::value::Value;

use crate::error::Error;
use crate::network::Network;

/// Carries calls to a server or a mock.
pub trait Transport {
    /// Calls a procedure. `arguments` is the tuple of its arguments, nested if there are more than
    /// twelve. `R` is the type of the returned value: a tuple if there are several values, `()` if
    /// there is none.
    ///
    /// # Errors
    /// The exception that the server answers with, or a failure on the way to it.
    fn carry<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error>;
}

/// A value that has a transport. Generated code implements all calls of a service for every
/// carrier.
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
