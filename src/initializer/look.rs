//! `status` and `history`.

use std::io::IsTerminal as _;

use rpc_runtime::initializer::{Applies, NetworkStatus, Progress};

use super::arguments::{HistoryArguments, StatusArguments};
use super::{VerbError, print};
use crate::exit_status::ExitStatus;
use crate::report;

/// Clears a terminal and moves the cursor to its top.
const CLEAR_SCREEN: &str = "\x1b[2J\x1b[H";

pub(super) async fn status(arguments: &StatusArguments) -> Result<ExitStatus, VerbError> {
    let StatusArguments { network, watch } = arguments;
    let options = network.options(Progress::default())?;
    loop {
        let status = NetworkStatus::ask(network.init(), &options).await;
        let Some(pause) = watch else {
            let status = status?;
            print::status(&status, network.json);
            return Ok(exit_status(&status));
        };
        if std::io::stdout().is_terminal() && !network.json {
            report::write_results(CLEAR_SCREEN.as_bytes());
        }
        match status {
            Ok(status) => print::status(&status, network.json),
            Err(error) => print::error(&VerbError::Initializer(error), network.json),
        }
        if report::nobody_reads() {
            return Ok(ExitStatus::Done);
        }
        tokio::time::sleep(*pause).await;
    }
}

fn exit_status(status: &NetworkStatus) -> ExitStatus {
    if status.servers.iter().any(Result::is_err) {
        ExitStatus::Failed
    } else if status.is_as_declared() {
        ExitStatus::Done
    } else {
        ExitStatus::Difference
    }
}

pub(super) async fn history(arguments: &HistoryArguments) -> Result<ExitStatus, VerbError> {
    let HistoryArguments { network } = arguments;
    let options = network.options(Progress::default())?;
    let applies = Applies::ask(network.init(), &options).await?;
    print::history(&applies, network.json);
    Ok(if applies.unreachable.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}
