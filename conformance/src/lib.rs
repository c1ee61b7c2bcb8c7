//! Whether the Python sources that an `init.yaml` names fit their signatures, and whether a server
//! would find what they import. Sources are read, never run.
//!
//! ```text
//! Document --Request--> python3 (as many as there are cores) --Answer per file--> findings, each at two places
//! ```
//!
//! The checks are Python, since Python reads itself best; the modules are in `python/`. `rpcgen
//! check` and the initializer ask [`check`] and [`check_procedures`] before anything travels. The
//! server's workers hold each source against its signature with the same [`CONFORMANCE_PY`] before
//! they load it.

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
pub use python::{DEFAULT_PYTHON, MAX_ANSWER_BYTES, Unavailable};

/// The module `rpc_signature`: types as they are printed, read in Python.
pub const SIGNATURE_PY: &str = include_str!("../python/rpc_signature.py");

/// The module `rpc_conformance`: a parsed source held against a signature. It imports
/// [`SIGNATURE_PY`].
pub const CONFORMANCE_PY: &str = include_str!("../python/rpc_conformance.py");
