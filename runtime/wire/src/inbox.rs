//! [`Inbox`]: the bytes that have arrived, and where to read the next bytes to.

use super::block::{Block, BlockKind, BlockPlace, Filling, Spare, Target};
use super::frame::{FrameError, LENGTH_BYTES, is_tls_alert};

pub use super::block::READ_BYTES;

/// A frame of more bytes than this is a long frame: it is read to memory of its own.
const MAX_SHORT_FRAME: usize = READ_BYTES / 2;

/// Minimum number of bytes of a long frame before [`Inbox::next`] asks where its block begins.
const MIN_HEAD: usize = READ_BYTES / 8;

/// The bytes of a connection as frames: a 4-byte big-endian length, then as many bytes.
///
/// The reader of the connection appends to [`target`](Self::target) and then calls
/// [`next`](Self::next). A short frame is returned as a slice of the buffer. A long frame gets
/// memory of its own. If the caller says where the last block of a long frame begins, the frame
/// ends in a [`Block`] that can be taken without a copy.
#[derive(Debug)]
pub struct Inbox {
    limit: usize,
    bytes: Vec<u8>,
    /// `bytes[..consumed]` was returned to the caller; `consumed <= bytes.len()`.
    consumed: usize,
    /// The long frame that is arriving; `missing > 0`.
    long: Option<LongFrame>,
    /// What `next` last returned of a long frame as a slice.
    delivered: Vec<u8>,
    /// Buffers of earlier long frames.
    spare: Spare,
    hold: Hold,
}

/// Whether a long frame gets memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Every one does.
    Never,
    /// None does before [`Inbox::admit`].
    Armed,
    /// One waits for `admit`.
    Holds,
    /// The present one does.
    Admitted,
}

/// A long frame that is arriving.
#[derive(Debug)]
struct LongFrame {
    /// The first byte of the frame.
    first_byte: u8,
    /// The bytes before the block.
    head: Vec<u8>,
    /// The block, or the whole frame if it has no block.
    rest: Filling,
    /// Whether `rest` is a block.
    is_block: bool,
    /// Number of bytes that are still to come.
    missing: usize,
}

/// A frame without its length.
#[derive(Debug)]
pub struct Payload<'a> {
    /// The whole payload, or the bytes before the block.
    pub head: &'a [u8],
    /// The last block, if [`Inbox::next`] was told where it begins.
    pub block: Option<Block>,
}

impl Inbox {
    /// Returns an inbox for frames of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            consumed: 0,
            long: None,
            delivered: Vec::new(),
            spare: Spare::default(),
            hold: Hold::Never,
        }
    }

    /// Returns the same inbox, in which each long frame waits for [`admit`](Self::admit). Meanwhile it
    /// takes no memory of its own, and no more bytes should be read.
    #[must_use]
    pub fn holding_long_frames(self) -> Self {
        Self {
            hold: Hold::Armed,
            ..self
        }
    }

    /// Lets the frame come that waits. Returns whether one waited; then [`next`](Self::next) is called
    /// again.
    pub fn admit(&mut self) -> bool {
        let waits = self.hold == Hold::Holds;
        if waits {
            self.hold = Hold::Admitted;
        }
        waits
    }

    /// Returns an inbox that already contains bytes.
    pub fn with_bytes(limit: usize, bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::new(limit)
        }
    }

    /// Returns the maximum number of bytes of a frame.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets the maximum number of bytes of a frame.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Returns where to read the next bytes to.
    pub fn target(&mut self) -> Target<'_> {
        if let Some(LongFrame { rest, missing, .. }) = &mut self.long {
            return rest.target(*missing);
        }
        self.bytes.drain(..self.consumed);
        self.consumed = 0;
        self.bytes
            .reserve(READ_BYTES.saturating_sub(self.bytes.len()).max(1));
        let most = self.bytes.capacity().saturating_sub(self.bytes.len());
        Target::Append {
            bytes: &mut self.bytes,
            most,
        }
    }

    /// Records that this many bytes were read to the target.
    pub fn received(&mut self, count: usize) {
        if let Some(long) = &mut self.long {
            long.rest.received(count);
            long.missing = long.missing.saturating_sub(count);
        }
    }

    /// Returns the next frame. `None` until it has arrived completely.
    ///
    /// `find_block` gets the beginning of a long frame. It returns where a block begins that ends
    /// with the frame, or `None` if the frame has no such block.
    ///
    /// # Errors
    /// A length of 0, or a length over the limit.
    pub fn next(
        &mut self,
        find_block: impl FnOnce(&[u8]) -> Option<BlockPlace>,
    ) -> Result<Option<Payload<'_>>, FrameError> {
        self.spare
            .keep(Block::Bytes(std::mem::take(&mut self.delivered)));
        if let Some(long) = self.long.take() {
            if long.missing > 0 {
                self.long = Some(long);
                return Ok(None);
            }
            if self.hold == Hold::Admitted {
                self.hold = Hold::Armed;
            }
            let rest = long.rest.finish();
            let block = if long.is_block {
                self.delivered = long.head;
                Some(rest)
            } else {
                self.delivered = rest.into_bytes();
                None
            };
            return Ok(Some(Payload {
                head: &self.delivered,
                block,
            }));
        }
        let unread = self.bytes.get(self.consumed..).unwrap_or_default();
        let Some((prefix, rest)) = unread.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if is_tls_alert(length) {
            return Err(FrameError::TlsAlert);
        }
        if length > self.limit {
            return Err(FrameError::TooLong {
                length,
                limit: self.limit,
            });
        }
        if rest.len() >= length {
            let start = self.consumed.saturating_add(LENGTH_BYTES);
            self.consumed = start.saturating_add(length);
            let head = self.bytes.get(start..self.consumed).unwrap_or_default();
            return Ok(Some(Payload { head, block: None }));
        }
        if length > MAX_SHORT_FRAME && rest.len() >= MIN_HEAD {
            if matches!(self.hold, Hold::Armed | Hold::Holds) {
                self.hold = Hold::Holds;
                return Ok(None);
            }
            let block = find_block(rest);
            self.begin_long_frame(length, block);
        }
        Ok(None)
    }

    /// Returns the first byte of the next frame, as soon as it has arrived.
    pub fn next_byte(&self) -> Option<u8> {
        if let Some(long) = &self.long {
            return Some(long.first_byte);
        }
        let first = self.consumed.saturating_add(LENGTH_BYTES);
        self.bytes.get(first).copied()
    }

    /// Returns whether a frame has begun and has not arrived completely.
    pub fn has_partial_frame(&self) -> bool {
        self.consumed < self.bytes.len() || self.long.is_some()
    }

    /// Returns whether a long frame has begun and has not arrived completely.
    pub fn is_amid_long_frame(&self) -> bool {
        self.long.is_some()
    }

    /// Returns how many bytes of the incomplete frame have arrived, with those of its length.
    pub fn pending_bytes(&self) -> usize {
        self.long
            .as_ref()
            .map_or(self.bytes.len().saturating_sub(self.consumed), |long| {
                let arrived = long.head.len().saturating_add(long.rest.filled());
                arrived.saturating_add(LENGTH_BYTES)
            })
    }

    /// Returns the length of the incomplete frame, or 0 if it is not known yet.
    pub fn pending_length(&self) -> usize {
        if let Some(LongFrame {
            head,
            rest,
            missing,
            ..
        }) = &self.long
        {
            let arrived = head.len().saturating_add(rest.filled());
            return arrived.saturating_add(*missing);
        }
        let unread = self.bytes.get(self.consumed..).unwrap_or_default();
        let prefix = unread.first_chunk::<LENGTH_BYTES>();
        prefix.map_or(0, |prefix| u32::from_be_bytes(*prefix) as usize)
    }

    /// Gives the buffer for short frames away. Bytes that were not returned so far stay in the
    /// inbox.
    pub fn release(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.bytes);
        if let Some(unread) = buffer.get(self.consumed..)
            && !unread.is_empty()
        {
            self.bytes = unread.to_vec();
        }
        self.consumed = 0;
        buffer.clear();
        buffer
    }

    /// Uses this buffer for short frames if it is larger than the present one.
    pub fn lend(&mut self, mut buffer: Vec<u8>) {
        if self.bytes.capacity() < buffer.capacity() {
            buffer.clear();
            buffer.extend_from_slice(self.bytes.get(self.consumed..).unwrap_or_default());
            self.consumed = 0;
            self.bytes = buffer;
        }
    }

    /// Adds buffers for long frames. The larger one of each kind stays.
    pub fn lend_spare(&mut self, spare: Spare) {
        self.spare.keep_all(spare);
    }

    /// Adds the buffer of a block that is no longer needed.
    pub fn lend_block(&mut self, block: Block) {
        self.spare.keep(block);
    }

    /// Gives the buffers for long frames away.
    pub fn release_spare(&mut self) -> Spare {
        std::mem::take(&mut self.spare)
    }

    /// Moves the received part of a long frame out of the buffer for short frames.
    fn begin_long_frame(&mut self, length: usize, block: Option<BlockPlace>) {
        let begin = self.consumed.saturating_add(LENGTH_BYTES);
        let received = self.bytes.get(begin..).unwrap_or_default();
        let missing = length.saturating_sub(received.len());
        let fits = |place: &BlockPlace| {
            place.offset <= received.len() && place.fits(length.saturating_sub(place.offset))
        };
        let block = block.filter(fits);
        let place = block.unwrap_or(BlockPlace {
            offset: 0,
            kind: BlockKind::Bytes,
        });
        let (head, rest) = received.split_at(place.offset);
        self.long = Some(LongFrame {
            first_byte: received.first().copied().unwrap_or_default(),
            head: head.to_vec(),
            rest: Filling::begin(place.kind, rest, missing, &mut self.spare),
            is_block: block.is_some(),
            missing,
        });
        self.bytes.clear();
        self.consumed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::GROWTH;

    const WORDS: BlockPlace = BlockPlace {
        offset: 16,
        kind: BlockKind::Words,
    };

    /// Feeds `bytes` in pieces of at most `size` bytes. Returns the head and the block of each
    /// frame.
    fn frames(
        bytes: &[u8],
        size: usize,
        block: Option<BlockPlace>,
    ) -> Vec<(Vec<u8>, Option<Block>)> {
        let mut inbox = Inbox::new(1 << 20);
        let mut fed = 0;
        let mut found = Vec::new();
        loop {
            while let Some(payload) = inbox.next(|_| block).expect("frames") {
                found.push((payload.head.to_vec(), payload.block));
            }
            if fed == bytes.len() {
                assert!(!inbox.has_partial_frame());
                return found;
            }
            let target = inbox.target();
            let count = size.min(target.most()).min(bytes.len() - fed);
            target.put(&bytes[fed..fed + count]);
            inbox.received(count);
            fed += count;
        }
    }

    /// Returns the payloads as frames.
    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let length = |payload: &Vec<u8>| u32::try_from(payload.len()).expect("short").to_be_bytes();
        payloads
            .iter()
            .flat_map(|payload| [&length(payload)[..], payload].concat())
            .collect()
    }

    #[test]
    fn a_long_frame_waits_until_it_is_admitted_and_takes_no_memory_before() {
        let mut inbox = Inbox::new(1 << 20).holding_long_frames();
        let frame = [
            &200_000_u32.to_be_bytes()[..],
            &vec![7; 200_000],
            &3_u32.to_be_bytes(),
            b"abc",
        ]
        .concat();
        for round in 0..2 {
            let mut rest = &frame[..];
            let mut received = Vec::new();
            while !rest.is_empty() {
                let target = inbox.target();
                let count = target.most().min(rest.len()).min(50_000);
                target.put(&rest[..count]);
                inbox.received(count);
                rest = &rest[count..];
                loop {
                    if let Some(payload) = inbox.next(|_| None).expect("a frame") {
                        received.push(payload.head.to_vec());
                    } else if inbox.admit() {
                        assert!(received.is_empty() && !inbox.is_amid_long_frame());
                        assert_eq!(inbox.pending_length(), 200_000);
                    } else {
                        break;
                    }
                }
                if received.is_empty() {
                    assert!(inbox.is_amid_long_frame() && inbox.pending_length() == 200_000);
                }
            }
            assert_eq!(
                received,
                [vec![7; 200_000], b"abc".to_vec()],
                "round {round}"
            );
        }
    }

    #[test]
    fn any_split_gives_the_same_frames() {
        let pattern = |length: usize| {
            (0..length)
                .map(|n| (n % 251) as u8 + 1)
                .collect::<Vec<u8>>()
        };
        let lengths = [1, 3, 40_000, 7, 70_000, 300_000, 70_000, 5];
        let payloads: Vec<Vec<u8>> = lengths.map(pattern).to_vec();
        let bytes = framed(&payloads);
        for size in [1, 7, 1000, 8192, 8197, READ_BYTES, usize::MAX] {
            for block in [
                None,
                Some(BlockPlace::bytes(21)),
                Some(WORDS),
                Some(WORDS.shifted_by(1)),
            ] {
                let joined = |(head, block): (Vec<u8>, Option<Block>)| {
                    [head, block.map_or_else(Vec::new, Block::into_bytes)].concat()
                };
                let found: Vec<Vec<u8>> = frames(&bytes, size, block)
                    .into_iter()
                    .map(joined)
                    .collect();
                assert!(
                    found == payloads,
                    "pieces of {size} bytes, a block at {block:?}"
                );
            }
        }
        let found = frames(
            &framed(&[pattern(300_000)]),
            10_000,
            Some(BlockPlace::bytes(21)),
        );
        assert!(
            found[0].0.len() == 21
                && matches!(&found[0].1, Some(Block::Bytes(all)) if all.len() == 299_979)
        );
        let found = frames(&framed(&[pattern(300_000)]), 10_000, Some(WORDS));
        assert!(
            found[0].0.len() == 16
                && matches!(&found[0].1, Some(Block::Words(all)) if all.len() == 37_498)
        );
    }

    #[test]
    fn a_declared_length_allocates_at_most_a_few_times_the_received_bytes() {
        let mut inbox = Inbox::new(128 << 20);
        let mut received = (127_u32 << 20).to_be_bytes().to_vec();
        received.resize(READ_BYTES / 2, 7);
        inbox.target().put(&received);
        assert!(
            inbox
                .next(|_| Some(BlockPlace::bytes(10)))
                .expect("no error")
                .is_none()
        );
        assert!(inbox.target().most() <= GROWTH * READ_BYTES);
    }

    #[test]
    fn invalid_lengths_are_refused() {
        let check = |length: u32, expected: FrameError| {
            let mut inbox = Inbox::with_bytes(16, length.to_be_bytes().to_vec());
            assert_eq!(inbox.next(|_| None).expect_err("no such frame"), expected);
        };
        check(0, FrameError::Empty);
        check(0x1503_0300, FrameError::TlsAlert);
        for length in [17, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            check(
                length,
                FrameError::TooLong {
                    length: length as usize,
                    limit: 16,
                },
            );
        }
    }

    #[test]
    fn received_bytes_stay_when_the_buffer_is_released_and_lent_again() {
        let mut inbox = Inbox::new(1000);
        inbox.lend(Vec::with_capacity(READ_BYTES));
        inbox.target().put(b"\0\0\0\x03ab");
        assert!(inbox.next(|_| None).expect("no error").is_none());
        let buffer = inbox.release();
        assert!(buffer.is_empty() && buffer.capacity() >= READ_BYTES && inbox.pending_bytes() == 6);
        inbox.lend(buffer);
        inbox.target().put(b"c");
        let payload = inbox.next(|_| None).expect("no error").expect("a frame");
        assert_eq!(payload.head, b"abc");
    }
}
