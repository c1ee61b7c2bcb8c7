//! [`Turn`]: one wake-up of a session, and what is left of it.

use std::time::{Duration, Instant};

use crate::engine::native::{self, NativeMethod};

/// Maximum number of frames that are handled before other sessions have their turn.
const MAX_FRAMES: u32 = 64;

/// Maximum number of answers that are put before they are written. The client works on them while
/// the server works on the next ones.
const MAX_UNWRITTEN_ANSWERS: u32 = 32;

/// Maximum time of a turn. It ends with the call that exceeds it.
const MAX_TIME: Duration = Duration::from_micros(200);

/// How many calls that are answered in place share one look at the clock.
const CALLS_PER_LOOK: u32 = 8;

/// A wake-up of a session.
#[derive(Debug)]
pub(super) struct Turn {
    began_at: Instant,
    /// When the clock was last read.
    pub(super) now: Instant,
    /// How many more frames may be handled.
    frames_left: u32,
    /// How many answers were put since the last write.
    unwritten: u32,
    /// Whether calls were answered since [`take_has_answered`](Self::take_has_answered).
    has_answered: bool,
    /// How many more calls are timed one by one, to find a slow one.
    timed_left: u32,
}

impl Turn {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began_at: now,
            now,
            frames_left: MAX_FRAMES,
            unwritten: 0,
            has_answered: false,
            timed_left: 0,
        }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.began_at = now;
        self.now = now;
        self.frames_left = MAX_FRAMES;
    }

    /// Returns whether answers are to be written before more calls are handled.
    pub(super) fn wants_write(&self) -> bool {
        self.frames_left == 0 || self.unwritten >= MAX_UNWRITTEN_ANSWERS
    }

    /// Returns whether calls were answered since this was last called.
    pub(super) fn take_has_answered(&mut self) -> bool {
        std::mem::take(&mut self.has_answered)
    }

    /// Records that all answers were written.
    pub(super) fn wrote(&mut self) {
        self.unwritten = 0;
    }

    pub(super) fn is_over(&self) -> bool {
        self.frames_left == 0
    }

    /// Records that a call was answered in place. Reads the clock now and then, and at every call
    /// while a slow method is looked for.
    pub(super) fn count(&mut self, method: &NativeMethod) {
        self.unwritten += 1;
        self.has_answered = true;
        let timed = self.timed_left > 0;
        let Some(took) = self.count_frame(timed) else {
            return;
        };
        if timed {
            self.timed_left -= 1;
            method.took(took);
        } else if took > native::SLOW {
            self.timed_left = MAX_FRAMES;
        }
    }

    /// Records that a frame was handled in another way.
    pub(super) fn count_other(&mut self) {
        self.count_frame(false);
    }

    /// Returns how many more frames may be handled.
    pub(super) fn left(&self) -> u32 {
        self.frames_left
    }

    /// Counts a frame. Reads the clock at the first of each [`CALLS_PER_LOOK`] frames, and if
    /// `look` is set. Returns the time since the last look, if it looked.
    fn count_frame(&mut self, look: bool) -> Option<Duration> {
        self.frames_left = self.frames_left.saturating_sub(1);
        if !look && self.frames_left % CALLS_PER_LOOK != CALLS_PER_LOOK - 1 {
            return None;
        }
        let now = Instant::now();
        let took = now - self.now;
        if now - self.began_at > MAX_TIME {
            self.frames_left = 0;
        }
        self.now = now;
        Some(took)
    }

    /// Records that a call was answered that was waited for.
    pub(super) fn count_waited(&mut self) {
        self.has_answered = true;
    }
}
