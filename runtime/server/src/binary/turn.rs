//! [`Turn`]: a wake-up of a session, and what is left of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::native::{self, NativeMethod};
use crate::meter;
use crate::registry::Handler;

/// So many frames are dealt with before other sessions have their turn.
const CALLS: u32 = 64;

/// So many answers are written before more are made: the client works on these while the server works on the next.
const CALLS_PER_WRITE: u32 = 32;

/// A turn ends at the latest after this time and the call that exceeds it.
const TIME: Duration = Duration::from_micros(200);

/// The clock is read once for so many calls that are answered in place.
const CALLS_PER_LOOK: u32 = 8;

/// A wake-up of a session.
#[derive(Debug)]
pub(super) struct Turn {
    began: Instant,
    /// What time it was when the clock was last read.
    pub(super) now: Instant,
    /// The same for meters.
    second: u64,
    /// How many more frames may be dealt with.
    left: u32,
    /// How many were answered since the last write.
    unwritten: u32,
    /// Whether some were answered since somebody asked.
    has_answered: bool,
    /// How many more calls are timed one by one, to find a slow one.
    timed: u32,
    /// Calls that got no line in the log, not yet counted.
    unlogged: Option<(Arc<Handler>, u64)>,
}

impl Turn {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            now,
            second: meter::second(now),
            left: CALLS,
            unwritten: 0,
            has_answered: false,
            timed: 0,
            unlogged: None,
        }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.began = now;
        self.left = CALLS;
        self.set_now(now);
    }

    /// Counts what got no line.
    pub(super) fn end(&mut self) {
        if let Some((handler, count)) = &mut self.unlogged
            && *count > 0
        {
            handler.meter.suppress(std::mem::take(count));
        }
    }

    /// Lets go of the procedure that was counted last.
    pub(super) fn forget(&mut self) {
        self.end();
        self.unlogged = None;
    }

    /// Whether what is ready is to be written before more is made.
    pub(super) fn wants_write(&self) -> bool {
        self.left == 0 || self.unwritten >= CALLS_PER_WRITE
    }

    /// Whether calls were answered since this was asked last.
    pub(super) fn take_has_answered(&mut self) -> bool {
        std::mem::take(&mut self.has_answered)
    }

    /// What was ready is written.
    pub(super) fn wrote(&mut self) {
        self.unwritten = 0;
    }

    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// A call was answered in place. Looks at the clock now and then, and whenever a slow method is searched.
    pub(super) fn count(&mut self, method: &NativeMethod) {
        self.unwritten += 1;
        self.has_answered = true;
        let timed = self.timed > 0;
        let Some(took) = self.pass(timed) else { return };
        if timed {
            self.timed -= 1;
            method.took(took);
        } else if took > native::SLOW {
            self.timed = CALLS;
        }
    }

    /// A frame was dealt with in some other way.
    pub(super) fn count_other(&mut self) {
        self.pass(false);
    }

    /// How many more frames may be dealt with.
    pub(super) fn left(&self) -> u32 {
        self.left
    }

    /// A frame less. How long it is since the clock was read last, where it was read: at the first of each
    /// [`CALLS_PER_LOOK`], or where that is asked for.
    fn pass(&mut self, look: bool) -> Option<Duration> {
        self.left = self.left.saturating_sub(1);
        if !look && self.left % CALLS_PER_LOOK != CALLS_PER_LOOK - 1 {
            return None;
        }
        let now = Instant::now();
        let took = now - self.now;
        if now - self.began > TIME {
            self.left = 0;
        }
        self.set_now(now);
        Some(took)
    }

    /// A call was answered that was waited for.
    pub(super) fn count_waited(&mut self) {
        self.has_answered = true;
    }

    /// Whether a call that ended without an exception gets a line in the log.
    pub(super) fn logs(&mut self, handler: &Arc<Handler>) -> bool {
        if handler.meter.admit_in(self.second) {
            return true;
        }
        match &mut self.unlogged {
            Some((last, count)) if Arc::ptr_eq(last, handler) => *count += 1,
            _ => {
                self.end();
                self.unlogged = Some((Arc::clone(handler), 1));
            }
        }
        false
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.second = meter::second(now);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}
