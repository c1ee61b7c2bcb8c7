//! `status` and `history`.

use std::io::{IsTerminal as _, Write as _};

use rpc_runtime::initializer::{Applies, NetworkStatus, Progress};

use super::arguments::{HistoryArguments, StatusArguments};
use super::{VerbError, print};
use crate::args::ExitStatus;

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
            let _ = std::io::stdout().write_all(CLEAR_SCREEN.as_bytes());
        }
        match status {
            Ok(status) => print::status(&status, network.json),
            Err(error) => print::error(&VerbError::Initializer(error), network.json),
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
