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

    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn handled(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Gives the memory back to the thread, unless bytes wait in it.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            let mut bytes = std::mem::take(self).bytes;
            bytes.truncate(ARRIVING_BYTES);
            keep(&ARRIVING, bytes);
        }
    }
}
