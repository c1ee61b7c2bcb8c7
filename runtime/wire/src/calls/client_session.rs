//! [`ClientSession`]: a client's end of a binary session, without a socket.
//!
//! ```text
//! begin --> BIND, REQ --> link.outbox ~~~> socket
//! take  <-- outgoing  <-- receive <-- link.inbox <~~~ socket
//! ```

use std::time::Instant;

use super::failure::{CallFailure, Disconnect, SessionLoss};
use super::outgoing::{NewCall, Outgoing};
use crate::binary::{self, Frame, Hello, Kind, Request};
use crate::block::BlockPlace;
use crate::exception::{Exception, ExceptionType};
use crate::frame::MAX_FRAME_LIMIT;
use crate::link::{Event, Link};
use crate::outbox::Outbox;
use crate::procedure::Procedure;
use crate::value::Value;

/// Marks a slot that has to be bound again.
const UNBOUND: u32 = 1 << 31;

/// Marks a procedure that has no slot.
const NO_SLOT: u32 = u32::MAX;

/// One binary session of a client. `W` is what wakes the caller of a call that is done.
#[derive(Debug)]
pub struct ClientSession<W> {
    /// What both ends of a session have in common: input, output, greeting.
    pub link: Link,
    bindings: Bindings,
    outgoing: Outgoing<W>,
    progress: WriteProgress,
    server: Option<ServerHello>,
    /// Whether the server takes no more calls.
    is_drained: bool,
    /// The exception that the server sent about the whole session. The session ends when the calls
    /// in flight are answered.
    session_exception: Option<Exception>,
    is_lost: bool,
}

/// What the server's HELLO says.
#[derive(Debug, Clone, Copy)]
pub struct ServerHello {
    max_frame: usize,
    /// How long the server keeps an idle session, in milliseconds. 0: without a limit.
    pub idle_timeout_ms: u32,
}

/// When a call is made, and when its caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub struct CallTime {
    /// The present time.
    pub now: Instant,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

/// How much of the output was written.
#[derive(Debug, Default)]
struct WriteProgress {
    /// How many bytes were put into the outbox so far.
    queued: u64,
    /// How many of them the kernel has taken; `written <= maybe_written`.
    written: u64,
    /// How many of them the kernel may have taken, while a write is under way; `maybe_written <=
    /// queued`.
    maybe_written: u64,
}

/// The slots of procedures.
#[derive(Debug, Default)]
struct Bindings {
    /// By [`Procedure::number`]: the slot, perhaps marked as [`UNBOUND`], or [`NO_SLOT`].
    slots: Vec<u32>,
    /// By slot: the procedure's number.
    procedures: Vec<usize>,
}

impl<W> ClientSession<W> {
    /// Begins a session with the HELLO of this client.
    pub fn new(client: &str) -> Self {
        let mut link = Link::new(MAX_FRAME_LIMIT);
        let hello = Hello {
            lowest: binary::VERSION,
            highest: binary::VERSION,
            max_frame: MAX_FRAME_LIMIT as u32,
            idle_timeout_ms: 0,
            name: client,
        };
        binary::put_hello(&hello, &mut link.outbox);
        let queued = link.outbox.len() as u64;
        Self {
            link,
            bindings: Bindings::default(),
            outgoing: Outgoing::default(),
            progress: WriteProgress {
                queued,
                ..WriteProgress::default()
            },
            server: None,
            is_drained: false,
            session_exception: None,
            is_lost: false,
        }
    }

    /// Returns whether the call has no answer so far.
    pub fn is_waiting(&self, call: u64) -> bool {
        self.outgoing.is_waiting(call)
    }

    /// Returns how many calls wait.
    pub fn waiting(&self) -> usize {
        self.outgoing.waiting()
    }

    /// Returns whether calls may begin.
    pub fn takes_more(&self) -> bool {
        !self.is_drained && self.session_exception.is_none() && !self.is_lost
    }

    /// Returns what the server's HELLO says. `None` until it has arrived.
    pub fn server(&self) -> Option<ServerHello> {
        self.server
    }

    /// Begins a call and returns its number; `put` appends its arguments.
    ///
    /// # Errors
    /// Why this session does not send the call.
    pub fn begin(
        &mut self,
        procedure: &'static Procedure,
        time: CallTime,
        waiter: Option<W>,
        put: impl FnOnce(&mut Outbox),
    ) -> Result<u64, CallFailure> {
        if !self.takes_more() {
            let ended = || SessionLoss::Connection(Disconnect::new("the session ended"));
            return Err(CallFailure::NotTaken(
                self.session_exception
                    .clone()
                    .map_or_else(ended, SessionLoss::Exception),
            ));
        }
        let before = self.link.outbox.len();
        let slot = self.bindings.slot(procedure, &mut self.link.outbox);
        let block_place = procedure.types().ok().and_then(|types| types.block);
        let new = NewCall {
            slot,
            deadline: time.deadline,
            waiter,
            block_place,
        };
        let begun = self.outgoing.begin(new);
        let result = match begun {
            Some(call) => self.put_request(
                Request {
                    call,
                    slot,
                    deadline_ms: Some(time.left_ms()),
                },
                put,
            ),
            None => Err(CallFailure::TooManyCalls),
        };
        self.progress.queue(before, self.link.outbox.len());
        if let Some(call) = begun {
            match &result {
                Ok(_) => self.outgoing.set_sent_at(call, self.progress.queued),
                Err(_) => self.outgoing.undo(call),
            }
        }
        result
    }

    fn put_request(
        &mut self,
        request: Request,
        put: impl FnOnce(&mut Outbox),
    ) -> Result<u64, CallFailure> {
        let out = &mut self.link.outbox;
        let mark = binary::begin_request(&request, out);
        put(out);
        let length = out.frame_len(mark);
        let limit = self
            .server
            .map_or(MAX_FRAME_LIMIT, |server| server.max_frame);
        if length > limit {
            out.discard_frame(mark);
            return Err(CallFailure::TooLong { length, limit });
        }
        out.end_frame(mark);
        Ok(request.call)
    }

    /// Records that this many bytes are offered to the kernel. [`wrote`](Self::wrote) follows.
    pub fn writes(&mut self, count: usize) {
        self.progress.maybe_written = self.progress.written.saturating_add(count as u64);
    }

    /// Records that the kernel took this many bytes.
    pub fn wrote(&mut self, count: usize) {
        self.progress.written = self.progress.written.saturating_add(count as u64);
        self.progress.maybe_written = self.progress.written;
    }

    /// Handles every frame that has arrived. `wake` gets the waiter of each call that is done.
    pub fn receive(&mut self, now: Instant, mut wake: impl FnMut(W)) {
        self.link.refill_allowance(now);
        while !self.is_lost {
            let before = self.link.outbox.len();
            let outgoing = &self.outgoing;
            let event = match self.link.next(|head| find_block(outgoing, head)) {
                Ok(None) => return,
                Ok(Some((event, _))) => event,
                Err(error) => return self.lose(SessionLoss::Protocol(error.to_string()), wake),
            };
            let handled = match event {
                Event::Hello(hello) if hello.lowest != binary::VERSION => Err(format!(
                    "the server speaks version {} of the protocol",
                    hello.lowest
                )),
                Event::Hello(hello) => {
                    let Hello {
                        max_frame,
                        idle_timeout_ms,
                        ..
                    } = hello;
                    self.server = Some(ServerHello {
                        max_frame: max_frame as usize,
                        idle_timeout_ms,
                    });
                    Ok(())
                }
                Event::Frame(Frame::Returned(call), values) => {
                    self.outgoing.succeed(call, values, &mut wake)
                }
                Event::Frame(Frame::Exception(0, exception), _) => {
                    self.session_exception = Some(*exception);
                    Ok(())
                }
                Event::Frame(Frame::Exception(call, exception), _) => {
                    self.fail(call, *exception, &mut wake)
                }
                Event::Frame(Frame::Drain(last), _) => {
                    self.drain(last, &mut wake);
                    Ok(())
                }
                Event::Handled | Event::Frame(Frame::Bound(_) | Frame::Pong(_), _) => Ok(()),
                Event::Frame(other, _) => Err(format!("a server sends no {}", other.name())),
            };
            self.progress.queue(before, self.link.outbox.len());
            if let Err(what) = handled {
                return self.lose(SessionLoss::Protocol(what), wake);
            }
        }
    }

    fn fail(
        &mut self,
        call: u64,
        exception: Exception,
        wake: &mut impl FnMut(W),
    ) -> Result<(), String> {
        // After this exception the slot may not be bound. After any other it is.
        let may_be_unbound = exception.kind == ExceptionType::MalformedMessage;
        let slot = self.outgoing.slot(call);
        self.outgoing
            .fail(call, CallFailure::Exception(exception), wake)?;
        if let Some(slot) = slot.filter(|_| may_be_unbound) {
            self.bindings.unbind(slot);
        }
        Ok(())
    }

    /// Fails the calls after `last`: the server does not accept them.
    fn drain(&mut self, last: u64, wake: &mut impl FnMut(W)) {
        self.is_drained = true;
        let loss = SessionLoss::Connection(Disconnect::new("the server stops"));
        let failure = |call, _| (call > last).then(|| CallFailure::NotTaken(loss.clone()));
        self.outgoing.fail_each(failure, wake);
    }

    /// Ends the session. Every waiting call fails.
    pub fn lose(&mut self, loss: SessionLoss, mut wake: impl FnMut(W)) {
        let loss = self
            .session_exception
            .clone()
            .map_or(loss, SessionLoss::Exception);
        // A peer that refuses this end has taken none of its calls.
        let maybe_written = match loss {
            SessionLoss::Refused(_) => 0,
            _ => self.progress.maybe_written,
        };
        let failure = |_, sent_at| {
            let may_have_run = sent_at <= maybe_written;
            let failure = if may_have_run {
                CallFailure::NoAnswer
            } else {
                CallFailure::NotTaken
            };
            Some(failure(loss.clone()))
        };
        self.outgoing.fail_each(failure, &mut wake);
        self.is_lost = true;
        // Calls that failed must not be sent.
        self.link.outbox = Outbox::default();
    }

    /// Wakes the callers whose deadline has passed. Returns the earliest deadline of the others.
    pub fn expire(&mut self, now: Instant, wake: impl FnMut(W)) -> Option<Instant> {
        self.outgoing.expire(now, wake)
    }

    /// Returns whether the session was [lost](Self::lose).
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Takes the waiter of any waiting call.
    pub fn any_waiter(&mut self) -> Option<W> {
        self.outgoing.any_waiter()
    }

    /// Sets whom to wake when the call is done.
    pub fn set_waiter(&mut self, call: u64, waiter: W) {
        self.outgoing.set_waiter(call, waiter);
    }

    /// Returns the result of a call that is done, and forgets the call. `None` while the call
    /// waits.
    pub fn take<R: Value>(&mut self, call: u64) -> Option<Result<R, CallFailure>> {
        let (result, block) = self.outgoing.take(call)?;
        if let Some(block) = block {
            self.link.inbox.lend_block(block);
        }
        Some(result)
    }

    /// Abandons a call, and tells the server.
    pub fn give_up(&mut self, call: u64) {
        let was_waiting = self.outgoing.give_up(call);
        if was_waiting && !self.is_lost {
            let before = self.link.outbox.len();
            binary::put_cancel(call, &mut self.link.outbox);
            self.progress.queue(before, self.link.outbox.len());
        }
    }
}

impl CallTime {
    /// Returns the milliseconds until the deadline, rounded up.
    fn left_ms(self) -> u32 {
        let left = self
            .deadline
            .saturating_duration_since(self.now)
            .as_nanos()
            .div_ceil(1_000_000);
        u32::try_from(left).unwrap_or(binary::NO_DEADLINE - 1)
    }
}

impl WriteProgress {
    /// Records that the outbox has grown to `after` bytes, from `before`.
    fn queue(&mut self, before: usize, after: usize) {
        let more = after.saturating_sub(before) as u64;
        self.queued = self.queued.saturating_add(more);
    }
}

impl Bindings {
    /// Returns the slot of a procedure, and writes a BIND before its first call.
    fn slot(&mut self, procedure: &'static Procedure, out: &mut Outbox) -> u32 {
        let number = procedure.number();
        let known = self.slots.get(number).copied().unwrap_or(NO_SLOT);
        if known & UNBOUND == 0 {
            return known;
        }
        let slot = if known == NO_SLOT {
            let next = self.procedures.len() as u32;
            self.procedures.push(number);
            next
        } else {
            known & !UNBOUND
        };
        if self.slots.len() <= number {
            self.slots.resize(number.saturating_add(1), NO_SLOT);
        }
        if let Some(known) = self.slots.get_mut(number) {
            *known = slot;
        }
        let Procedure {
            service,
            rpc,
            arguments,
            returns,
            ..
        } = procedure;
        binary::put_bind(slot, (service, rpc), arguments, Some(returns), out);
        slot
    }

    /// Marks a slot, so that it is bound again before its next call.
    fn unbind(&mut self, slot: u32) {
        if let Some(number) = self.procedures.get(slot as usize)
            && let Some(known) = self.slots.get_mut(*number)
        {
            *known |= UNBOUND;
        }
    }
}

/// Returns where the block of a RES begins; see [`Inbox::next`](crate::inbox::Inbox::next).
fn find_block<W>(outgoing: &Outgoing<W>, head: &[u8]) -> Option<BlockPlace> {
    let (kind, rest) = head.split_first()?;
    let (call, _) = rest.split_first_chunk()?;
    if *kind != Kind::Returned as u8 {
        return None;
    }
    let place = outgoing.block_place(u64::from_le_bytes(*call))?;
    Some(place.shifted_by(binary::RESULT_HEAD))
}

#[cfg(test)]
mod tests;
