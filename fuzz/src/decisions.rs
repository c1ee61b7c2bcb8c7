//! [`Decisions`]: bytes that are read as a sequence of choices.

/// A sequence of choices that follows from bytes. After the last byte, each choice is the first
/// option.
#[derive(Debug)]
pub(crate) struct Decisions<'a> {
    rest: &'a [u8],
}

impl<'a> Decisions<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns whether bytes are left.
    pub(crate) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Returns the next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    /// Returns a number below `limit`, which is at most 256.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// Returns true once in `times` times, on average.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// Returns one of these values.
    pub(crate) fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Returns any number of 32 bits.
    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Returns a number: a small one, one at a limit, or any.
    pub(crate) fn u64(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(8) as u64,
            1 => u64::MAX - self.below(3) as u64,
            2 => 1 << self.below(64),
            _ => u64::from(self.u32()) << 32 | u64::from(self.u32()),
        }
    }

    /// Changes a few bytes, or removes, repeats or adds some.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.u32() as usize % bytes.len().max(1);
        let end = bytes.len().min(at + self.below(16));
        match self.below(5) {
            0 => bytes.truncate(at),
            1 if at < end => drop(bytes.drain(at..end)),
            2 if at < end => bytes.extend_from_within(at..end),
            3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            4 if at < bytes.len() => bytes[at] = self.byte(),
            _ => bytes.push(self.byte()),
        }
    }
}
