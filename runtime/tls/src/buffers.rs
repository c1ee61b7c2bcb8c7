//! The memory of sessions for bytes of the wire. The sessions of a thread share it, so that an idle
//! session holds none, and so that it stays in the processor's cache.

use std::cell::Cell;
use std::thread::LocalKey;

/// Number of bytes from the wire that are taken at once.
const ARRIVING_BYTES: usize = 32 * 1024;

/// Maximum number of plain bytes that are sealed at once.
pub(crate) const SEALED_BYTES: usize = 64 * 1024;

/// Maximum capacity of a buffer that a thread keeps.
const MAX_KEPT_BYTES: usize = 2 * SEALED_BYTES;

type Kept = LocalKey<Cell<Vec<u8>>>;

thread_local! {
    /// Of length [`ARRIVING_BYTES`], or empty.
    static ARRIVING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Of length 0.
    static LEAVING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn keep(kept: &'static Kept, buffer: Vec<u8>) {
    if buffer.capacity() <= MAX_KEPT_BYTES {
        // A thread that ends keeps nothing.
        let _ = kept.try_with(|kept| kept.set(buffer));
    }
}

fn lend(kept: &'static Kept) -> Vec<u8> {
    kept.try_with(Cell::take).unwrap_or_default()
}

/// Returns an empty buffer for records.
pub(crate) fn lend_leaving() -> Vec<u8> {
    lend(&LEAVING)
}

/// Keeps a buffer for the next who needs one.
pub(crate) fn keep_leaving(mut buffer: Vec<u8>) {
    buffer.clear();
    keep(&LEAVING, buffer);
}

/// Keeps the memory of arrivals for the next who needs some.
fn give_back(mut bytes: Vec<u8>) {
    if bytes.len() >= ARRIVING_BYTES {
        bytes.truncate(ARRIVING_BYTES);
        keep(&ARRIVING, bytes);
    }
}

/// Bytes that have come from the wire, in the order in which they came.
#[derive(Debug, Default)]
pub struct Arrivals {
    bytes: Vec<u8>,
    /// `bytes[start..end]` have come and are not handled; `start <= end <= bytes.len()`.
    start: usize,
    end: usize,
}

impl Arrivals {
    /// Returns the room for the bytes that come next. It is never empty.
    /// [`arrived`](Self::arrived) follows.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.bytes.is_empty() {
            self.bytes = lend(&ARRIVING);
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(self.end + ARRIVING_BYTES, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Records that this many bytes came into the [`room`](Self::room).
    pub fn arrived(&mut self, count: usize) {
        self.end = self.bytes.len().min(self.end + count);
    }

    /// Returns whether all bytes that came were handled.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns whether a whole record has come, or bytes that are not the begin of a handshake. The
    /// format is that of RFC 8446, section 5.1.
    pub(crate) fn has_first_record(&self) -> bool {
        const HANDSHAKE: u8 = 22;
        const HEADER_BYTES: usize = 5;
        const MAX_RECORD_BYTES: usize = 1 << 14;
        match *self.waiting() {
            [] => false,
            [HANDSHAKE, _, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                length > MAX_RECORD_BYTES || self.waiting().len() >= HEADER_BYTES + length
            }
            [first, ..] => first != HANDSHAKE,
        }
    }

    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn handled(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Gives the memory back to the thread, unless bytes wait in it.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            give_back(std::mem::take(self).bytes);
        }
    }

    /// Moves the bytes to memory of their length. That of the thread is for sessions that are not
    /// waiting.
    pub(crate) fn shrink(&mut self) {
        if self.bytes.len() == self.end - self.start {
            return;
        }
        let bytes = self.waiting().to_vec();
        let end = bytes.len();
        give_back(std::mem::replace(&mut self.bytes, bytes));
        (self.start, self.end) = (0, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_cannot_become_a_handshake_do_not_wait_for_a_whole_record() {
        let has_first_record = |bytes: &[u8]| {
            let mut arrivals = Arrivals::default();
            for part in bytes.chunks(3) {
                arrivals.room()[..part.len()].copy_from_slice(part);
                arrivals.arrived(part.len());
            }
            arrivals.has_first_record()
        };
        for incomplete in [&[][..], &[22], &[22, 3, 1, 0], &[22, 3, 1, 0, 2, 9]] {
            assert!(!has_first_record(incomplete), "{incomplete:?}");
        }
        for enough in [
            &[22, 3, 1, 0, 2, 9, 9][..],
            &[22, 3, 1, 0, 0],
            &[22, 3, 1, 255, 255],
            b"G",
        ] {
            assert!(has_first_record(enough), "{enough:?}");
        }
    }

    #[test]
    fn bytes_that_wait_for_long_take_no_more_memory_than_they_have() {
        let mut arrivals = Arrivals::default();
        arrivals.room()[..3].copy_from_slice(&[7, 8, 9]);
        arrivals.arrived(3);
        arrivals.handled(1);
        arrivals.shrink();
        assert_eq!((arrivals.waiting(), arrivals.bytes.len()), (&[8, 9][..], 2));
        arrivals.room()[0] = 10;
        arrivals.arrived(1);
        assert_eq!(arrivals.waiting(), [8, 9, 10]);
        arrivals.handled(3);
        arrivals.rest();
        assert_eq!(lend(&ARRIVING).len(), ARRIVING_BYTES);
    }
}
