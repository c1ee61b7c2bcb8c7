//! [`Turn`]: one wake-up of a session, and how much it may still do.

use std::time::{Duration, Instant};

use crate::connection::stream::MAX_READ_PER_TURN;
use crate::engine::native::{self, NativeMethod};

/// Maximum number of frames that are handled before other sessions have their turn.
const MAX_FRAMES: u32 = 64;

/// Maximum number of answers that are collected before they are written. The client works on
/// these answers while the server works on the next ones.
const MAX_UNWRITTEN_ANSWERS: u32 = 32;

/// Maximum time of a turn. The turn ends after the call that exceeds it.
const MAX_TIME: Duration = Duration::from_micros(200);

/// Number of frames for which the clock is read once.
const FRAMES_PER_CLOCK_READ: u32 = 8;

/// A wake-up of a session.
#[derive(Debug)]
pub(super) struct Turn {
    began_at: Instant,
    /// When the clock was last read.
    pub(super) now: Instant,
    /// Number of frames that may still be handled.
    frames_left: u32,
    /// Number of bytes that were read.
    read_bytes: usize,
    /// Number of answers since the last write.
    unwritten: u32,
    /// Whether calls were answered since the last
    /// [`take_has_answered`](Self::take_has_answered).
    has_answered: bool,
    /// Number of calls that are still timed one by one, to find the slow method.
    timed_left: u32,
}

impl Turn {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began_at: now,
            now,
            frames_left: MAX_FRAMES,
            read_bytes: 0,
            unwritten: 0,
            has_answered: false,
            timed_left: 0,
        }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.began_at = now;
        self.now = now;
        self.frames_left = MAX_FRAMES;
        self.read_bytes = 0;
    }

    /// Records that bytes were read. Returns whether other sessions have their turn before more are
    /// read.
    pub(super) fn count_read(&mut self, bytes: usize) -> bool {
        self.read_bytes += bytes;
        self.read_bytes >= MAX_READ_PER_TURN
    }

    /// Returns whether the answers should be written before more frames are handled.
    pub(super) fn wants_write(&self) -> bool {
        self.frames_left == 0 || self.unwritten >= MAX_UNWRITTEN_ANSWERS
    }

    /// Returns whether calls were answered since the last call of this method.
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

    /// Records that a call was answered in place. Reads the clock at some calls. After a slow
    /// stretch, reads it at every call, to find the slow method.
    pub(super) fn count(&mut self, method: &NativeMethod) {
        self.unwritten += 1;
        self.has_answered = true;
        let is_timed = self.timed_left > 0;
        let Some(time) = self.count_frame(is_timed) else {
            return;
        };
        if is_timed {
            self.timed_left -= 1;
            method.record_time(time);
        } else if time > native::SLOW {
            self.timed_left = MAX_FRAMES;
        }
    }

    /// Records that a frame was handled that is not a call answered in place.
    pub(super) fn count_other(&mut self) {
        self.count_frame(false);
    }

    /// Returns the number of frames that may still be handled.
    pub(super) fn left(&self) -> u32 {
        self.frames_left
    }

    /// Counts a frame. Reads the clock at the first of each [`FRAMES_PER_CLOCK_READ`] frames, or if
    /// `is_timed` is set. If it read the clock, returns the time since it was last read.
    fn count_frame(&mut self, is_timed: bool) -> Option<Duration> {
        self.frames_left = self.frames_left.saturating_sub(1);
        if !is_timed && self.frames_left % FRAMES_PER_CLOCK_READ != FRAMES_PER_CLOCK_READ - 1 {
            return None;
        }
        let now = Instant::now();
        let time = now - self.now;
        if now - self.began_at > MAX_TIME {
            self.frames_left = 0;
        }
        self.now = now;
        Some(time)
    }

    /// Records that a call that did not end in place was answered.
    pub(super) fn count_waited(&mut self) {
        self.has_answered = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_a_number_of_frames() {
        // A turn that begins later takes no time.
        let mut turn = Turn::new(Instant::now() + Duration::from_hours(1));
        for _ in 1..MAX_FRAMES {
            turn.count_other();
        }
        assert!(!turn.is_over() && turn.left() == 1);
        turn.count_other();
        assert!(turn.is_over() && turn.wants_write());
        turn.begin(Instant::now() + Duration::from_hours(1));
        assert_eq!(turn.left(), MAX_FRAMES);
    }

    #[test]
    fn a_turn_ends_after_a_time() {
        let mut turn = Turn::new(Instant::now());
        turn.began_at = Instant::now()
            .checked_sub(MAX_TIME)
            .expect("an earlier time");
        assert!(!turn.is_over());
        // The clock is read at the first frame.
        turn.count_other();
        assert!(turn.is_over());
    }
}
