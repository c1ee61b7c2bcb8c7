//! [`Target`].

use crate::runtime_crate::RuntimeCrate;

/// For whom stubs are generated.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The only client that they are for; `None` means all clients.
    pub tenant: Option<String>,
    /// The name of the runtime in the crate that has them.
    pub runtime: RuntimeCrate,
}
