//! [`Incoming`]: the calls that the other end of a session has begun.
//!
//! ```text
//! accept --> start --> finish
//!               |
//!            cancel (the call still finishes)
//! ```

use std::collections::HashMap;

/// The calls of a session that its peer has begun. `C` is what controls a running call, such as its
/// abort handle.
#[derive(Debug)]
pub struct Incoming<C> {
    /// The number of the last call that was accepted.
    last: u64,
    /// How many calls were accepted.
    accepted: u64,
    running: HashMap<u64, Running<C>>,
    /// Bytes of arguments that running calls hold.
    held_bytes: usize,
}

#[derive(Debug)]
struct Running<C> {
    control: C,
    held_bytes: usize,
}

impl<C> Default for Incoming<C> {
    fn default() -> Self {
        Self {
            last: 0,
            accepted: 0,
            running: HashMap::new(),
            held_bytes: 0,
        }
    }
}

impl<C> Incoming<C> {
    /// Accepts the number of a call. It is answered at once, or [started](Self::start).
    ///
    /// # Errors
    /// A number that is not above all before it.
    pub fn accept(&mut self, call: u64) -> Result<(), String> {
        if call <= self.last {
            return Err(format!(
                "call {call} comes after call {}: numbers only rise",
                self.last
            ));
        }
        self.last = call;
        self.accepted = self.accepted.saturating_add(1);
        Ok(())
    }

    /// Records that an accepted call runs, and holds that many bytes of arguments.
    pub fn start(&mut self, call: u64, held_bytes: usize, control: C) {
        self.held_bytes = self.held_bytes.saturating_add(held_bytes);
        self.running.insert(
            call,
            Running {
                control,
                held_bytes,
            },
        );
    }

    /// Records that a call has ended. Returns what controlled it, if it was running.
    pub fn finish(&mut self, call: u64) -> Option<C> {
        let running = self.running.remove(&call)?;
        self.held_bytes = self.held_bytes.saturating_sub(running.held_bytes);
        Some(running.control)
    }

    /// Returns what controls a running call.
    pub fn control(&self, call: u64) -> Option<&C> {
        self.running.get(&call).map(|running| &running.control)
    }

    /// Returns the number of the last call that was accepted, or 0.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Returns how many calls were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Returns how many calls run.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Returns whether no call runs.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Returns how many bytes of arguments running calls hold.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_only_rise() {
        let mut calls = Incoming::<()>::default();
        assert_eq!(calls.accept(7), Ok(()));
        assert_eq!(
            calls.accept(7),
            Err("call 7 comes after call 7: numbers only rise".to_owned())
        );
        assert_eq!(
            calls.accept(3),
            Err("call 3 comes after call 7: numbers only rise".to_owned())
        );
        assert_eq!(calls.accept(8), Ok(()));
        assert_eq!([calls.last(), calls.accepted()], [8, 2]);
    }

    #[test]
    fn a_running_call_holds_its_arguments_until_it_finishes_once() {
        let mut calls = Incoming::default();
        for (call, held_bytes, control) in [(1, 10, 'a'), (2, 5, 'b')] {
            calls.accept(call).expect("a rising number");
            calls.start(call, held_bytes, control);
        }
        assert_eq!([calls.len(), calls.held_bytes()], [2, 15]);
        assert_eq!(calls.control(2), Some(&'b'));
        assert_eq!(calls.finish(1), Some('a'));
        assert_eq!(calls.finish(1), None);
        assert_eq!([calls.len(), calls.held_bytes()], [1, 5]);
        assert_eq!(calls.control(1), None);
    }
}
