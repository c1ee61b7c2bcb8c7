//! `rpcgen doc`: the reference page of a network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::format::Format;
use super::generate::bring;
use super::print::{complain, pour};
use super::{FAILED, WRONG_USAGE};
use crate::page::{MARK, page};
use crate::{Error, pipeline};

/// Which page, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The network's file
    #[arg(value_name = "init.yaml")]
    init: PathBuf,
    /// The page; without it, or with `-`, it is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show only what this client may call
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Write nothing; say whether the page differs
    #[arg(long)]
    check: bool,
    /// How to print what was found and done
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub(super) fn doc(options: &Options) -> ExitCode {
    if options.check && options.file().is_none() {
        complain(
            "error: --check needs a page to compare with: --out FILE; see `rpcgen doc --help`",
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
            None => Ok(pour(page.as_bytes())),
            Some(file) => bring(self.format, &self.init, file, MARK, &page, self.check),
        }
    }

    fn page(&self) -> Result<String, Error> {
        let tenant = self.tenant.as_deref();
        Ok(page(&pipeline::load(&self.init, tenant)?, tenant))
    }

    /// The file to write, if it is not stdout.
    fn file(&self) -> Option<&Path> {
        self.out.as_deref().filter(|out| *out != Path::new("-"))
    }
}
