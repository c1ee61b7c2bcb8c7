//! The progress of an apply, on stderr. On a terminal each long upload has a bar; otherwise each
//! upload has a line.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, Once, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rpc_runtime::initializer::{ApplyEvent, Progress};

use crate::report;

/// Minimum size of an upload that has a bar. A smaller one ends before a bar can be seen.
const MIN_BAR_BYTES: u64 = 256 * 1024;

/// Returns what reports progress to people, on stderr. Reports nothing if the output is JSON.
pub(super) fn on_stderr(json: bool) -> Progress {
    if json {
        return Progress::default();
    }
    let bars = std::io::stderr().is_terminal().then(UploadBars::default);
    Progress::with_callback(move |event| show(event, bars.as_ref()))
}

fn show(event: ApplyEvent<'_>, bars: Option<&UploadBars>) {
    match event {
        ApplyEvent::Sending { server, sent, all } => match bars {
            Some(bars) if all >= MIN_BAR_BYTES => bars.set(server, sent, all),
            _ if sent == 0 => {
                let line =
                    || report::verb("Sending", &format!("{} to {server}", report::bytes(all)));
                bars.map_or_else(line, |bars| bars.terminal.suspend(line));
            }
            _ => {}
        },
        ApplyEvent::Waiting { holder } => {
            static SAID: Once = Once::new();
            SAID.call_once(|| report::verb("Waiting", &format!("for {holder}")));
        }
        ApplyEvent::Stopping => report::verb("Stopping", "the servers are asked to drop the apply"),
        ApplyEvent::TooLateToStop => report::verb(
            "Finishing",
            "servers commit already; a second signal ends this program at once",
        ),
        ApplyEvent::Prepared { server } => bars.into_iter().for_each(|bars| bars.end(server)),
        _ => {}
    }
}

/// The bars, one for each server with a long upload.
#[derive(Default)]
struct UploadBars {
    terminal: MultiProgress,
    by_server: Mutex<BTreeMap<String, ProgressBar>>,
}

impl UploadBars {
    fn set(&self, server: &str, sent: u64, all: u64) {
        let mut by_server = self
            .by_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bar = by_server.entry(server.to_owned()).or_insert_with(|| {
            let bar = self
                .terminal
                .add(ProgressBar::new(all).with_message(server.to_owned()));
            let template = "{prefix:>12} {msg} [{bar:24}] {decimal_bytes}/{decimal_total_bytes}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("=> "));
            bar.with_prefix("Sending")
        });
        bar.set_length(all);
        bar.set_position(sent);
    }

    fn end(&self, server: &str) {
        let mut by_server = self
            .by_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = by_server.remove(server) {
            bar.finish_and_clear();
        }
    }
}
