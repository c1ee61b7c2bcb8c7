//! What is shown while an apply is under way: a bar for each long upload on a terminal, else lines.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rpc_runtime::initializer::{Happening, Progress};

use crate::report;

/// Uploads of fewer bytes are over before a bar is seen.
const LONG: u64 = 256 * 1024;

/// Tells people, on stderr.
pub(super) fn shown(json: bool) -> Progress {
    if json {
        return Progress::default();
    }
    let bars = std::io::stderr().is_terminal().then(Bars::default);
    Progress::to(move |happening| show(happening, bars.as_ref()))
}

fn show(happening: Happening<'_>, bars: Option<&Bars>) {
    match happening {
        Happening::Sending { server, sent, all } => match bars {
            Some(bars) if all >= LONG => bars.set(server, sent, all),
            _ if sent == 0 => {
                let line =
                    || report::verb("Sending", &format!("{} to {server}", report::bytes(all)));
                bars.map_or_else(line, |bars| bars.all.suspend(line));
            }
            _ => {}
        },
        Happening::Prepared { server } => bars.into_iter().for_each(|bars| bars.end(server)),
        _ => {}
    }
}

/// A bar for each server that gets much.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    each: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    fn set(&self, server: &str, sent: u64, all: u64) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = each.entry(server.to_owned()).or_insert_with(|| {
            let bar = self
                .all
                .add(ProgressBar::new(all).with_message(server.to_owned()));
            let form = "{prefix:>12} {msg} [{bar:24}] {decimal_bytes}/{decimal_total_bytes}";
            let style =
                ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("=> "));
            bar.with_prefix("Sending")
        });
        bar.set_length(all);
        bar.set_position(sent);
    }

    fn end(&self, server: &str) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = each.remove(server) {
            bar.finish_and_clear();
        }
    }
}
