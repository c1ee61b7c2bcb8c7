//! [`CallRecord`]: what is known of a call that has ended. [`Observers`]: everything that is told
//! about it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::exception::Exception;

use crate::connection::peers::Remote;
use crate::log::meter;
use crate::registry::Handler;

/// A call that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRecord<'a> {
    /// What was called.
    pub(crate) handler: &'a Arc<Handler>,
    /// The client that called.
    pub(crate) client: &'a str,
    /// Where the call came from.
    pub(crate) remote: &'a Remote,
    /// The generation that answered.
    pub(crate) generation: u64,
    pub(crate) began_at: Instant,
    /// The exception that it ended with, if it did.
    pub(crate) exception: Option<&'a Exception>,
}

impl CallRecord<'_> {
    /// Returns how long the call took. Reads the clock, so that only observers that want it pay for
    /// it.
    fn duration(&self) -> Duration {
        self.began_at.elapsed()
    }
}

/// Everything that is told about the calls of one session. The log is one observer. Another one
/// would be called after it, in [`call_ended`](Self::call_ended).
#[derive(Debug)]
pub(crate) struct Observers {
    /// The time at which calls end; see [`set_now`](Self::set_now).
    now: Instant,
    log: CallLog,
}

impl Observers {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            now,
            log: CallLog {
                second: meter::second(now),
                unlogged: None,
            },
        }
    }

    /// Tells every observer that a call has ended.
    pub(crate) fn call_ended(&mut self, record: &CallRecord<'_>) {
        self.log.call_ended(record);
    }

    /// Sets the time at which calls end from here on.
    pub(crate) fn set_now(&mut self, now: Instant) {
        // Many calls of a turn end at one time.
        if self.now != now {
            self.now = now;
            self.log.second = meter::second(now);
        }
    }

    /// Passes on what was counted, and drops handlers, which may belong to a generation that is no
    /// longer live.
    pub(crate) fn flush(&mut self) {
        self.log.flush();
    }
}

/// Writes a line for each call, up to the limit of its procedure or its peer.
#[derive(Debug)]
struct CallLog {
    /// The second in which calls end, as meters count; see [`meter::second`].
    second: u64,
    /// Number of calls of one procedure that got no line and were not counted by its meter yet.
    unlogged: Option<(Arc<Handler>, u64)>,
}

impl CallLog {
    fn call_ended(&mut self, record: &CallRecord<'_>) {
        let is_logged = match record.exception {
            Some(_) => record.remote.logs(),
            None => self.admit(record.handler),
        };
        if !is_logged {
            return;
        }
        let CallRecord {
            handler,
            client,
            generation,
            exception,
            ..
        } = record;
        tracing::info!(
            event = "call",
            key = handler.key,
            client,
            generation,
            source = handler.source.get(..12),
            micros = record.duration().as_micros() as u64,
            outcome = exception.map_or("ok", |exception| exception.kind.as_str()),
            message = exception.map(Exception::message_for_log)
        );
    }

    /// Returns whether a call that returned gets a line. Otherwise it is counted.
    fn admit(&mut self, handler: &Arc<Handler>) -> bool {
        if handler.meter.admit_in(self.second) {
            return true;
        }
        match &mut self.unlogged {
            Some((last, count)) if Arc::ptr_eq(last, handler) => *count += 1,
            _ => {
                self.flush();
                self.unlogged = Some((Arc::clone(handler), 1));
            }
        }
        false
    }

    fn flush(&mut self) {
        if let Some((handler, count)) = self.unlogged.take() {
            handler.meter.suppress(count);
        }
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        self.flush();
    }
}
