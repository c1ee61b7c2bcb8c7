//! What generated code calls. Private: it may change with every version, together with `rpcgen`.

pub use crate::arg::Arg;
use crate::error::Error;
use crate::network::Network;
use crate::topology::Topology;
pub use crate::wire::value::Value;

/// One signature, as generated code knows it.
#[derive(Debug, Clone, Copy)]
pub struct Procedure {
    /// The service's name.
    pub service: &'static str,
    /// The procedure's name.
    pub rpc: &'static str,
    /// The types of the arguments, as they are printed.
    pub arguments: &'static [&'static str],
    /// The types of the returned values.
    pub returns: &'static [&'static str],
    /// The longest a call may take, in milliseconds.
    pub deadline_ms: Option<u64>,
}

/// The network that free functions call through.
pub fn installed(topology: &'static Topology) -> Result<Network, Error> {
    topology.installed()
}

/// Calls a procedure: `encode` appends the arguments in order, `R` is the returned value, a tuple of several, or `()`.
pub fn call<R: Value>(
    network: &Network,
    procedure: &'static Procedure,
    encode: impl FnOnce(&mut Vec<u8>),
) -> Result<R, Error> {
    network.call_typed(procedure, encode)
}
