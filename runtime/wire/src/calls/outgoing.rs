//! [`Outgoing`]: the calls of a session that this end has begun.
//!
//! ```text
//! begin --> waiting --answer, loss--> done --take--> free
//!              |
//!            give up --> abandoned --answer--> free
//! ```

use std::time::Instant;

use super::failure::CallFailure;
use crate::block::{Block, BlockPlace};
use crate::value::{DecodeError, Reader, Value};

/// Maximum number of calls in flight on one session. The place of a call is the lower part of its
/// number.
pub const MAX_CALLS: usize = 1 << 16;

/// Number of bits of a call's number that are its place.
const PLACE_BITS: u32 = 16;

/// The calls of a session that this end has begun. `W` is what wakes the caller of a call that is
/// done.
#[derive(Debug)]
pub struct Outgoing<W> {
    entries: Vec<Entry<W>>,
    /// Places without a call.
    free: Vec<u32>,
    /// How many calls have begun.
    begun: u64,
    /// How many calls wait for an answer.
    waiting: usize,
}

/// The properties of a call that begins.
#[derive(Debug)]
pub struct NewCall<W> {
    /// The slot that the request names.
    pub slot: u32,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Whom to wake when the call is done. `None` if the caller does not sleep yet.
    pub waiter: Option<W>,
    /// Where the last returned value may be read to memory of its own; see [`BlockPlace`].
    pub block_place: Option<BlockPlace>,
}

#[derive(Debug)]
struct Entry<W> {
    /// The call's number. 0 before the first call at this place.
    call: u64,
    slot: u32,
    phase: Phase,
    waiter: Option<W>,
    /// The call is sent once the session has written this many bytes.
    sent_at: u64,
    deadline: Instant,
    block_place: Option<BlockPlace>,
    values: Vec<u8>,
    block: Option<Block>,
}

#[derive(Debug)]
enum Phase {
    Free,
    Waiting,
    /// No caller waits for the answer.
    Abandoned,
    /// The values have arrived.
    Returned,
    Failed(CallFailure),
}

impl<W> Default for Outgoing<W> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            begun: 0,
            waiting: 0,
        }
    }
}

impl<W> Outgoing<W> {
    /// Begins a call and returns its number. `None` if [`MAX_CALLS`] are in flight.
    pub fn begin(&mut self, new: NewCall<W>) -> Option<u64> {
        let NewCall {
            slot,
            deadline,
            waiter,
            block_place,
        } = new;
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.entries.len() == MAX_CALLS => return None,
            None => {
                let place = self.entries.len() as u32;
                self.entries.push(Entry::free(deadline));
                place
            }
        };
        let entry = self.entries.get_mut(place as usize)?;
        self.begun = self.begun.saturating_add(1);
        self.waiting = self.waiting.saturating_add(1);
        let call = self.begun << PLACE_BITS | u64::from(place);
        entry.call = call;
        entry.slot = slot;
        entry.phase = Phase::Waiting;
        entry.waiter = waiter;
        entry.sent_at = u64::MAX;
        entry.deadline = deadline;
        entry.block_place = block_place;
        Some(call)
    }

    /// Removes a call that has begun, and of which nothing will be sent.
    pub fn undo(&mut self, call: u64) {
        if let Some(entry) = self.entry(call) {
            let was_waiting = matches!(entry.phase, Phase::Waiting);
            self.waiting = self.waiting.saturating_sub(usize::from(was_waiting));
            self.release(call);
        }
    }

    /// Records that the call is sent once the session has written this many bytes in all.
    pub fn set_sent_at(&mut self, call: u64, bytes: u64) {
        if let Some(entry) = self.entry_mut(call) {
            entry.sent_at = bytes;
        }
    }

    /// Returns whether the call has no answer so far.
    pub fn is_waiting(&self, call: u64) -> bool {
        let entry = self.entry(call);
        entry.is_some_and(|entry| matches!(entry.phase, Phase::Waiting | Phase::Abandoned))
    }

    /// Returns how many calls wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns the slot that a call names, until its answer is taken.
    pub fn slot(&self, call: u64) -> Option<u32> {
        self.entry(call).map(|entry| entry.slot)
    }

    /// Returns where the block of the answer to a call begins, after its other values. If the type
    /// has no such place, all values are one block, so that they are not copied to be kept. `None`
    /// for an unknown call.
    pub fn block_place(&self, call: u64) -> Option<BlockPlace> {
        let entry = self.entry(call)?;
        Some(entry.block_place.unwrap_or(BlockPlace::bytes(0)))
    }

    /// Records that the values of a call have arrived.
    ///
    /// # Errors
    /// The call is not waiting for an answer.
    pub fn succeed(
        &mut self,
        call: u64,
        mut values: Reader<'_>,
        wake: &mut impl FnMut(W),
    ) -> Result<(), String> {
        let entry = self.awaited(call)?;
        entry.values.extend_from_slice(values.rest());
        entry.block = values.take_block();
        self.end(call, Phase::Returned, wake);
        Ok(())
    }

    /// Records that a call failed.
    ///
    /// # Errors
    /// The call is not waiting for an answer.
    pub fn fail(
        &mut self,
        call: u64,
        failure: CallFailure,
        wake: &mut impl FnMut(W),
    ) -> Result<(), String> {
        self.awaited(call)?;
        self.end(call, Phase::Failed(failure), wake);
        Ok(())
    }

    /// Ends a call, and wakes its caller.
    fn end(&mut self, call: u64, phase: Phase, wake: &mut impl FnMut(W)) {
        let Some(entry) = self.entry_mut(call) else {
            return;
        };
        if let Phase::Abandoned = entry.phase {
            return self.release(call);
        }
        entry.phase = phase;
        entry.waiter.take().map(wake);
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Fails every waiting call for which `failure` returns a failure. It is given the call's
    /// number and the count of written bytes at which the call is sent.
    pub fn fail_each(
        &mut self,
        failure: impl Fn(u64, u64) -> Option<CallFailure>,
        wake: &mut impl FnMut(W),
    ) {
        for entry in &mut self.entries {
            if let Phase::Waiting = entry.phase
                && let Some(failure) = failure(entry.call, entry.sent_at)
            {
                entry.phase = Phase::Failed(failure);
                self.waiting = self.waiting.saturating_sub(1);
                entry.waiter.take().map(&mut *wake);
            }
        }
    }

    /// Wakes the callers whose deadline has passed. Returns the earliest deadline of the others.
    pub fn expire(&mut self, now: Instant, mut wake: impl FnMut(W)) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| matches!(entry.phase, Phase::Waiting))
        {
            if entry.deadline <= now {
                entry.waiter.take().map(&mut wake);
            } else {
                next = Some(next.map_or(entry.deadline, |next| next.min(entry.deadline)));
            }
        }
        next
    }

    /// Takes the waiter of any waiting call.
    pub fn any_waiter(&mut self) -> Option<W> {
        let has_waiter =
            |entry: &&mut Entry<W>| matches!(entry.phase, Phase::Waiting) && entry.waiter.is_some();
        self.entries
            .iter_mut()
            .find(has_waiter)
            .and_then(|entry| entry.waiter.take())
    }

    /// Sets whom to wake when the call is done.
    pub fn set_waiter(&mut self, call: u64, waiter: W) {
        if let Some(entry) = self.entry_mut(call) {
            entry.waiter = Some(waiter);
        }
    }

    /// Returns the result of a call that is done, and forgets the call. The second value is memory
    /// that the answer was read to and that can be used again. `None` while the call waits.
    pub fn take<R: Value>(&mut self, call: u64) -> Option<(Result<R, CallFailure>, Option<Block>)> {
        let entry = self.entry_mut(call)?;
        if matches!(entry.phase, Phase::Free | Phase::Waiting | Phase::Abandoned) {
            return None;
        }
        let result = match std::mem::replace(&mut entry.phase, Phase::Free) {
            Phase::Failed(failure) => Err(failure),
            _ => entry.decode().map_err(CallFailure::Undecodable),
        };
        let block = entry.block.take();
        self.release(call);
        Some((result, block))
    }

    /// Abandons a call. Returns whether it was waiting. If it was, the peer must get a CANCEL.
    pub fn give_up(&mut self, call: u64) -> bool {
        let Some(entry) = self.entry_mut(call) else {
            return false;
        };
        entry.waiter = None;
        if !matches!(entry.phase, Phase::Waiting) {
            self.release(call);
            return false;
        }
        entry.phase = Phase::Abandoned;
        self.waiting = self.waiting.saturating_sub(1);
        true
    }

    /// Frees the place of a call for another one.
    fn release(&mut self, call: u64) {
        let Some(entry) = self.entry_mut(call) else {
            return;
        };
        entry.phase = Phase::Free;
        entry.call = 0;
        entry.waiter = None;
        entry.values.clear();
        entry.values.shrink_to(MAX_KEPT);
        entry.block = None;
        self.free.push(place_of(call) as u32);
    }

    /// Returns the entry of a call. `None` if the call is unknown.
    fn entry(&self, call: u64) -> Option<&Entry<W>> {
        let entry = self.entries.get(place_of(call))?;
        (entry.call == call && call != 0).then_some(entry)
    }

    /// Returns the entry of a call. `None` if the call is unknown.
    fn entry_mut(&mut self, call: u64) -> Option<&mut Entry<W>> {
        let entry = self.entries.get_mut(place_of(call))?;
        (entry.call == call && call != 0).then_some(entry)
    }

    /// Returns the entry of a call whose answer has not arrived.
    fn awaited(&mut self, call: u64) -> Result<&mut Entry<W>, String> {
        let entry = self
            .entry_mut(call)
            .ok_or_else(|| format!("an answer to call {call}, which is not waiting"))?;
        match entry.phase {
            Phase::Waiting | Phase::Abandoned => Ok(entry),
            _ => Err(format!("a second answer to call {call}")),
        }
    }
}

/// Returns the place that the number of a call names.
fn place_of(call: u64) -> usize {
    const PLACES: u64 = MAX_CALLS as u64 - 1;
    (call & PLACES) as usize
}

/// Maximum number of bytes that a place keeps allocated for the values of its next call.
const MAX_KEPT: usize = 4096;

impl<W> Entry<W> {
    fn free(deadline: Instant) -> Self {
        Self {
            call: 0,
            slot: 0,
            phase: Phase::Free,
            waiter: None,
            sent_at: u64::MAX,
            deadline,
            block_place: None,
            values: Vec::new(),
            block: None,
        }
    }

    /// Decodes the values. A block that holds all of them is left in place.
    fn decode<R: Value>(&mut self) -> Result<R, DecodeError> {
        let mut reader = match &mut self.block {
            Some(all) if self.block_place.is_none() => Reader::new(all.as_bytes()),
            block => Reader::with_block(&self.values, block.take()),
        };
        let value = R::decode(&mut reader)?;
        reader.finish().map(|()| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_a_place_for_each_call_up_to_the_limit() {
        let mut calls = Outgoing::<()>::default();
        let deadline = Instant::now();
        let begin = |calls: &mut Outgoing<()>| {
            calls.begin(NewCall {
                slot: 0,
                deadline,
                waiter: None,
                block_place: None,
            })
        };
        let first = begin(&mut calls).expect("a place");
        for _ in 1..MAX_CALLS {
            assert!(begin(&mut calls).is_some());
        }
        assert_eq!((begin(&mut calls), calls.waiting()), (None, MAX_CALLS));
        calls.undo(first);
        assert!(begin(&mut calls).is_some_and(|call| call > first));
        assert_eq!(begin(&mut calls), None);
    }
}
