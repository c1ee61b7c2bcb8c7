//! Generates typed Rust stubs from an `init.yaml`.
//!
//! ```text
//! init.yaml --load--> schema --lower--> ir --emit--> tokens --format--> files
//! ```
//!
//! In a build script:
//!
//! ```no_run
//! fn main() -> Result<(), rpcgen::Error> {
//!     rpcgen::build("init.yaml").tenant("client1").emit()
//! }
//! ```
//!
//! The crate includes the stubs with `mod stubs { rpc_runtime::include_stubs!(); }`, and calls a
//! procedure with `stubs::svc1::rpc1(7, words)`.
//!
//! The command `rpcgen init.yaml --out src/gen` writes the same stubs as a folder of modules, which
//! can be read and committed. The library does the same:
//!
//! ```
//! use rpcgen::{OutputFolder, generate};
//! # let out = tempfile::tempdir()?;
//!
//! let files = generate("tests/goldens/tenant/init.yaml", Some("client1"))?;
//! assert!(files[1].text.contains("pub fn rpc1(a: i64, b: Vec<String>) -> Result<String, Error>"));
//!
//! let written = OutputFolder::new(out.path()).update(&files)?;
//! assert_eq!(written.len(), 2);
//! assert!(OutputFolder::new(out.path()).compare(&files)?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The library opens no socket, starts no process and reads no procedure's source.

mod build_script;
mod emit;
mod error;
mod file;
mod files;
mod format;
mod ident;
mod ir;
mod lower;
mod output;
mod pipeline;
mod runtime_crate;
mod target;
mod tenant;
mod types;
mod wrap;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod page;
#[cfg(feature = "cli")]
mod starter;

pub use build_script::{Build, build};
pub use error::Error;
pub use file::File;
pub use output::{Change, OutdatedFile, OutputFolder};
#[cfg(feature = "cli")]
pub use page::page;
pub use pipeline::generate;
#[cfg(feature = "cli")]
pub use starter::{NewNetworkError, new_network};
