//! [`Core`]: the client's side of one binary session, without a socket.
//!
//! ```text
//! begin --> waiting --RES, EX, loss--> done --take--> free
//!              |
//!            give up --> given up --RES, EX--> free
//! ```

use std::time::Instant;

use super::connect::unavailable;
use super::failure::{Failure, Loss};
use crate::error::{Error, ErrorKind};
use crate::private::Procedure;
use crate::wire::binary::{self, Frame, Hello, Kind, Request};
use crate::wire::block::{Block, BlockPlace};
use crate::wire::exception::{Exception, ExceptionType, Executed};
use crate::wire::frame::MAX_FRAME_LIMIT;
use crate::wire::link::{Event, Link};
use crate::wire::outbox::Outbox;
use crate::wire::value::{DecodeError, Reader, Value};

/// Calls in flight on one session at most. The place of a call is the lower part of its number.
const MAX_CALLS: usize = 1 << 16;

const PLACE_BITS: u32 = 16;

/// A slot that a procedure does not have, or has to bind again.
const UNBOUND: u32 = 1 << 31;

/// One binary session, as far as it does not touch the socket. `W` is told when a call is done.
#[derive(Debug)]
pub(super) struct Core<W> {
    pub(super) link: Link,
    /// The slot of each procedure by its number, or `UNBOUND`, with the slot it had.
    slots: Vec<u32>,
    next_slot: u32,
    entries: Vec<Entry<W>>,
    /// Places without a call.
    free: Vec<u32>,
    /// How many calls have begun.
    begun: u64,
    /// How many calls wait.
    waiting: usize,
    /// How many bytes have been put into the outbox and taken out of it to be written.
    queued: u64,
    /// How many bytes the kernel has taken; `written <= queued`.
    written: u64,
    /// How many it may have taken, while somebody writes; `maybe_written <= queued`.
    maybe_written: u64,
    far: Option<Far>,
    /// The server takes no more calls.
    drained: bool,
    /// What the server said of the whole session; it ends when what is in flight is answered.
    told: Option<Exception>,
    /// Whether nothing more will come.
    lost: bool,
}

/// What the server said of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Far {
    max_frame: usize,
    /// How long it keeps an idle session.
    pub(super) idle_timeout_ms: u32,
}

#[derive(Debug)]
struct Entry<W> {
    call: u64,
    procedure: &'static Procedure,
    state: State,
    waiter: Option<W>,
    /// The call is sent when so many bytes are written.
    end: u64,
    until: Instant,
    values: Vec<u8>,
    block: Option<Block>,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting,
    /// Nobody waits for it.
    GivenUp,
    /// The values have come.
    Returned,
    Failed(Failure),
}

impl<W> Core<W> {
    /// A session that begins with a HELLO of that client.
    pub(super) fn new(client: &str) -> Self {
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
            slots: Vec::new(),
            next_slot: 0,
            entries: Vec::new(),
            free: Vec::new(),
            begun: 0,
            waiting: 0,
            queued,
            written: 0,
            maybe_written: 0,
            far: None,
            drained: false,
            told: None,
            lost: false,
        }
    }

    /// Whether that call has no answer.
    pub(super) fn is_waiting(&self, call: u64) -> bool {
        awaited(&self.entries, call).is_ok()
    }

    /// How many calls wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether calls may begin.
    pub(super) fn takes_more(&self) -> bool {
        !self.drained && self.told.is_none() && !self.lost
    }

    /// What the server said of itself, once it has.
    pub(super) fn far(&self) -> Option<Far> {
        self.far
    }

    /// Begins a call; `put` appends its arguments. The answer: its number, or that this session takes no more.
    ///
    /// # Errors
    /// Outside, too many calls, or arguments that no frame holds; inside, a session that has ended. Nothing was sent.
    pub(super) fn begin(
        &mut self,
        procedure: &'static Procedure,
        (now, until): (Instant, Instant),
        waiter: Option<W>,
        put: impl FnOnce(&mut Outbox),
    ) -> Result<Result<u64, Failure>, Error> {
        if !self.takes_more() {
            let ended = Loss::Connection("the session ended".to_owned());
            return Ok(Err(Failure::NotTaken(self.told.clone().map_or(ended, Loss::Told))));
        }
        let place = self.free_place(procedure, until)?;
        let call = (self.begun + 1) << PLACE_BITS | u64::from(place);
        let before = self.link.outbox.len();
        let slot = self.slot(procedure);
        let left = until.saturating_duration_since(now).as_nanos().div_ceil(1_000_000);
        let deadline_ms = Some(u32::try_from(left).unwrap_or(binary::NO_DEADLINE - 1));
        let out = &mut self.link.outbox;
        let mark = binary::begin_request(&Request { call, slot, deadline_ms }, out);
        put(out);
        let (length, limit) = (out.frame_len(mark), self.far.map_or(MAX_FRAME_LIMIT, |far| far.max_frame));
        if length > limit {
            out.take_back(mark);
            self.queued += (out.len() - before) as u64;
            self.free.push(place);
            let message = format!("a request of {length} bytes is over the server's limit of {limit} bytes");
            return Err(Error::local(
                ErrorKind::Exception(ExceptionType::MalformedMessage),
                Executed::No,
                message,
            ));
        }
        out.end_frame(mark);
        self.queued += (out.len() - before) as u64;
        self.begun += 1;
        self.waiting += 1;
        let end = self.queued;
        let entry = &mut self.entries[place as usize];
        (entry.call, entry.state, entry.end, entry.waiter) = (call, State::Waiting, end, waiter);
        Ok(Ok(call))
    }

    fn free_place(&mut self, procedure: &'static Procedure, until: Instant) -> Result<u32, Error> {
        if let Some(place) = self.free.pop() {
            let entry = &mut self.entries[place as usize];
            (entry.procedure, entry.until) = (procedure, until);
            return Ok(place);
        }
        if self.entries.len() == MAX_CALLS {
            return Err(unavailable(format!("{MAX_CALLS} calls are in flight on one session, its limit")));
        }
        let (values, block) = (Vec::new(), None);
        let state = State::Free;
        self.entries.push(Entry { call: 0, procedure, state, waiter: None, end: 0, until, values, block });
        Ok(self.entries.len() as u32 - 1)
    }

    /// The slot of a procedure, bound in front of the first call.
    fn slot(&mut self, procedure: &'static Procedure) -> u32 {
        let number = procedure.number();
        if self.slots.len() <= number {
            self.slots.resize(number + 1, u32::MAX);
        }
        let slot = self.slots[number];
        if slot & UNBOUND == 0 {
            return slot;
        }
        let slot = if slot == u32::MAX {
            self.next_slot += 1;
            self.next_slot - 1
        } else {
            slot & !UNBOUND
        };
        self.slots[number] = slot;
        let Procedure { service, rpc, arguments, returns, .. } = procedure;
        binary::put_bind(slot, (service, rpc), arguments, Some(returns), &mut self.link.outbox);
        slot
    }

    /// So many bytes are offered to the kernel, by somebody who will say how many it took.
    pub(super) fn writes(&mut self, count: usize) {
        self.maybe_written = self.written + count as u64;
    }

    /// The kernel took so many bytes.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        self.maybe_written = self.written;
    }

    /// Deals with every frame that has come. `wake` is given whoever waits for what is done.
    pub(super) fn take_in(&mut self, now: Instant, mut wake: impl FnMut(W)) {
        self.link.tick(now);
        while !self.lost {
            let (entries, before) = (&self.entries, self.link.outbox.len());
            let event = match self.link.next(|head| find_block(entries, head)) {
                Ok(None) => return,
                Ok(Some((event, _))) => event,
                Err(error) => return self.lose(Loss::Protocol(error.to_string()), wake),
            };
            let taken = match event {
                Event::Hello(hello) if hello.lowest != binary::VERSION => {
                    Err(format!("the server speaks version {} of the protocol", hello.lowest))
                }
                Event::Hello(hello) => {
                    let Hello { max_frame, idle_timeout_ms, .. } = hello;
                    self.far = Some(Far { max_frame: max_frame as usize, idle_timeout_ms });
                    Ok(())
                }
                Event::Frame(Frame::Returned(call), values) => {
                    returned(&mut self.entries, call, values).map(|place| self.end(place, None, &mut wake))
                }
                Event::Frame(Frame::Exception(0, exception), _) => {
                    self.told = Some(*exception);
                    Ok(())
                }
                Event::Frame(Frame::Exception(call, exception), _) => self.fail(call, *exception, &mut wake),
                Event::Frame(Frame::Drain(last), _) => {
                    self.drain(last, &mut wake);
                    Ok(())
                }
                Event::Settled | Event::Frame(Frame::Bound(_) | Frame::Pong(_), _) => Ok(()),
                Event::Frame(other, _) => Err(format!("a server sends no {}", other.name())),
            };
            self.queued += (self.link.outbox.len() - before) as u64;
            if let Err(what) = taken {
                return self.lose(Loss::Protocol(what), wake);
            }
        }
    }

    /// An answer came; `failure` says why it has no values.
    fn end(&mut self, place: usize, failure: Option<Failure>, wake: &mut impl FnMut(W)) {
        let entry = &mut self.entries[place];
        if let State::GivenUp = entry.state {
            return self.release(place);
        }
        entry.state = failure.map_or(State::Returned, State::Failed);
        self.waiting -= 1;
        entry.waiter.take().map(wake);
    }

    fn fail(&mut self, call: u64, exception: Exception, wake: &mut impl FnMut(W)) -> Result<(), String> {
        let place = awaited(&self.entries, call)?;
        // The slot may not be bound. After any other refusal it is, and looked up again at the next call.
        if exception.kind == ExceptionType::MalformedMessage {
            let number = self.entries[place].procedure.number();
            self.slots[number] |= UNBOUND;
        }
        self.end(place, Some(Failure::Exception(exception)), wake);
        Ok(())
    }

    /// The server takes no call after that one.
    fn drain(&mut self, last: u64, wake: &mut impl FnMut(W)) {
        self.drained = true;
        let loss = Loss::Connection("the server stops".to_owned());
        self.give_back(|entry| (entry.call > last).then(|| Failure::NotTaken(loss.clone())), wake);
    }

    /// Nothing more will come.
    pub(super) fn lose(&mut self, loss: Loss, mut wake: impl FnMut(W)) {
        let loss = self.told.clone().map_or(loss, Loss::Told);
        let written = self.maybe_written;
        let failure = |entry: &Entry<W>| {
            let is_sent = entry.end <= written;
            Some(if is_sent { Failure::NoAnswer(loss.clone()) } else { Failure::NotTaken(loss.clone()) })
        };
        self.give_back(failure, &mut wake);
        self.lost = true;
        // What is given back must not be sent any more.
        self.link.outbox = Outbox::default();
    }

    /// Wakes whose time is over; the answer is when the next one's is.
    #[cfg(feature = "async")]
    pub(super) fn expire(&mut self, now: Instant, mut wake: impl FnMut(W)) -> Option<Instant> {
        let mut next = None;
        for entry in self.entries.iter_mut().filter(|entry| matches!(entry.state, State::Waiting)) {
            if entry.until <= now {
                entry.waiter.take().map(&mut wake);
            } else {
                next = Some(next.map_or(entry.until, |next: Instant| next.min(entry.until)));
            }
        }
        next
    }

    /// Whether nothing more will come.
    #[cfg(feature = "async")]
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    fn give_back(&mut self, failure: impl Fn(&Entry<W>) -> Option<Failure>, wake: &mut impl FnMut(W)) {
        for entry in &mut self.entries {
            if let State::Waiting = entry.state
                && let Some(failure) = failure(entry)
            {
                entry.state = State::Failed(failure);
                self.waiting -= 1;
                entry.waiter.take().map(&mut *wake);
            }
        }
    }

    /// Whoever waits for some call.
    pub(super) fn any_waiter(&mut self) -> Option<W> {
        let waits = |entry: &&mut Entry<W>| matches!(entry.state, State::Waiting) && entry.waiter.is_some();
        self.entries.iter_mut().find(waits).and_then(|entry| entry.waiter.take())
    }

    /// Who is told when the call is done; `None` while that is whoever asks.
    pub(super) fn set_waiter(&mut self, call: u64, waiter: W) {
        if let Ok(place) = place_of(&self.entries, call) {
            self.entries[place].waiter = Some(waiter);
        }
    }

    /// What became of a call, once it is done; then its number is of no more use.
    pub(super) fn take<R: Value>(&mut self, call: u64) -> Option<Result<R, Failure>> {
        let place = place_of(&self.entries, call).ok()?;
        let entry = &mut self.entries[place];
        let result = match std::mem::replace(&mut entry.state, State::Free) {
            State::Returned => {
                let value = decode(entry.procedure, &entry.values, &mut entry.block);
                if let Some(room) = entry.block.take() {
                    self.link.inbox.lend_block(room);
                }
                Ok(value.map_err(Failure::Undecodable))
            }
            State::Failed(failure) => Ok(Err(failure)),
            waits => Err(waits),
        };
        match result {
            Ok(done) => {
                self.release(place);
                Some(done)
            }
            Err(waits) => {
                self.entries[place].state = waits;
                None
            }
        }
    }

    /// Nobody waits for that call any more: the server is told.
    pub(super) fn give_up(&mut self, call: u64) {
        let Ok(place) = place_of(&self.entries, call) else { return };
        let entry = &mut self.entries[place];
        entry.waiter = None;
        if !matches!(entry.state, State::Waiting) {
            return self.release(place);
        }
        entry.state = State::GivenUp;
        self.waiting -= 1;
        if !self.lost {
            let before = self.link.outbox.len();
            binary::put_cancel(call, &mut self.link.outbox);
            self.queued += (self.link.outbox.len() - before) as u64;
        }
    }

    fn release(&mut self, place: usize) {
        let entry = &mut self.entries[place];
        (entry.call, entry.state) = (0, State::Free);
        entry.values.clear();
        entry.values.shrink_to(4096);
        entry.block = None;
        self.free.push(place as u32);
    }
}

/// The place of a call that was begun and not taken.
fn place_of<W>(entries: &[Entry<W>], call: u64) -> Result<usize, String> {
    let place = (call % MAX_CALLS as u64) as usize;
    match entries.get(place) {
        Some(entry) if entry.call == call && call != 0 => Ok(place),
        _ => Err(format!("an answer to call {call}, which waits for none")),
    }
}

/// The place of a call whose answer has not come.
fn awaited<W>(entries: &[Entry<W>], call: u64) -> Result<usize, String> {
    let place = place_of(entries, call)?;
    match entries[place].state {
        State::Waiting | State::GivenUp => Ok(place),
        _ => Err(format!("a second answer to call {call}")),
    }
}

/// Keeps the values of an answer.
fn returned<W>(entries: &mut [Entry<W>], call: u64, mut values: Reader<'_>) -> Result<usize, String> {
    let place = awaited(entries, call)?;
    let entry = &mut entries[place];
    entry.values.extend_from_slice(values.rest());
    entry.block = values.take_block();
    Ok(place)
}

/// The values of an answer. A block that is all of them is left behind.
fn decode<R: Value>(
    procedure: &'static Procedure,
    values: &[u8],
    block: &mut Option<Block>,
) -> Result<R, DecodeError> {
    let mut reader = match block {
        Some(all) if natural_block(procedure).is_none() => Reader::new(all.as_bytes()),
        block => Reader::with_block(values, block.take()),
    };
    let value = R::decode(&mut reader)?;
    reader.finish().map(|()| value)
}

/// Where the last returned value may come in room of its own.
fn natural_block(procedure: &'static Procedure) -> Option<BlockPlace> {
    procedure.types().ok()?.block
}

/// Where the block of a RES begins that begins like this; see [`Inbox::next`](crate::wire::inbox::Inbox::next).
fn find_block<W>(entries: &[Entry<W>], head: &[u8]) -> Option<BlockPlace> {
    let (kind, rest) = head.split_first()?;
    let (call, _) = rest.split_first_chunk()?;
    if *kind != Kind::Returned as u8 {
        return None;
    }
    let place = place_of(entries, u64::from_le_bytes(*call)).ok()?;
    // Else all values are one, so that they need not be copied to be kept.
    let place = natural_block(entries[place].procedure).unwrap_or(BlockPlace::bytes(0));
    Some(place.behind(binary::RESULT_HEAD))
}

#[cfg(test)]
mod tests;
