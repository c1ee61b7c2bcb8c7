//! [`Pressure`]: what one connection may cost: how long its messages are, how much of them may wait
//! to come whole, and how many bytes of answers its peer may leave untaken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::Reserved;
use super::end::EndReason;
use super::peers::Remote;
use crate::engine::SessionLoad;
use crate::server::Shared;
use wire::exception::{Exception, ExceptionType};

/// Bytes of an unfinished message that are not counted: as much as one read takes.
const FREE_UNFINISHED_BYTES: usize = 64 * 1024;

/// How long a connection pauses after a refused message, where its address sends too many.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);

/// What one connection may cost.
#[derive(Debug)]
pub(crate) struct Pressure {
    pub(crate) remote: Remote,
    /// What its calls share.
    pub(crate) load: Arc<SessionLoad>,
    shared: Arc<Shared>,
    unfinished: Reserved,
    untaken: Reserved,
    malformed: usize,
    /// Until when nothing more is read, since too much of what came was refused.
    paused_until: Option<Instant>,
}

impl Pressure {
    pub(crate) fn new(remote: Remote, shared: Arc<Shared>) -> Self {
        Self {
            load: Arc::new(SessionLoad::new(
                shared.limits.queued_bytes,
                Arc::clone(&remote.peer.lines),
            )),
            unfinished: shared.unfinished.part(&remote.peer.unfinished),
            untaken: shared.untaken.part(&remote.peer.untaken),
            malformed: 0,
            paused_until: None,
            remote,
            shared,
        }
    }

    /// Maximum number of bytes of a message. One who `may_deploy` is no stranger.
    pub(crate) fn frame_limit(&self, may_deploy: bool) -> usize {
        let limits = &self.shared.limits;
        if may_deploy
            || self
                .shared
                .registry
                .load()
                .identity()
                .knows(self.remote.address.ip())
        {
            limits.frame_bytes
        } else {
            limits.stranger_frame_bytes.min(limits.frame_bytes)
        }
    }

    /// So many bytes have come of a message that is not whole.
    ///
    /// # Errors
    /// The exception that ends the connection: the budget for such bytes is used up.
    pub(crate) fn set_unfinished(&mut self, bytes: usize) -> Result<(), Exception> {
        if self.unfinished.set(if bytes > FREE_UNFINISHED_BYTES {
            bytes
        } else {
            0
        }) {
            return Ok(());
        }
        let limit = self.shared.unfinished.limit();
        let what = format!(
            "the server holds too many bytes of messages that have not come whole: its limit is {limit} bytes, half of \
             it for one address"
        );
        Err(Exception::refused(ExceptionType::Unavailable, what))
    }

    /// A message has come whole: its bytes are no longer those of an unfinished one.
    pub(crate) fn end_message(&mut self) {
        if self.unfinished.is_used() {
            // Giving bytes back always succeeds.
            self.unfinished.set(0);
        }
    }

    /// The peer has left so many bytes of answers untaken. Beyond a limit it is clogged: no further
    /// call of it starts.
    ///
    /// # Errors
    /// Why the connection ends: the budget for such bytes is used up.
    pub(crate) fn set_untaken(&mut self, bytes: usize) -> Result<(), EndReason> {
        let limit = self.shared.limits.queued_bytes;
        self.load.set_untaken(bytes);
        if (bytes >= limit || self.untaken.is_used())
            && !self.untaken.set(bytes.saturating_sub(limit))
        {
            return Err(EndReason::UntakenAnswers);
        }
        Ok(())
    }

    /// A message was refused, or asked for nothing that a tenant asks for. Where its address sends
    /// too many of them, the connection pauses.
    pub(crate) fn count_refusal(&mut self, now: Instant) {
        let (count, limit) = (
            self.remote.peer.refusals.count(now),
            self.shared.limits.refusals,
        );
        if count > limit {
            self.paused_until = Some(now + REFUSAL_PAUSE);
        }
        if count == limit + 1 {
            let note = "its connections pause after each refused message";
            tracing::warn!(event = "slowed down", peer = %self.remote, refusals = limit, note);
        }
    }

    /// When the pause ends, where there is one.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Ends the pause, if it is over.
    pub(crate) fn end_pause(&mut self, now: Instant) {
        self.paused_until.take_if(|until| *until <= now);
    }

    /// A malformed message came. The answer: whether that is one too many.
    pub(crate) fn count_malformed(&mut self) -> bool {
        self.malformed += 1;
        self.malformed >= self.shared.limits.malformed
    }
}
