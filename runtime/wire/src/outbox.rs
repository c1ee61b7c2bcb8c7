//! [`Outbox`]: the bytes to write, in one batch.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::block::{Block, Spare};
use super::frame::LENGTH_BYTES;

/// Minimum number of bytes of a block that is written without being copied. Copying a shorter block
/// costs less than one more slice in a vectored write.
pub const LONG_BLOCK: usize = 32 * 1024;

/// Number of written bytes after which they are removed from the buffer.
const COMPACT_BYTES: usize = 64 * 1024;

/// Maximum number of slices in one vectored write.
pub const MAX_SLICES: usize = 16;

/// Bytes to write, with long blocks among them that are not copied.
///
/// ```text
/// bytes[..p1]  block 1  bytes[p1..p2]  block 2  ...  bytes[pn..]
/// ```
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    blocks: VecDeque<PlacedBlock>,
    /// `bytes[..written]` is written; `written <= bytes.len()`. All remaining blocks follow
    /// these bytes.
    written: usize,
    /// Number of written bytes of the front block, if the block begins at `written`; less than its
    /// length.
    block_written: usize,
    /// Number of bytes of all blocks together.
    block_bytes: usize,
    /// Buffers of blocks that were written.
    spare: Spare,
}

/// A block and its place among the bytes.
#[derive(Debug)]
struct PlacedBlock {
    /// Number of `bytes` before the block.
    place: usize,
    block: Block,
}

/// Where a frame begins. It is needed to write the length of the frame, or to remove the frame.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct FrameMark {
    bytes: usize,
    blocks: usize,
    block_bytes: usize,
}

impl Outbox {
    /// Returns the buffer to append short values to.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a block. A long block is not copied.
    pub fn push(&mut self, block: Block) {
        let bytes = block.as_bytes();
        if bytes.len() < LONG_BLOCK {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.block_bytes = self.block_bytes.saturating_add(bytes.len());
            self.blocks.push_back(PlacedBlock {
                place: self.bytes.len(),
                block,
            });
        }
    }

    /// Appends the content of another outbox, of which nothing was written.
    pub fn append(&mut self, other: Self) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.block_bytes = self.block_bytes.saturating_add(other.block_bytes);
        let blocks = other.blocks.into_iter();
        self.blocks.extend(blocks.map(|placed| PlacedBlock {
            place: before.saturating_add(placed.place),
            ..placed
        }));
    }

    /// Returns the number of bytes to write.
    pub fn len(&self) -> usize {
        let bytes = self.bytes.len().saturating_sub(self.written);
        let blocks = self.block_bytes.saturating_sub(self.block_written);
        bytes.saturating_add(blocks)
    }

    /// Returns whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a frame with space for its length.
    pub fn begin_frame(&mut self) -> FrameMark {
        let mark = FrameMark {
            bytes: self.bytes.len(),
            blocks: self.blocks.len(),
            block_bytes: self.block_bytes,
        };
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        mark
    }

    /// Returns the number of bytes after the length of the frame. Nothing may have been written
    /// since `begin_frame`.
    pub fn frame_len(&self, mark: FrameMark) -> usize {
        let begin = mark.bytes.saturating_add(LENGTH_BYTES);
        let bytes = self.bytes.len().saturating_sub(begin);
        let blocks = self.block_bytes.saturating_sub(mark.block_bytes);
        bytes.saturating_add(blocks)
    }

    /// Ends a frame: writes its length. Senders check the limit before, so the length fits.
    pub fn end_frame(&mut self, mark: FrameMark) {
        let length = u32::try_from(self.frame_len(mark)).unwrap_or(u32::MAX);
        let place = self.bytes.get_mut(mark.bytes..);
        if let Some(place) = place.and_then(<[u8]>::first_chunk_mut::<LENGTH_BYTES>) {
            *place = length.to_be_bytes();
        }
    }

    /// Removes a frame and everything after it. Nothing may have been written since `begin_frame`.
    pub fn discard_frame(&mut self, mark: FrameMark) {
        self.bytes.truncate(mark.bytes);
        self.blocks.truncate(mark.blocks);
        self.block_bytes = mark.block_bytes;
    }

    /// Fills `slices` with the bytes to write next, as many as fit. Returns the number of slices.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let mut free = slices.iter_mut();
        for piece in self.pieces() {
            match free.next() {
                Some(slice) => *slice = IoSlice::new(piece),
                None => break,
            }
        }
        MAX_SLICES.saturating_sub(free.len())
    }

    /// Returns the bytes to write, in pieces that are not empty.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut position = self.written;
        let mut block_written = self.block_written;
        let before_and_block = self
            .blocks
            .iter()
            .flat_map(move |PlacedBlock { place, block }| {
                let before = self.bytes.get(position..*place).unwrap_or_default();
                let left = block.as_bytes().get(block_written..).unwrap_or_default();
                position = *place;
                block_written = 0;
                [before, left]
            });
        let last = self.blocks.back().map_or(self.written, |last| last.place);
        let behind = self.bytes.get(last..).unwrap_or_default();
        before_and_block
            .chain([behind])
            .filter(|piece| !piece.is_empty())
    }

    /// Returns the bytes before the first block. These are all bytes if
    /// [`has_blocks`](Self::has_blocks) is false.
    pub fn front(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Returns whether there are blocks.
    pub fn has_blocks(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Records that this many bytes were written, at most [`len`](Self::len).
    pub fn advance(&mut self, mut count: usize) {
        while let Some(PlacedBlock { place, block }) = self.blocks.front() {
            let before = place.saturating_sub(self.written);
            let Some(of_block) = count.checked_sub(before) else {
                break;
            };
            let length = block.len();
            let left = length.saturating_sub(self.block_written);
            let Some(behind) = of_block.checked_sub(left) else {
                self.written = *place;
                self.block_written = self.block_written.saturating_add(of_block);
                return;
            };
            count = behind;
            self.written = *place;
            self.block_written = 0;
            self.block_bytes = self.block_bytes.saturating_sub(length);
            if let Some(PlacedBlock { block, .. }) = self.blocks.pop_front() {
                self.spare.keep(block);
            }
        }
        self.written = self.written.saturating_add(count).min(self.bytes.len());
        if self.written == self.bytes.len() && self.blocks.is_empty() {
            self.bytes.clear();
            self.written = 0;
        } else if self.written >= COMPACT_BYTES && self.written >= self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// Removes the written bytes from the buffer. Needed if more bytes are appended before all are
    /// written.
    fn compact(&mut self) {
        self.bytes.drain(..self.written);
        for placed in &mut self.blocks {
            placed.place = placed.place.saturating_sub(self.written);
        }
        self.written = 0;
    }

    /// Takes the buffers of blocks that were written.
    pub fn take_spare(&mut self) -> Spare {
        std::mem::take(&mut self.spare)
    }

    /// Uses this buffer if there is nothing to write and the present one is smaller.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        if self.is_empty() && self.bytes.capacity() < buffer.capacity() {
            self.bytes = buffer;
            self.bytes.clear();
        }
    }

    /// Frees the buffer if there is nothing to write and it is larger than `most` bytes.
    pub fn trim(&mut self, most: usize) {
        if self.is_empty() && self.bytes.capacity() > most {
            self.bytes = Vec::new();
        }
    }

    /// Gives the buffer away if there is nothing to write. Otherwise returns an empty one.
    pub fn release(&mut self) -> Vec<u8> {
        if self.is_empty() {
            std::mem::take(&mut self.bytes)
        } else {
            Vec::new()
        }
    }

    /// Returns all bytes to write, in one piece.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.blocks.is_empty() && self.written == 0 {
            return self.bytes;
        }
        let mut all = Vec::with_capacity(self.len());
        for piece in self.pieces() {
            all.extend_from_slice(piece);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an outbox with short values and blocks, and its bytes in one piece.
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
    fn the_size_of_the_writes_does_not_change_the_bytes() {
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
                    let left = step - (written.len() - before);
                    written.extend_from_slice(&slice[..slice.len().min(left)]);
                }
                outbox.advance(written.len() - before);
                assert_eq!(outbox.len(), all.len() - written.len());
            }
            assert!(written == all, "in steps of {step} bytes");
        }
        let (outbox, all) = filled();
        assert!(outbox.into_bytes() == all);
    }

    #[test]
    fn written_bytes_are_freed_while_more_are_appended() {
        let mut outbox = Outbox::default();
        let mut all = Vec::new();
        let mut written = Vec::new();
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
            assert!(
                outbox.bytes.len() < 4 * COMPACT_BYTES,
                "{}",
                outbox.bytes.len()
            );
        }
        written.extend(outbox.into_bytes());
        assert!(written == all);
    }

    #[test]
    fn appended_content_follows_the_earlier_content() {
        let (mut one, first) = filled();
        let (other, second) = filled();
        one.append(other);
        assert_eq!(one.len(), first.len() + second.len());
        assert!(one.into_bytes() == [first, second].concat());
    }

    #[test]
    fn a_frame_gets_its_length_and_can_be_taken_back() {
        let mut outbox = Outbox::default();
        let mark = outbox.begin_frame();
        outbox.bytes().extend_from_slice(b"abc");
        outbox.end_frame(mark);
        let mark = outbox.begin_frame();
        outbox.push(Block::Bytes(vec![1; LONG_BLOCK]));
        assert_eq!(outbox.frame_len(mark), LONG_BLOCK);
        outbox.discard_frame(mark);
        assert_eq!(outbox.into_bytes(), b"\0\0\0\x03abc");
    }
}
