//! [`StopSignals`]: the signals that ask a program to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGHUP. SIGHUP comes from a terminal that was closed. It is left alone in a
/// process that was started with SIGHUP ignored, as under `nohup`.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl StopSignals {
    /// Listens from now on. The signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, String> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: if is_ignored(SIGHUP) {
                None
            } else {
                Some(listen(SignalKind::hangup())?)
            },
        })
    }

    /// Waits for `count` signals.
    pub(crate) async fn nth(&mut self, count: u32) {
        for _ in 0..count {
            self.next().await;
        }
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hang_up(self.hang_up.as_mut()) => {}
        }
    }
}

/// Listens for a signal.
pub(crate) fn listen(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("cannot listen for signals: {error}"))
}

/// Waits for a SIGHUP. Never returns if SIGHUP is not handled.
pub(crate) async fn hang_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// The number of SIGHUP.
pub(crate) const SIGHUP: u32 = 1;

/// Returns whether this process ignores a signal, as it does under `nohup` or in the background of
/// a script.
pub(crate) fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}
