//! [`Block`]: a long value in memory of its own. It is not copied on its way between a socket and a
//! `Vec`.
//!
//! ```text
//! socket --> Filling --finish--> Block --decode--> Vec<u8>, String, Vec<i64>, Vec<f64>
//! socket <-- Outbox <----------- Block <---put---- the same types
//!              |
//!              +--written--> Spare --> the next Filling
//! ```

use rpc_schema::Type;

/// Number of bytes of free space that is offered to each read.
pub const READ_BYTES: usize = 64 * 1024;

/// Maximum number of bytes that a buffer for input or output keeps allocated while it is not used.
pub const MAX_KEPT_BYTES: usize = 4 << 20;

/// The buffer of a block grows by this factor while its bytes arrive. A declared length alone
/// allocates nothing.
pub const GROWTH: usize = 4;

const WORD: usize = size_of::<u64>();

/// A long value in memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A `bytes` or `str` value.
    Bytes(Vec<u8>),
    /// The items of a list of `int` or `float`, as their bits on the wire. Only used if the bits in
    /// memory are the same.
    Words(Vec<u64>),
}

/// What the buffer of a block consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Bytes.
    Bytes,
    /// Words of eight bytes.
    Words,
}

/// Where the block of a message begins, and its kind. The block ends with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// Number of bytes before the block.
    pub offset: usize,
    /// The kind of the block.
    pub kind: BlockKind,
}

impl Block {
    /// Returns the bytes, as they are on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Words(words) => bytemuck::cast_slice(words),
        }
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes. They are copied only if the block consists of words.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Words(words) => bytemuck::cast_slice(&words).to_vec(),
        }
    }
}

impl BlockPlace {
    /// Returns the place of a block of bytes.
    pub fn bytes(offset: usize) -> Self {
        Self {
            offset,
            kind: BlockKind::Bytes,
        }
    }

    /// Returns where the last of these values begins, without its length or count. Returns a place
    /// only if the last value is a `bytes`, a `str` or a list of numbers, and if every value before
    /// it has a fixed length. Such a value can be read to memory of its own.
    pub fn of(types: &[Type]) -> Option<Self> {
        let (last, before) = types.split_last()?;
        let offset = before
            .iter()
            .try_fold(0_usize, |sum, ty| sum.checked_add(fixed_length(ty)?))?;
        let place = match last {
            Type::Str | Type::Bytes => Self::bytes(size_of::<u32>()),
            Type::List(item) if matches!(**item, Type::Int | Type::Float) => {
                let kind = if cfg!(target_endian = "little") {
                    BlockKind::Words
                } else {
                    return None;
                };
                Self {
                    offset: size_of::<u32>(),
                    kind,
                }
            }
            Type::Tuple(items) => Self::of(items)?,
            Type::Record(record) => {
                let fields: Vec<Type> = record
                    .fields()
                    .iter()
                    .map(|field| field.ty.clone())
                    .collect();
                Self::of(&fields)?
            }
            _ => return None,
        };
        Some(place.shifted_by(offset))
    }

    /// Returns the same place in a message with this many more bytes in front.
    #[must_use]
    pub fn shifted_by(self, bytes: usize) -> Self {
        Self {
            offset: self.offset.saturating_add(bytes),
            ..self
        }
    }

    /// Returns whether a block of this kind can have this many bytes.
    pub fn fits(self, length: usize) -> bool {
        self.kind == BlockKind::Bytes || length.is_multiple_of(WORD)
    }
}

/// Returns the length of every value of a type, if all its values have the same length.
fn fixed_length(ty: &Type) -> Option<usize> {
    match ty {
        Type::Int | Type::Float => Some(8),
        Type::Bool => Some(1),
        Type::Enumeration(_) => Some(4),
        Type::Tuple(items) => items.iter().map(fixed_length).sum(),
        Type::Record(record) => record
            .fields()
            .iter()
            .map(|field| fixed_length(&field.ty))
            .sum(),
        _ => None,
    }
}

/// Buffers of blocks that are no longer needed: the largest one of each kind.
#[derive(Debug, Default)]
pub struct Spare {
    bytes: Vec<u8>,
    words: Vec<u64>,
}

impl Spare {
    /// Keeps the buffer of a block if it is larger than the kept one.
    pub fn keep(&mut self, block: Block) {
        match block {
            Block::Bytes(mut bytes) if bytes.capacity() > self.bytes.capacity() => {
                bytes.clear();
                self.bytes = bytes;
            }
            // The words are not cleared, so that the next block need not set them to zero again.
            Block::Words(words) if words.capacity() > self.words.capacity() => self.words = words,
            _ => {}
        }
    }

    /// Keeps the buffers of another `Spare` if they are larger than the kept ones.
    pub fn keep_all(&mut self, other: Self) {
        self.keep(Block::Bytes(other.bytes));
        self.keep(Block::Words(other.words));
    }

    /// Returns the same buffers without those of more than `most` bytes.
    #[must_use]
    pub fn trimmed(mut self, most: usize) -> Self {
        if self.bytes.capacity() > most {
            self.bytes = Vec::new();
        }
        if self.words.capacity() > most / WORD {
            self.words = Vec::new();
        }
        self
    }
}

/// A block that is arriving, or a long message that has no block.
#[derive(Debug)]
pub enum Filling {
    /// The bytes that have arrived.
    Bytes(Vec<u8>),
    /// Words, the first of which have arrived.
    Words {
        /// The words that have arrived, and space for more.
        words: Vec<u64>,
        /// Number of bytes that have arrived; `filled <= words.len() * 8`.
        filled: usize,
    },
}

impl Default for Filling {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Filling {
    /// Begins a block of which `received` has arrived and `missing` bytes have not. Reuses a spare
    /// buffer.
    pub fn begin(kind: BlockKind, received: &[u8], missing: usize, spare: &mut Spare) -> Self {
        // A reused buffer may take the declared length. Otherwise the number of received bytes
        // limits the allocation.
        let total = received.len().saturating_add(missing);
        let grown = received.len().saturating_mul(GROWTH).min(total);
        match kind {
            BlockKind::Bytes => {
                let mut bytes = std::mem::take(&mut spare.bytes);
                if bytes.capacity() < received.len() {
                    bytes = Vec::with_capacity(grown);
                }
                bytes.extend_from_slice(received);
                Self::Bytes(bytes)
            }
            BlockKind::Words => {
                let mut words = std::mem::take(&mut spare.words);
                let wanted = if words.capacity().saturating_mul(WORD) < total {
                    grown
                } else {
                    total
                };
                words.resize(wanted.div_ceil(WORD), 0);
                let mut filled = 0;
                let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
                // There is room for all: the words have at least the bytes that were received.
                if let Some(memory) = memory.get_mut(..received.len()) {
                    memory.copy_from_slice(received);
                    filled = received.len();
                }
                Self::Words { words, filled }
            }
        }
    }

    /// Returns how many bytes have arrived.
    pub fn filled(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Words { filled, .. } => *filled,
        }
    }

    /// Returns where to read the next bytes to. `missing` is the number of bytes still to come, at
    /// least 1.
    pub fn target(&mut self, missing: usize) -> Target<'_> {
        let grown = self.filled().max(READ_BYTES).saturating_mul(GROWTH - 1);
        let more = missing.min(grown);
        match self {
            Self::Bytes(bytes) => {
                if bytes.capacity() == bytes.len() {
                    bytes.reserve_exact(more);
                }
                let most = missing.min(bytes.capacity().saturating_sub(bytes.len()));
                Target::Append { bytes, most }
            }
            Self::Words { words, filled } => {
                if words.len().saturating_mul(WORD) == *filled {
                    let wanted = filled.saturating_add(more).div_ceil(WORD);
                    words.reserve_exact(wanted.saturating_sub(words.len()));
                    words.resize(wanted, 0);
                }
                let memory: &mut [u8] = bytemuck::cast_slice_mut(words);
                Target::Fill(memory.get_mut(*filled..).unwrap_or_default())
            }
        }
    }

    /// Records that this many bytes were read to the target.
    pub fn received(&mut self, count: usize) {
        if let Self::Words { filled, .. } = self {
            *filled = filled.saturating_add(count);
        }
    }

    /// Returns the block. Call it when all bytes have arrived.
    pub fn finish(self) -> Block {
        match self {
            Self::Bytes(bytes) => Block::Bytes(bytes),
            Self::Words { words, .. } => Block::Words(words),
        }
    }
}

/// Where to read bytes to.
#[derive(Debug)]
pub enum Target<'a> {
    /// Append the bytes to a vector.
    Append {
        /// The vector. It has spare capacity.
        bytes: &'a mut Vec<u8>,
        /// Maximum number of bytes to append; at least 1.
        most: usize,
    },
    /// Write the bytes to this slice, from its front. It is not empty.
    Fill(&'a mut [u8]),
}

impl Target<'_> {
    /// Returns the maximum number of bytes to read.
    pub fn most(&self) -> usize {
        match self {
            Self::Append { most, .. } => *most,
            Self::Fill(slice) => slice.len(),
        }
    }

    /// Stores these bytes, at most [`most`](Self::most).
    pub fn put(self, received: &[u8]) {
        match self {
            Self::Append { bytes, .. } => bytes.extend_from_slice(received),
            Self::Fill(slice) => {
                if let Some(front) = slice.get_mut(..received.len()) {
                    front.copy_from_slice(received);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_a_place_only_if_it_is_last_and_lengths_before_it_are_fixed() {
        let place = |text: &str| match Type::parse(text).expect(text) {
            Type::Tuple(items) => BlockPlace::of(&items),
            _ => None,
        };
        assert_eq!(
            place("Tuple[int, bool, bytes]"),
            Some(BlockPlace::bytes(13))
        );
        assert_eq!(
            place("Tuple[T{a: int, b: E{x, y}, c: str}]"),
            Some(BlockPlace::bytes(16))
        );
        assert_eq!(place("Tuple[bytes, int]"), None);
        assert_eq!(place("Tuple[str, bytes]"), None);
        assert_eq!(place("Tuple[bool, List[bool]]"), None);
        let words = Some(BlockPlace {
            offset: 5,
            kind: BlockKind::Words,
        });
        assert_eq!(
            place("Tuple[bool, List[float]]"),
            words.filter(|_| cfg!(target_endian = "little"))
        );
    }

    /// Fills a block with `bytes`: the first `first` bytes at once, the others in pieces of `piece`
    /// bytes.
    fn fill(kind: BlockKind, bytes: &[u8], first: usize, piece: usize, spare: &mut Spare) -> Block {
        let mut missing = bytes.len() - first;
        let mut sent = first;
        let mut filling = Filling::begin(kind, &bytes[..first], missing, spare);
        while missing > 0 {
            let target = filling.target(missing);
            let count = piece.min(target.most());
            assert!((1..=missing).contains(&count));
            target.put(&bytes[sent..sent + count]);
            filling.received(count);
            missing -= count;
            sent += count;
            assert_eq!(filling.filled(), sent);
        }
        filling.finish()
    }

    #[test]
    fn the_size_of_the_pieces_does_not_change_the_block() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let mut spare = Spare::default();
        for kind in [BlockKind::Bytes, BlockKind::Words] {
            for (first, piece) in [
                (0, 7_919),
                (1, 1_000),
                (8_192, usize::MAX),
                (299_999, 1),
                (65_537, 3),
            ] {
                let block = fill(kind, &bytes, first, piece, &mut spare);
                assert!(
                    block.as_bytes() == bytes,
                    "{kind:?}, {first} bytes first, then pieces of {piece} bytes"
                );
                spare.keep(block);
                let shorter = fill(kind, &bytes[..80_000], 8, 9_999, &mut spare);
                assert!(
                    shorter.as_bytes() == &bytes[..80_000],
                    "the block in a reused buffer"
                );
                spare.keep(shorter);
            }
        }
    }

    #[test]
    fn the_buffer_grows_with_the_received_bytes_unless_a_spare_one_is_large_enough() {
        let mut spare = Spare::default();
        for kind in [BlockKind::Bytes, BlockKind::Words] {
            let mut filling = Filling::begin(kind, &[7; 1_024], 100 << 20, &mut spare);
            assert!(filling.target(100 << 20).most() <= GROWTH * READ_BYTES);
            let block = fill(kind, &vec![7; 1 << 20], 0, usize::MAX, &mut spare);
            spare.keep(block);
            let mut filling = Filling::begin(kind, &[7; 1_024], 1 << 19, &mut spare);
            assert_eq!(
                filling.target(1 << 19).most(),
                1 << 19,
                "a spare buffer takes the declared length"
            );
            spare = spare.trimmed(1 << 10);
        }
    }
}
