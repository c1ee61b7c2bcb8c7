//! Checks whether the Python sources that an `init.yaml` names agree with their signatures, and
//! whether a server would find the modules that they import. Sources are parsed but never run.
//!
//! ```text
//! Document --request--> one python3 per core --one answer per file--> findings, each at two places
//! ```
//!
//! The checks are written in Python, because Python has the best parser for itself. The modules are
//! in `python/`. `rpcgen check` and the initializer call [`check`] and [`check_procedures`] before
//! anything is sent to a server. The server's workers check each source with the same
//! [`CONFORMANCE_PY`] before they load it.

#[cfg(feature = "check")]
mod check;
#[cfg(feature = "check")]
mod finding;
#[cfg(feature = "check")]
mod python;
#[cfg(feature = "check")]
mod reading;
#[cfg(feature = "check")]
mod request;

#[cfg(feature = "check")]
pub use check::{FILE_TIME_LIMIT, TIME_LIMIT, check, check_procedures};
#[cfg(feature = "check")]
pub use python::{DEFAULT_PYTHON, MAX_ANSWER_BYTES, PythonUnavailable};

/// The text of the module `rpc_signature`, which parses the printed form of types.
pub const SIGNATURE_PY: &str = include_str!("../python/rpc_signature.py");

/// The text of the module `rpc_conformance`, which compares a parsed source with a signature. It
/// imports [`SIGNATURE_PY`].
pub const CONFORMANCE_PY: &str = include_str!("../python/rpc_conformance.py");
