//! [`Timeouts`]: when a connection is closed because nothing happens on it.

use std::time::{Duration, Instant};

use wire::LONGEST_CALL;

use super::end::EndReason;
use crate::limits::Limits;

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
    /// Closes a connection on which nothing happens.
    pub(crate) idle_timeout: Duration,
    write_timeout: Duration,
    header_timeout: Duration,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    /// There are answers that the peer has not read.
    pub(crate) has_output: bool,
    /// No call is in flight.
    pub(crate) is_idle: bool,
    /// Messages are read.
    pub(crate) reads: bool,
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
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
            header_timeout: limits.header_timeout,
        }
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
        } else if waiting.is_idle {
            apply(self.active_at, self.idle_timeout, EndReason::IdleTimeout);
        }
        if let Some(since) = self.message_since
            && waiting.reads
        {
            apply(since, self.header_timeout, EndReason::HeaderTimeout);
        }
        first
    }
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
            reads: true,
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
        timeouts.message_since = None;
        assert_eq!(
            after(&timeouts, busy),
            (LONGEST_CALL, EndReason::IdleTimeout)
        );
    }
}
