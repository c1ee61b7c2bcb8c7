//! [`Outbox`]: what is to be written, in one batch.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::block::{Block, Spare};

/// A block of so many bytes or more is written from where it is instead of being copied. Below,
/// copying costs less than another slice in a vectored write.
pub const LONG_BLOCK: usize = 32 * 1024;

/// So many written bytes are forgotten at once.
const COMPACTED: usize = 64 * 1024;

/// More slices than this are left to the next write.
pub const MAX_SLICES: usize = 16;

/// Bytes to be written, with long blocks among them that are not copied.
///
/// ```text
/// bytes[..p1]  block 1  bytes[p1..p2]  block 2  ...  bytes[pn..]
/// ```
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    blocks: VecDeque<Placed>,
    /// `bytes[..at]` is written; `at <= bytes.len()`, and no block that is left stands before it.
    at: usize,
    /// Of the front block, where it stands at `at`; less than its length.
    in_block: usize,
    /// The length of all blocks.
    block_bytes: usize,
    /// Blocks that were written, for whoever needs room.
    spare: Spare,
}

/// A block that is written from where it is.
#[derive(Debug)]
struct Placed {
    /// How many of `bytes` stand before it.
    place: usize,
    block: Block,
}

/// Where a frame begins, so that its length can be written or the whole be taken back.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Mark {
    bytes: usize,
    blocks: usize,
    block_bytes: usize,
}

impl Outbox {
    /// Where short things are appended.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a block, without copying it where it is long.
    pub fn push(&mut self, block: Block) {
        let bytes = block.as_bytes();
        if bytes.len() < LONG_BLOCK {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.block_bytes += bytes.len();
            self.blocks.push_back(Placed {
                place: self.bytes.len(),
                block,
            });
        }
    }

    /// Appends what another one has, of which nothing was written. What was written here is
    /// forgotten first.
    pub fn append(&mut self, other: Self) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.block_bytes += other.block_bytes;
        let blocks = other.blocks.into_iter();
        self.blocks.extend(blocks.map(|placed| Placed {
            place: before + placed.place,
            ..placed
        }));
    }

    /// How much there is to write.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.at + self.block_bytes - self.in_block
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a frame.
    pub fn begin_frame(&mut self) -> Mark {
        let mark = Mark {
            bytes: self.bytes.len(),
            blocks: self.blocks.len(),
            block_bytes: self.block_bytes,
        };
        self.bytes.extend_from_slice(&[0; 4]);
        mark
    }

    /// How many bytes follow the length of the frame that began there. Nothing was written since.
    pub fn frame_len(&self, mark: Mark) -> usize {
        self.bytes.len() - mark.bytes - 4 + self.block_bytes - mark.block_bytes
    }

    /// Ends the frame that began there. No sender gets this far with a frame that is over every
    /// limit.
    pub fn end_frame(&mut self, mark: Mark) {
        let length = u32::try_from(self.frame_len(mark)).unwrap_or(u32::MAX);
        self.bytes[mark.bytes..mark.bytes + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Takes back everything since there. Nothing was written since.
    pub fn take_back(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.blocks.truncate(mark.blocks);
        self.block_bytes = mark.block_bytes;
    }

    /// What to write next, as many slices as fit.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let (mut count, mut at, mut in_block) = (0, self.at, self.in_block);
        let mut put = |bytes: &'a [u8]| {
            let fits = count < MAX_SLICES;
            if fits && !bytes.is_empty() {
                slices[count] = IoSlice::new(bytes);
                count += 1;
            }
            fits
        };
        for Placed { place, block } in &self.blocks {
            if !put(&self.bytes[at..*place]) || !put(&block.as_bytes()[in_block..]) {
                break;
            }
            (at, in_block) = (*place, 0);
        }
        put(&self.bytes[at..]);
        count
    }

    /// The bytes up to the first block: all there is, where [`has_blocks`](Self::has_blocks) says
    /// no.
    pub fn front(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Whether there are blocks.
    pub fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// So many bytes were written, at most [`len`](Self::len).
    pub fn advance(&mut self, mut count: usize) {
        while let Some(Placed { place, block }) = self.blocks.front() {
            let before = place - self.at;
            if count < before {
                break;
            }
            let length = block.len();
            let left = length - self.in_block;
            if count - before < left {
                (self.at, self.in_block) = (*place, self.in_block + count - before);
                return;
            }
            count -= before + left;
            (self.at, self.in_block) = (*place, 0);
            self.block_bytes -= length;
            if let Some(Placed { block, .. }) = self.blocks.pop_front() {
                self.spare.keep(block);
            }
        }
        self.at += count.min(self.bytes.len() - self.at);
        if self.at == self.bytes.len() && self.blocks.is_empty() {
            self.bytes.clear();
            self.at = 0;
        } else if self.at >= COMPACTED && self.at >= self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// Forgets what is written, where more keeps coming before all is.
    fn compact(&mut self) {
        self.bytes.drain(..self.at);
        for placed in &mut self.blocks {
            placed.place -= self.at;
        }
        self.at = 0;
    }

    /// The room of blocks that were written.
    pub fn take_spare(&mut self) -> Spare {
        std::mem::take(&mut self.spare)
    }

    /// Uses this room, where there is nothing to write.
    pub fn lend(&mut self, room: Vec<u8>) {
        if self.is_empty() && self.bytes.capacity() < room.capacity() {
            self.bytes = room;
            self.bytes.clear();
        }
    }

    /// Gives the room back that is more than this, where there is nothing to write.
    pub fn trim(&mut self, most: usize) {
        if self.is_empty() && self.bytes.capacity() > most {
            self.bytes = Vec::new();
        }
    }

    /// Gives the room away, where there is nothing to write.
    pub fn release(&mut self) -> Vec<u8> {
        if self.is_empty() {
            std::mem::take(&mut self.bytes)
        } else {
            Vec::new()
        }
    }

    /// Everything that is to be written, in one piece.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.blocks.is_empty() && self.at == 0 {
            return self.bytes;
        }
        let mut all = Vec::with_capacity(self.len());
        let (mut at, mut in_block) = (self.at, self.in_block);
        for Placed { place, block } in &self.blocks {
            all.extend_from_slice(&self.bytes[at..*place]);
            all.extend_from_slice(&block.as_bytes()[in_block..]);
            (at, in_block) = (*place, 0);
        }
        all.extend_from_slice(&self.bytes[at..]);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (Outbox, Vec<u8>) {
        let mut outbox = Outbox::default();
        for round in 0..3_u8 {
            outbox.bytes().extend_from_slice(&[round; 5]);
            outbox.push(Block::Bytes(vec![
                100 + round;
                LONG_BLOCK + usize::from(round)
            ]));
            outbox.push(Block::Bytes(vec![200 + round; 7]));
        }
        let mut all = Vec::new();
        for round in 0..3_u8 {
            all.extend_from_slice(&[round; 5]);
            all.extend(std::iter::repeat_n(
                100 + round,
                LONG_BLOCK + usize::from(round),
            ));
            all.extend_from_slice(&[200 + round; 7]);
        }
        (outbox, all)
    }

    #[test]
    fn whatever_the_kernel_takes_at_once_the_same_bytes_are_written() {
        for step in [
            1,
            4,
            5,
            6,
            11,
            LONG_BLOCK,
            LONG_BLOCK + 5,
            LONG_BLOCK + 12,
            usize::MAX,
        ] {
            let (mut outbox, all) = filled();
            let mut written = Vec::new();
            while !outbox.is_empty() {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = outbox.slices(&mut slices);
                let before = written.len();
                for slice in &slices[..count] {
                    let room = step - (written.len() - before);
                    written.extend_from_slice(&slice[..slice.len().min(room)]);
                }
                outbox.advance(written.len() - before);
                assert_eq!(outbox.len(), all.len() - written.len());
            }
            assert!(written == all, "in steps of {step}");
        }
        let (outbox, all) = filled();
        assert!(outbox.into_bytes() == all);
    }

    #[test]
    fn what_is_written_takes_no_room_however_much_follows() {
        let (mut outbox, mut all, mut written) = (Outbox::default(), Vec::new(), Vec::new());
        for round in 0..10_000_u32 {
            let bytes = round.to_le_bytes().repeat(25);
            outbox.bytes().extend_from_slice(&bytes);
            all.extend_from_slice(&bytes);
            if round % 1000 == 999 {
                outbox.push(Block::Bytes(vec![7; LONG_BLOCK]));
                all.extend(std::iter::repeat_n(7, LONG_BLOCK));
            }
            while outbox.len() > 50_000 {
                let count = outbox.front().len().min(90);
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                outbox.slices(&mut slices);
                let count = if count == 0 {
                    90
                } else {
                    count.min(slices[0].len())
                };
                written.extend_from_slice(&slices[0][..count.min(slices[0].len())]);
                let count = count.min(slices[0].len());
                outbox.advance(count);
            }
            assert!(outbox.bytes.len() < 4 * COMPACTED, "{}", outbox.bytes.len());
        }
        written.extend(outbox.into_bytes());
        assert!(written == all);
    }

    #[test]
    fn what_is_appended_follows() {
        let ((mut one, first), (other, second)) = (filled(), filled());
        one.append(other);
        assert_eq!(one.len(), first.len() + second.len());
        assert!(one.into_bytes() == [first, second].concat());
    }

    #[test]
    fn a_frame_knows_its_length_and_can_be_taken_back() {
        let mut outbox = Outbox::default();
        let mark = outbox.begin_frame();
        outbox.bytes().extend_from_slice(b"abc");
        outbox.end_frame(mark);
        let mark = outbox.begin_frame();
        outbox.push(Block::Bytes(vec![1; LONG_BLOCK]));
        assert_eq!(outbox.frame_len(mark), LONG_BLOCK);
        outbox.take_back(mark);
        assert_eq!(outbox.into_bytes(), b"\0\0\0\x03abc");
    }
}
