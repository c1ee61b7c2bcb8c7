//! [`Timeouts`]: when a connection is closed because nothing happens on it.

use std::time::{Duration, Instant};

use wire::LONGEST_CALL;

use super::end::EndReason;
use crate::limits::Limits;

/// Maximum time of the remainder of a message while others wait for the room that it has.
const CONTENDED_TIMEOUT: Duration = Duration::from_secs(2);

/// Number of bytes per second at which such a remainder may take longer.
const CONTENDED_RATE: u64 = 1 << 20;

/// When things last happened on a connection.
#[derive(Debug)]
pub(crate) struct Timeouts {
    /// When a message was last complete, or an answer was ready.
    pub(crate) active_at: Instant,
    /// When the peer last read answers, or had none to read.
    pub(crate) taken_at: Instant,
    /// When the current message began: at its first byte, or when the connection began. `None`
    /// between messages.
    pub(crate) message_since: Option<Instant>,
    /// Number of bytes of the current message that have come.
    pub(crate) message_bytes: usize,
    /// Closes a connection on which nothing happens.
    pub(crate) idle_timeout: Duration,
    write_timeout: Duration,
    header_timeout: Duration,
    /// Bytes per second; `min_rate > 0`
    min_rate: u64,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    /// There are answers that the peer has not read.
    pub(crate) has_output: bool,
    /// No call is in flight.
    pub(crate) is_idle: bool,
    pub(crate) reads: Reads,
}

/// Whether a connection reads messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    Nothing,
    Messages,
    /// It reads a message while others wait for the room that this one has.
    ContendedMessage {
        /// Since when they have waited.
        since: Instant,
        /// Number of bytes that have come since then.
        bytes: usize,
    },
}

/// When a connection is closed unless something happens, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) reason: EndReason,
}

impl Timeouts {
    /// Returns the timeouts of a connection that begins.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            active_at: now,
            taken_at: now,
            message_since: Some(now),
            message_bytes: 0,
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
            header_timeout: limits.header_timeout,
            min_rate: (limits.min_rate as u64).max(1),
        }
    }

    /// Records that a message is complete, and when the next one has begun.
    pub(crate) fn end_message(&mut self, next_since: Option<Instant>) {
        self.message_since = next_since;
        self.message_bytes = 0;
    }

    /// Returns the first of all timeouts that apply.
    pub(crate) fn due(&self, waiting: Waiting) -> Due {
        // Each call ends by its own deadline.
        let mut first = Due {
            at: self.active_at + LONGEST_CALL,
            reason: EndReason::IdleTimeout,
        };
        let mut apply = |since: Instant, timeout: Duration, reason| {
            if since + timeout < first.at {
                first = Due {
                    at: since + timeout,
                    reason,
                };
            }
        };
        if waiting.has_output {
            apply(self.taken_at, self.write_timeout, EndReason::WriteTimeout);
        } else if waiting.is_idle && self.message_bytes == 0 {
            apply(self.active_at, self.idle_timeout, EndReason::IdleTimeout);
        }
        if let Some(since) = self.message_since
            && waiting.reads != Reads::Nothing
        {
            let reason = if self.message_bytes == 0 {
                EndReason::HeaderTimeout
            } else {
                EndReason::SlowMessage
            };
            let timeout = self.header_timeout + earned(self.message_bytes, self.min_rate);
            apply(since, timeout, reason);
        }
        if let Reads::ContendedMessage { since, bytes } = waiting.reads {
            let rate = self.min_rate.max(CONTENDED_RATE);
            let timeout = CONTENDED_TIMEOUT + earned(bytes, rate);
            apply(since, timeout, EndReason::KeptRoom);
        }
        first
    }
}

/// Returns the time that these bytes take at that rate, in bytes per second.
fn earned(bytes: usize, rate: u64) -> Duration {
    Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_timeout_that_applies_closes_the_connection() {
        let now = Instant::now();
        let limits = Limits {
            idle_timeout: Duration::from_secs(3),
            write_timeout: Duration::from_secs(2),
            header_timeout: Duration::from_secs(5),
            ..Limits::default()
        };
        let mut timeouts = Timeouts::new(&limits, now);
        let quiet = Waiting {
            has_output: false,
            is_idle: true,
            reads: Reads::Messages,
        };
        let after = |timeouts: &Timeouts, waiting| {
            let Due { at, reason } = timeouts.due(waiting);
            (at - now, reason)
        };
        assert_eq!(
            after(&timeouts, quiet),
            (Duration::from_secs(3), EndReason::IdleTimeout)
        );
        let clogged = Waiting {
            has_output: true,
            ..quiet
        };
        assert_eq!(
            after(&timeouts, clogged),
            (Duration::from_secs(2), EndReason::WriteTimeout)
        );
        let busy = Waiting {
            is_idle: false,
            ..quiet
        };
        assert_eq!(
            after(&timeouts, busy),
            (Duration::from_secs(5), EndReason::HeaderTimeout)
        );
        timeouts.end_message(None);
        assert_eq!(
            after(&timeouts, busy),
            (LONGEST_CALL, EndReason::IdleTimeout)
        );
    }

    #[test]
    fn each_byte_of_a_message_adds_its_time_at_the_minimum_rate() {
        let now = Instant::now();
        let limits = Limits {
            idle_timeout: Duration::from_secs(3),
            header_timeout: Duration::from_secs(5),
            min_rate: 1000,
            ..Limits::default()
        };
        let mut timeouts = Timeouts::new(&limits, now);
        let mut due = |bytes, reads| {
            timeouts.message_bytes = bytes;
            let Due { at, reason } = timeouts.due(Waiting {
                has_output: false,
                is_idle: true,
                reads,
            });
            (at - now, reason)
        };
        let seconds = Duration::from_secs;
        assert_eq!(
            due(0, Reads::Messages),
            (seconds(3), EndReason::IdleTimeout)
        );
        assert_eq!(
            due(1, Reads::Messages),
            (Duration::from_millis(5001), EndReason::SlowMessage)
        );
        assert_eq!(
            due(7000, Reads::Messages),
            (seconds(12), EndReason::SlowMessage)
        );
        let contended = Reads::ContendedMessage {
            since: now + seconds(1),
            bytes: 2 << 20,
        };
        assert_eq!(
            due(7 << 20, contended),
            (seconds(5), EndReason::KeptRoom),
            "two seconds from the first, and two more for two MiB"
        );
        let longest = wire::frame::MAX_FRAME_LIMIT;
        assert_eq!(
            due(longest, Reads::Messages).0.as_secs(),
            5 + longest as u64 / 1000
        );
    }
}
