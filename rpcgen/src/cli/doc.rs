//! `rpcgen doc`: the reference page of a network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::format::Format;
use super::generate::write_or_compare;
use super::print::{print_bytes, print_stderr};
use super::{FAILED, WRONG_USAGE};
use crate::page::{MARK, page};
use crate::{Error, pipeline};

/// Which page to write, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The file that describes the network
    #[arg(value_name = "init.yaml")]
    init: PathBuf,
    /// File to write the page to; without it, or with `-`, the page is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show only what this client may call
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Write nothing; report whether the page differs
    #[arg(long)]
    check: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub(super) fn doc(options: &Options) -> ExitCode {
    if options.check && options.file().is_none() {
        print_stderr(
            "error: `--check` needs `--out FILE`, the page to compare with; see `rpcgen doc --help`",
        );
        return ExitCode::from(WRONG_USAGE);
    }
    options.run().unwrap_or_else(|error| {
        options.format.failure(&options.init, &error);
        ExitCode::from(FAILED)
    })
}

impl Options {
    fn run(&self) -> Result<ExitCode, Error> {
        let page = self.page()?;
        match self.file() {
            None => {
                print_bytes(page.as_bytes());
                Ok(ExitCode::SUCCESS)
            }
            Some(file) => write_or_compare(self.format, &self.init, file, MARK, &page, self.check),
        }
    }

    fn page(&self) -> Result<String, Error> {
        let tenant = self.tenant.as_deref();
        Ok(page(&pipeline::load(&self.init, tenant)?, tenant))
    }

    /// Returns the file to write; `None` means stdout.
    fn file(&self) -> Option<&Path> {
        self.out.as_deref().filter(|out| *out != Path::new("-"))
    }
}
