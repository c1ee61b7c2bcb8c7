//! `rpcgen new`: writes a small network that runs.

use std::path::PathBuf;
use std::process::ExitCode;

use super::FAILED;
use super::print::{print_line, print_stderr};
use crate::starter::new_network;

/// What to do in the new folder. Each line can be pasted as it is.
const NEXT: [&str; 4] = [
    "rpc-server --listen 127.0.0.1:7101 --data data  # the server keeps running",
    "initializer apply init.yaml                     # in a second terminal",
    "cargo run                                       # the client",
    "cargo test                                      # its test, which needs no server",
];

/// Where to write the network.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Folder to write the network to; it must be new or empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Folder of the crate rpc-runtime, which Cargo.toml names; by default the one in the clone from
    /// which this rpcgen was compiled
    #[arg(long, value_name = "PATH")]
    runtime: Option<PathBuf>,
}

pub(super) fn new(options: &Options) -> ExitCode {
    match new_network(&options.folder, options.runtime.as_deref()) {
        Ok(files) => {
            options.report(&files);
            ExitCode::SUCCESS
        }
        Err(error) => {
            print_stderr(&rpc_schema::visible(&format!("error: {error}")));
            ExitCode::from(FAILED)
        }
    }
}

impl Options {
    fn report(&self, files: &[PathBuf]) {
        for path in files {
            print_line(&format!("wrote {}", path.display()));
        }
        print_line(&format!("next, in the folder `{}`:", self.folder.display()));
        for command in NEXT {
            print_line(&format!("  {command}"));
        }
    }
}
