//! [`Decisions`]: bytes, read as choices.

/// Choices that follow from bytes; at their end, each is the first one.
#[derive(Debug)]
pub(crate) struct Decisions<'a> {
    rest: &'a [u8],
}

impl<'a> Decisions<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether there are any left.
    pub(crate) fn are_left(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    /// A number below `limit`, which is at most 256.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn any<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn half(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number: small, or at some edge, or any.
    pub(crate) fn word(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(8) as u64,
            1 => u64::MAX - self.below(3) as u64,
            2 => 1 << self.below(64),
            _ => u64::from(self.half()) << 32 | u64::from(self.half()),
        }
    }

    /// Changes a few bytes, or removes, repeats or adds some.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.half() as usize % bytes.len().max(1);
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
