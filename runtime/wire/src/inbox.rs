//! [`Inbox`]: what has come, and where to read the rest to.

use super::block::{Block, BlockKind, BlockPlace, Filling, Spare, Target};
use super::frame::FrameError;

/// How much room is offered for what comes next.
pub const READ_BYTES: usize = 64 * 1024;

/// A frame longer than this is read to a place of its own.
const LONG_FRAME: usize = READ_BYTES / 2;

/// So much of a long frame must have come before it is asked where its block begins.
const MIN_HEAD: usize = READ_BYTES / 8;

const LENGTH_BYTES: usize = 4;

/// The bytes of a connection as frames: a 4-byte big-endian length, then as many bytes.
///
/// Whoever reads appends to [`target`](Self::target) and asks for [`next`](Self::next). Frames that
/// came whole are looked at where they lie. A long frame gets room of its own, and its last block,
/// where [`next`](Self::next) is told where that begins, a [`Block`] that can be taken away without
/// copying it.
#[derive(Debug)]
pub struct Inbox {
    limit: usize,
    bytes: Vec<u8>,
    /// `bytes[..begin]` was handed out; `begin <= bytes.len()`.
    begin: usize,
    /// The frame that is coming, where it is long: `missing > 0`.
    long: Option<Long>,
    /// The last long frame that was handed out, if it is looked at where it lies.
    done: Vec<u8>,
    /// Room for long frames that was used before.
    spare: Spare,
}

/// A long frame that is coming.
#[derive(Debug)]
struct Long {
    /// Its first byte.
    first: u8,
    /// What stands before the block.
    head: Vec<u8>,
    rest: Filling,
    /// Whether the rest is a block, to be taken away.
    is_block: bool,
    /// How many bytes are still to come.
    missing: usize,
}

/// A frame without its length.
#[derive(Debug)]
pub struct Payload<'a> {
    /// All of it, or what stands before the block.
    pub head: &'a [u8],
    /// Its last block, where [`Inbox::next`] was told that it has one.
    pub block: Option<Block>,
}

impl Inbox {
    /// For frames of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            begin: 0,
            long: None,
            done: Vec::new(),
            spare: Spare::default(),
        }
    }

    /// The same with bytes that have come already.
    pub fn with_bytes(limit: usize, bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::new(limit)
        }
    }

    /// Maximum number of bytes of a frame.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets another limit, in bytes.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Where to read what comes next to.
    pub fn target(&mut self) -> Target<'_> {
        if let Some(Long { rest, missing, .. }) = &mut self.long {
            return rest.target(*missing);
        }
        self.bytes.drain(..self.begin);
        self.begin = 0;
        self.bytes
            .reserve(READ_BYTES.saturating_sub(self.bytes.len()).max(1));
        let most = self.bytes.capacity() - self.bytes.len();
        Target::Append {
            bytes: &mut self.bytes,
            most,
        }
    }

    /// So many bytes came to the target.
    pub fn came(&mut self, count: usize) {
        if let Some(long) = &mut self.long {
            long.rest.came(count);
            long.missing = long.missing.saturating_sub(count);
        }
    }

    /// The next frame, if it has come whole. `find_block` is shown the beginning of a long frame;
    /// its answer is where a block begins that ends with the frame and may be taken away, if there
    /// is one.
    ///
    /// # Errors
    /// A length of 0, or one over the limit.
    pub fn next(
        &mut self,
        find_block: impl FnOnce(&[u8]) -> Option<BlockPlace>,
    ) -> Result<Option<Payload<'_>>, FrameError> {
        self.spare
            .keep(Block::Bytes(std::mem::take(&mut self.done)));
        if let Some(long) = self.long.take() {
            if long.missing > 0 {
                self.long = Some(long);
                return Ok(None);
            }
            let rest = long.rest.finish();
            let block = if long.is_block {
                self.done = long.head;
                Some(rest)
            } else {
                self.done = rest.into_bytes();
                None
            };
            return Ok(Some(Payload {
                head: &self.done,
                block,
            }));
        }
        let Some((prefix, rest)) = self.bytes[self.begin..].split_first_chunk::<LENGTH_BYTES>()
        else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > self.limit {
            return Err(FrameError::TooLong {
                length,
                limit: self.limit,
            });
        }
        if rest.len() >= length {
            let start = self.begin + LENGTH_BYTES;
            self.begin = start + length;
            return Ok(Some(Payload {
                head: &self.bytes[start..start + length],
                block: None,
            }));
        }
        if length > LONG_FRAME && rest.len() >= MIN_HEAD {
            let block = find_block(rest);
            self.begin_long(length, block);
        }
        Ok(None)
    }

    /// The first byte of the next frame, as soon as it has come.
    pub fn next_byte(&self) -> Option<u8> {
        match &self.long {
            Some(long) => Some(long.first),
            None => self.bytes.get(self.begin + LENGTH_BYTES).copied(),
        }
    }

    /// Whether a frame has begun and not come whole.
    pub fn is_amid_frame(&self) -> bool {
        self.begin < self.bytes.len() || self.long.is_some()
    }

    /// Whether a frame that has room of its own has begun and not come whole.
    pub fn is_amid_long_frame(&self) -> bool {
        self.long.is_some()
    }

    /// How much of the frame that is coming is there, with its length.
    pub fn pending(&self) -> usize {
        self.long
            .as_ref()
            .map_or(self.bytes.len() - self.begin, |long| {
                LENGTH_BYTES + long.head.len() + long.rest.filled()
            })
    }

    /// Gives the room for short frames away, with what is in it and not handed out.
    pub fn release(&mut self) -> Vec<u8> {
        let mut room = std::mem::take(&mut self.bytes);
        if self.begin < room.len() {
            self.bytes = room[self.begin..].to_vec();
        }
        self.begin = 0;
        room.clear();
        room
    }

    /// Uses this room for short frames.
    pub fn lend(&mut self, mut room: Vec<u8>) {
        if self.bytes.capacity() < room.capacity() {
            room.clear();
            room.extend_from_slice(&self.bytes[self.begin..]);
            self.begin = 0;
            self.bytes = room;
        }
    }

    /// Room for long frames; the larger one stays.
    pub fn lend_spare(&mut self, room: Spare) {
        self.spare.keep_all(room);
    }

    /// The room of a block that is done with.
    pub fn lend_block(&mut self, block: Block) {
        self.spare.keep(block);
    }

    /// Gives the room for long frames away.
    pub fn release_spare(&mut self) -> Spare {
        std::mem::take(&mut self.spare)
    }

    /// Takes what came of a long frame out of the room for short ones.
    fn begin_long(&mut self, length: usize, block: Option<BlockPlace>) {
        let came = &self.bytes[self.begin + LENGTH_BYTES..];
        let missing = length - came.len();
        let fits =
            |place: &BlockPlace| place.offset <= came.len() && place.fits(length - place.offset);
        let block = block.filter(fits);
        let place = block.unwrap_or(BlockPlace {
            offset: 0,
            kind: BlockKind::Bytes,
        });
        let (head, rest) = came.split_at(place.offset);
        self.long = Some(Long {
            first: came.first().copied().unwrap_or_default(),
            head: head.to_vec(),
            rest: Filling::begin(place.kind, rest, missing, &mut self.spare),
            is_block: block.is_some(),
            missing,
        });
        self.bytes.clear();
        self.begin = 0;
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

    /// Feeds `bytes` in pieces of at most `size`, and collects head and block of each frame.
    fn frames(
        bytes: &[u8],
        size: usize,
        block: Option<BlockPlace>,
    ) -> Vec<(Vec<u8>, Option<Block>)> {
        let (mut inbox, mut fed, mut found) = (Inbox::new(1 << 20), 0, Vec::new());
        loop {
            while let Some(payload) = inbox.next(|_| block).expect("frames") {
                found.push((payload.head.to_vec(), payload.block));
            }
            if fed == bytes.len() {
                assert!(!inbox.is_amid_frame());
                return found;
            }
            let target = inbox.target();
            let count = size.min(target.most()).min(bytes.len() - fed);
            target.put(&bytes[fed..fed + count]);
            inbox.came(count);
            fed += count;
        }
    }

    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let length = |payload: &Vec<u8>| u32::try_from(payload.len()).expect("short").to_be_bytes();
        payloads
            .iter()
            .flat_map(|payload| [&length(payload)[..], payload].concat())
            .collect()
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
                Some(WORDS.behind(1)),
            ] {
                let joined = |(head, block): (Vec<u8>, Option<Block>)| {
                    [head, block.map_or_else(Vec::new, Block::into_bytes)].concat()
                };
                let found: Vec<Vec<u8>> = frames(&bytes, size, block)
                    .into_iter()
                    .map(joined)
                    .collect();
                assert!(found == payloads, "pieces of {size}, a block at {block:?}");
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
    fn a_declared_length_takes_no_more_room_than_a_few_times_what_came() {
        let mut inbox = Inbox::new(128 << 20);
        let mut came = (127_u32 << 20).to_be_bytes().to_vec();
        came.resize(READ_BYTES / 2, 7);
        inbox.target().put(&came);
        assert!(
            inbox
                .next(|_| Some(BlockPlace::bytes(10)))
                .expect("no error")
                .is_none()
        );
        assert!(inbox.target().most() <= GROWTH * READ_BYTES);
    }

    #[test]
    fn lengths_that_no_frame_has_are_refused() {
        let check = |length: u32, expected: FrameError| {
            let mut inbox = Inbox::with_bytes(16, length.to_be_bytes().to_vec());
            assert_eq!(inbox.next(|_| None).expect_err("no such frame"), expected);
        };
        check(0, FrameError::Empty);
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
    fn room_that_is_lent_and_given_back_keeps_what_has_come() {
        let mut inbox = Inbox::new(1000);
        inbox.lend(Vec::with_capacity(READ_BYTES));
        inbox.target().put(b"\0\0\0\x03ab");
        assert!(inbox.next(|_| None).expect("no error").is_none());
        let room = inbox.release();
        assert!(room.is_empty() && room.capacity() >= READ_BYTES && inbox.pending() == 6);
        inbox.lend(room);
        inbox.target().put(b"c");
        let payload = inbox.next(|_| None).expect("no error").expect("a frame");
        assert_eq!(payload.head, b"abc");
    }
}
