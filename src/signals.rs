//! [`StopSignals`]: the signals that ask a program to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGHUP. SIGHUP comes from a terminal that was closed.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` if SIGHUP is left alone.
    hang_up: Option<Signal>,
}

/// A signal that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    HangUp,
}

impl StopSignals {
    /// Listens from now on. The signals no longer end the process by themselves. SIGHUP is left
    /// alone in a process that was started with SIGHUP ignored, as under `nohup`.
    pub(crate) fn listen() -> Result<Self, String> {
        Self::listen_with(!is_ignored(SIGHUP))
    }

    /// Listens from now on, to SIGHUP only if `handles_hang_up`.
    pub(crate) fn listen_with(handles_hang_up: bool) -> Result<Self, String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: if handles_hang_up {
                Some(listen(SignalKind::hangup())?)
            } else {
                None
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
        self.next_arrived().await;
    }

    /// Waits for the next signal, and returns which one it is.
    pub(crate) async fn next_arrived(&mut self) -> Arrived {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => drop(hang_up.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Arrived::Stop,
            _ = self.interrupt.recv() => Arrived::Stop,
            () = hang_up => Arrived::HangUp,
        }
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
