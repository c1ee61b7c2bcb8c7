//! [`Block`]: a long value in room of its own, so that it is not copied on its way between a socket
//! and a `Vec`.
//!
//! ```text
//! socket --> Filling --whole--> Block --decode--> Vec<u8>, String, Vec<i64>, Vec<f64>
//! socket <-- Outbox <---------- Block <---put---- the same
//!              |
//!              +--written--> Spare --> the next Filling
//! ```

use rpc_schema::Type;

use super::inbox::READ_BYTES;

/// The room for what comes grows by this factor as the bytes come, so that a declared length alone
/// takes none.
pub const GROWTH: usize = 4;

const WORD: usize = size_of::<u64>();

/// A long value in room of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// `bytes`, or a `str`.
    Bytes(Vec<u8>),
    /// The items of a list of `int` or `float`, as the bits that they are on the wire: only where
    /// that is their form in memory too.
    Words(Vec<u64>),
}

/// What a block's room is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Bytes.
    Bytes,
    /// Words of eight bytes.
    Words,
}

/// Where in a message a block begins that ends with the message, and of which kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// How many bytes stand before it.
    pub offset: usize,
    /// Its kind.
    pub kind: BlockKind,
}

impl Block {
    /// Its bytes, as they are on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Words(words) => bytemuck::cast_slice(words),
        }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, copied only where it is made of words.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Words(words) => bytemuck::cast_slice(&words).to_vec(),
        }
    }
}

impl BlockPlace {
    /// Of bytes.
    pub fn bytes(offset: usize) -> Self {
        Self {
            offset,
            kind: BlockKind::Bytes,
        }
    }

    /// Where the last of these values begins, without its length or count, if it is `bytes`, `str`,
    /// or a list of numbers, and every value before it has a fixed length: where it may come in
    /// room of its own, that is.
    pub fn of(types: &[Type]) -> Option<Self> {
        let (last, before) = types.split_last()?;
        let offset = before
            .iter()
            .try_fold(0, |sum, ty| Some(sum + fixed_length(ty)?))?;
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
        Some(place.behind(offset))
    }

    /// The same where so many bytes more stand before it.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Self {
        Self {
            offset: self.offset + bytes,
            ..self
        }
    }

    /// Whether a block of this kind can have so many bytes.
    pub fn fits(self, length: usize) -> bool {
        self.kind == BlockKind::Bytes || length.is_multiple_of(WORD)
    }
}

/// The length of every value of a type, where that is one.
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

/// Room of blocks that are done with, the largest of each kind.
#[derive(Debug, Default)]
pub struct Spare {
    bytes: Vec<u8>,
    words: Vec<u64>,
}

impl Spare {
    /// Keeps the room of a block, where it is larger than what is kept.
    pub fn keep(&mut self, block: Block) {
        match block {
            Block::Bytes(mut bytes) if bytes.capacity() > self.bytes.capacity() => {
                bytes.clear();
                self.bytes = bytes;
            }
            // What is in the words stays: room that was written once need not be cleared to be
            // filled again.
            Block::Words(words) if words.capacity() > self.words.capacity() => self.words = words,
            _ => {}
        }
    }

    /// Keeps what another one has, where that is larger.
    pub fn keep_all(&mut self, other: Self) {
        self.keep(Block::Bytes(other.bytes));
        self.keep(Block::Words(other.words));
    }

    /// The same without what has more than `most` bytes.
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

/// A block that is coming, or a long message without one.
#[derive(Debug)]
pub enum Filling {
    /// What has come.
    Bytes(Vec<u8>),
    /// Some words, of which what has come is the beginning.
    Words {
        /// Those that have come, and room for more.
        words: Vec<u64>,
        /// How many bytes have come; `filled <= words.len() * 8`.
        filled: usize,
    },
}

impl Default for Filling {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Filling {
    /// One of which `came` is here and `missing` bytes are not, in room that is spare.
    pub fn begin(kind: BlockKind, came: &[u8], missing: usize, spare: &mut Spare) -> Self {
        // Room that was had before may be as long as the message says; else what came decides.
        let all = came.len() + missing;
        let cautious = (came.len() * GROWTH).min(all);
        match kind {
            BlockKind::Bytes => {
                let mut bytes = std::mem::take(&mut spare.bytes);
                if bytes.capacity() < came.len() {
                    bytes = Vec::with_capacity(cautious);
                }
                bytes.extend_from_slice(came);
                Self::Bytes(bytes)
            }
            BlockKind::Words => {
                let mut words = std::mem::take(&mut spare.words);
                let wanted = if words.capacity() * WORD < all {
                    cautious
                } else {
                    all
                };
                words.resize(wanted.div_ceil(WORD), 0);
                bytemuck::cast_slice_mut(&mut words)[..came.len()].copy_from_slice(came);
                Self::Words {
                    words,
                    filled: came.len(),
                }
            }
        }
    }

    /// How many bytes have come.
    pub fn filled(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Words { filled, .. } => *filled,
        }
    }

    /// Where to read what comes next to, `missing > 0` bytes of which are still to come.
    pub fn target(&mut self, missing: usize) -> Target<'_> {
        let more = missing.min(self.filled().max(READ_BYTES) * (GROWTH - 1));
        match self {
            Self::Bytes(bytes) => {
                if bytes.capacity() == bytes.len() {
                    bytes.reserve_exact(more);
                }
                let most = missing.min(bytes.capacity() - bytes.len());
                Target::Append { bytes, most }
            }
            Self::Words { words, filled } => {
                if words.len() * WORD == *filled {
                    let wanted = (*filled + more).div_ceil(WORD);
                    words.reserve_exact(wanted - words.len());
                    words.resize(wanted, 0);
                }
                Target::Fill(&mut bytemuck::cast_slice_mut(words)[*filled..])
            }
        }
    }

    /// So many bytes came to the target.
    pub fn came(&mut self, count: usize) {
        if let Self::Words { filled, .. } = self {
            *filled += count;
        }
    }

    /// The block, once it has come whole.
    pub fn finish(self) -> Block {
        match self {
            Self::Bytes(bytes) => Block::Bytes(bytes),
            Self::Words { words, .. } => Block::Words(words),
        }
    }
}

/// Where to read to.
#[derive(Debug)]
pub enum Target<'a> {
    /// What is read is appended.
    Append {
        /// There is room.
        bytes: &'a mut Vec<u8>,
        /// At most so much may be appended; at least 1.
        most: usize,
    },
    /// What is read goes here, from the front; at least one byte.
    Fill(&'a mut [u8]),
}

impl Target<'_> {
    /// How many bytes may come at most.
    pub fn most(&self) -> usize {
        match self {
            Self::Append { most, .. } => *most,
            Self::Fill(room) => room.len(),
        }
    }

    /// Takes these bytes, at most [`most`](Self::most).
    pub fn put(self, came: &[u8]) {
        match self {
            Self::Append { bytes, .. } => bytes.extend_from_slice(came),
            Self::Fill(room) => room[..came.len()].copy_from_slice(came),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_of_fixed_lengths_has_a_place() {
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

    /// Fills a block of these bytes in pieces of `piece`, beginning with `begun` of them, in that
    /// room.
    fn fill(kind: BlockKind, bytes: &[u8], begun: usize, piece: usize, spare: &mut Spare) -> Block {
        let (mut missing, mut fed) = (bytes.len() - begun, begun);
        let mut filling = Filling::begin(kind, &bytes[..begun], missing, spare);
        while missing > 0 {
            let target = filling.target(missing);
            let count = piece.min(target.most());
            assert!((1..=missing).contains(&count));
            target.put(&bytes[fed..fed + count]);
            filling.came(count);
            (missing, fed) = (missing - count, fed + count);
            assert_eq!(filling.filled(), fed);
        }
        filling.finish()
    }

    #[test]
    fn whatever_comes_at_once_the_block_is_the_same() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let mut spare = Spare::default();
        for kind in [BlockKind::Bytes, BlockKind::Words] {
            for (begun, piece) in [
                (0, 7_919),
                (1, 1_000),
                (8_192, usize::MAX),
                (299_999, 1),
                (65_537, 3),
            ] {
                let block = fill(kind, &bytes, begun, piece, &mut spare);
                assert!(
                    block.as_bytes() == bytes,
                    "{kind:?}, {begun} first, then pieces of {piece}"
                );
                spare.keep(block);
                let shorter = fill(kind, &bytes[..80_000], 8, 9_999, &mut spare);
                assert!(
                    shorter.as_bytes() == &bytes[..80_000],
                    "room that was used before"
                );
                spare.keep(shorter);
            }
        }
    }

    #[test]
    fn room_comes_from_what_came_and_from_what_is_spare() {
        let mut spare = Spare::default();
        for kind in [BlockKind::Bytes, BlockKind::Words] {
            let mut filling = Filling::begin(kind, &[7; 1_024], 100 << 20, &mut spare);
            assert!(filling.target(100 << 20).most() <= GROWTH * READ_BYTES);
            let room = fill(kind, &vec![7; 1 << 20], 0, usize::MAX, &mut spare);
            spare.keep(room);
            let mut filling = Filling::begin(kind, &[7; 1_024], 1 << 19, &mut spare);
            assert_eq!(
                filling.target(1 << 19).most(),
                1 << 19,
                "as much as there is room"
            );
            spare = spare.trimmed(1 << 10);
        }
    }
}
