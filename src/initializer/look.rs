//! `status` and `history`.

use std::io::{IsTerminal as _, Write as _};

use rpc_runtime::initializer::{Applies, NetworkStatus, Progress};

use super::arguments::{History, Status};
use super::{Failure, print};
use crate::args::ExitStatus;

/// Clears a terminal and begins at its top.
const CLEARED: &str = "\x1b[2J\x1b[H";

pub(super) async fn status(status: &Status) -> Result<ExitStatus, Failure> {
    let Status { reach, watch } = status;
    let options = reach.options(Progress::default())?;
    loop {
        let network = NetworkStatus::ask(reach.init(), &options).await;
        let Some(pause) = watch else {
            let network = network?;
            print::status(&network, reach.json);
            return Ok(standing(&network));
        };
        if std::io::stdout().is_terminal() && !reach.json {
            let _ = std::io::stdout().write_all(CLEARED.as_bytes());
        }
        match network {
            Ok(network) => print::status(&network, reach.json),
            Err(error) => print::failure(&Failure::Initializer(error), reach.json),
        }
        tokio::time::sleep(*pause).await;
    }
}

fn standing(network: &NetworkStatus) -> ExitStatus {
    if network.servers.iter().any(Result::is_err) {
        ExitStatus::Failed
    } else if network.is_as_declared() {
        ExitStatus::Done
    } else {
        ExitStatus::Difference
    }
}

pub(super) async fn history(history: &History) -> Result<ExitStatus, Failure> {
    let History { reach } = history;
    let applies = Applies::ask(reach.init(), &reach.options(Progress::default())?).await?;
    print::history(&applies, reach.json);
    Ok(if applies.unreachable.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}
