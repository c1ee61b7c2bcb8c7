//! [`Pressure`]: the limits of one connection: the length of its messages, and the bytes of its
//! incomplete messages and of its unread answers.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::budget::Reservation;
use super::end::EndReason;
use super::peers::Remote;
use super::room::{Claim, Rooms};
use super::timeouts::Reads;
use crate::calls::answer::{too_many_arguments, too_many_calls};
use crate::engine::{InFlight, SessionLoad};
use crate::shared::Shared;
use wire::block::READ_BYTES;
use wire::exception::{Exception, ExceptionType};
use wire::frame::FrameError;

/// Number of bytes of a message up to which it needs no room: as much as one read takes.
pub(crate) const FREE_BYTES: usize = READ_BYTES;

/// Number of bytes of a call's arguments up to which they are not counted: `--max-calls` bounds them.
const FREE_ARGUMENT_BYTES: usize = 4 << 10;

/// Time between two looks of a session whose message has room: does another one wait for it?
const ROOM_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Pause of a connection after a refused message, if its address sends too many of them.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);

/// Enforces the limits of one connection.
#[derive(Debug)]
pub(crate) struct Pressure {
    pub(crate) remote: Remote,
    /// What the calls of the connection share.
    pub(crate) load: Arc<SessionLoad>,
    shared: Arc<Shared>,
    /// For the bytes of an incomplete message.
    rooms: Rooms,
    /// What an incomplete message has of the rooms.
    claim: Claim,
    /// Since when others have waited for that room, and how many bytes of the message had come.
    contended: Option<(Instant, usize)>,
    /// Bytes of unread answers beyond `queued_bytes`.
    untaken: Reservation,
    /// Number of malformed messages.
    malformed: usize,
    /// The end of a pause in which nothing is read, because too many messages were refused.
    paused_until: Option<Instant>,
}

impl Pressure {
    pub(crate) fn new(remote: Remote, shared: Arc<Shared>) -> Self {
        Self {
            load: Arc::new(SessionLoad::new(
                shared.limits.queued_bytes,
                Arc::clone(&remote.peer.line_meter),
            )),
            rooms: Rooms {
                of_address: Arc::clone(&remote.peer.room),
                of_server: Arc::clone(&shared.room),
            },
            claim: Claim::None,
            contended: None,
            untaken: shared.untaken.reservation(&remote.peer.untaken),
            malformed: 0,
            paused_until: None,
            remote,
            shared,
        }
    }

    /// Returns the maximum number of bytes of a message. The limit is lower for strangers: peers
    /// that are not clients and have not proved the deploy key.
    pub(crate) fn frame_limit(&self, may_deploy: bool) -> usize {
        let limits = &self.shared.limits;
        if may_deploy || self.shared.registry.load().identity().knows(&self.remote) {
            limits.frame_bytes
        } else {
            limits.stranger_frame_bytes.min(limits.frame_bytes)
        }
    }

    /// Says to the peer why its bytes are not a message. Names the flag that limits the length.
    pub(crate) fn describe(&self, error: &FrameError) -> String {
        let FrameError::TooLong { limit, .. } = error else {
            return error.to_string();
        };
        let flag = if *limit == self.shared.limits.frame_bytes {
            "--max-frame"
        } else {
            "--max-stranger-frame"
        };
        format!("{error} ({flag})")
    }

    /// Says how many bytes the incomplete message has: 0 if there is none, or if that is not known. A
    /// long message takes room for all of them, or begins to wait for it.
    pub(crate) fn claim_room(&mut self, length: usize) {
        if length <= FREE_BYTES {
            self.end_message();
        } else if matches!(self.claim, Claim::None) {
            let timeout = self.shared.limits.header_timeout;
            self.claim = self.rooms.claim(length, timeout);
        }
    }

    /// Returns whether the message waits for room. Nothing is read meanwhile.
    pub(crate) fn waits_for_room(&self) -> bool {
        matches!(self.claim, Claim::Waits(_))
    }

    /// Returns when a session wakes up at the latest that is due to wake up at `due`. Nothing wakes it
    /// when another session begins to wait for its room, so it looks at an interval.
    pub(crate) fn next_look(&self, due: Instant, now: Instant) -> Instant {
        if self.has_room() {
            due.min(now + ROOM_LOOK_INTERVAL)
        } else {
            due
        }
    }

    /// Returns whether the message has room.
    fn has_room(&self) -> bool {
        matches!(self.claim, Claim::Has { .. })
    }

    /// Looks whether others wait for the room that the message has. `come` is the number of its bytes
    /// that have come. `is_excused` says that the server does not read it at present.
    pub(crate) fn look_at_room(&mut self, now: Instant, come: usize, is_excused: bool) {
        let is_contended = self.has_room() && !is_excused && self.rooms.are_awaited();
        self.contended = match self.contended {
            contended @ Some(_) if is_contended => contended,
            _ => is_contended.then_some((now, come)),
        };
    }

    /// Returns whether an open connection reads messages. `come` is the number of bytes of the
    /// incomplete message that have come.
    pub(crate) fn reads(&self, come: usize) -> Reads {
        match (&self.claim, self.contended) {
            (Claim::Waits(_), _) => Reads::Nothing,
            (_, Some((since, before))) => Reads::ContendedMessage {
                since,
                bytes: come.saturating_sub(before),
            },
            _ => Reads::Messages,
        }
    }

    /// Returns how many bytes may be read of a message whose length is not known, and of which `come`
    /// have come: without room, it may not become longer than the shortest long one.
    pub(crate) fn read_limit(&self, come: usize) -> usize {
        if self.has_room() {
            READ_BYTES
        } else {
            READ_BYTES.min(FREE_BYTES.saturating_sub(come) + 1)
        }
    }

    /// Waits for room.
    ///
    /// # Errors
    /// Returns the exception that ends the connection, if there is no room in time.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Exception>> {
        self.claim.poll(cx).map(|has_room| {
            if has_room {
                return Ok(());
            }
            let limits = &self.shared.limits;
            let what = format!(
                "the server holds too many bytes of incomplete messages: its limit is {} bytes (--max-unfinished), and \
                 half of it for one address. There was no room within {:?} (--header-timeout)",
                limits.unfinished_bytes, limits.header_timeout
            );
            Err(Exception::refused(ExceptionType::Unavailable, what))
        })
    }

    /// Waits for room, as [`poll_room`](Self::poll_room) does.
    pub(crate) async fn room(&mut self) -> Result<(), Exception> {
        std::future::poll_fn(|cx| self.poll_room(cx)).await
    }

    /// Records that the message is complete, or that the rest of it is not read. Its bytes no longer
    /// count.
    pub(crate) fn end_message(&mut self) {
        self.claim = Claim::None;
        self.contended = None;
    }

    /// Counts a call with that many bytes of arguments.
    ///
    /// # Errors
    /// Returns the exception of a call beyond the limits of the server.
    pub(crate) fn count_call(&self, arguments: usize) -> Result<InFlight, Exception> {
        let shared = &self.shared;
        let permit = Arc::clone(&shared.calls)
            .try_acquire_owned()
            .map_err(|_| too_many_calls(shared.limits.calls))?;
        let arguments = if arguments > FREE_ARGUMENT_BYTES {
            let mut reservation = shared.arguments.reservation(&self.remote.peer.arguments);
            if !reservation.set(arguments) {
                return Err(too_many_arguments(shared.limits.argument_bytes));
            }
            Some(reservation)
        } else {
            None
        };
        Ok(InFlight::new(permit, arguments, &self.load))
    }

    /// Sets how many bytes of answers the peer has not read. From a limit on, no further call of
    /// the connection starts.
    ///
    /// # Errors
    /// Returns why the connection ends, if the budget for such bytes is used up.
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

    /// Counts a message that was refused, or that tenants do not need, such as one ping too many.
    /// If the address sends too many of them, the connection pauses.
    pub(crate) fn count_refusal(&mut self, now: Instant) {
        let count = self.remote.peer.refusals.count(now);
        let limit = self.shared.limits.refusals;
        if count > limit {
            self.paused_until = Some(now + REFUSAL_PAUSE);
        }
        if count == limit.saturating_add(1) {
            let note = "its connections pause after each refused message (--max-refusals)";
            tracing::warn!(event = "slowed down", peer = %self.remote, refusals = limit, note);
        }
    }

    /// Returns when the pause ends, if there is one.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Ends the pause, if it is over.
    pub(crate) fn end_pause(&mut self, now: Instant) {
        self.paused_until.take_if(|until| *until <= now);
    }

    /// Counts a malformed message. Returns whether the limit is reached.
    pub(crate) fn count_malformed(&mut self) -> bool {
        self.malformed += 1;
        self.malformed >= self.shared.limits.malformed
    }
}
