//! Binary values: little-endian, lengths in front, no padding, no tags. Both sides know the type.
//!
//! | type | bytes |
//! |---|---|
//! | `int`, `float` | 8 |
//! | `bool` | 1: 0 or 1 |
//! | `str`, `bytes` | u32 length, then the bytes |
//! | `List[T]` | u32 count, then the values |
//! | `Dict[K, V]` | u32 count, then key and value in turn; keys unique |
//! | `Optional[T]` | 0, or 1 and the value |
//! | `Tuple[...]`, a record, arguments, returned values | the values in order |
//! | an enumeration | u32: the position of the item, from 0 |

use std::collections::BTreeMap;

use bytemuck::allocation::cast_vec;

use super::block::Block;
use super::outbox::{LONG_BLOCK, Outbox};

/// Why bytes are not the expected value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside the value.
    #[error("the value is cut short: {wanted} more bytes expected, {left} left")]
    CutShort {
        /// Number of bytes that the value still needs.
        wanted: usize,
        /// Number of bytes that are left.
        left: usize,
    },
    /// Bytes follow the last value.
    #[error("{0} bytes left over")]
    LeftOver(usize),
    /// A text is not UTF-8.
    #[error("a `str` is not UTF-8")]
    NotUtf8,
    /// A `bool` or the mark of an `Optional` is neither 0 nor 1.
    #[error("the byte {0} is neither 0 nor 1")]
    NotABool(u8),
    /// A position is beyond the items of an enumeration.
    #[error("an enumeration of {items} items has no item at place {place}")]
    NotAnItem {
        /// The position, from 0.
        place: usize,
        /// Number of items.
        items: usize,
    },
    /// A `Dict` has the same key twice.
    #[error("a `Dict` has the same key twice")]
    DuplicateKey,
}

/// Reads binary values from the front of a slice.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The last value without its length or count, if it was read to memory of its own.
    block: Option<Block>,
}

impl<'a> Reader<'a> {
    /// Returns a reader that begins at the first of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            block: None,
        }
    }

    /// Returns a reader for values of which the last one was read to memory of its own; see
    /// [`BlockPlace`](super::block::BlockPlace).
    pub fn with_block(bytes: &'a [u8], block: Option<Block>) -> Self {
        Self { rest: bytes, block }
    }

    /// Returns the bytes that were not read so far.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the number of bytes that were not read.
    pub fn remaining(&self) -> usize {
        let block = self.block.as_ref().map_or(0, Block::len);
        self.rest.len().saturating_add(block)
    }

    /// Reads the next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(DecodeError::CutShort {
                wanted: count,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::CutShort {
                wanted: N,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads an `int`.
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.take_array()?))
    }

    /// Reads a `float`.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_le_bytes(self.take_array()?))
    }

    /// Reads a `bool`, or the mark of an `Optional`.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.take_array::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(DecodeError::NotABool(other)),
        }
    }

    /// Reads a length or count.
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_le_bytes(self.take_array()?) as usize)
    }

    /// Reads four bytes as an unsigned number.
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.take_array()?))
    }

    /// Reads eight bytes as an unsigned number.
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.take_array()?))
    }

    /// Reads the position of an item of an enumeration that has `items` items.
    pub fn item(&mut self, items: usize) -> Result<usize, DecodeError> {
        let place = self.count()?;
        if place < items {
            Ok(place)
        } else {
            Err(DecodeError::NotAnItem { place, items })
        }
    }

    /// Reads a `bytes` value.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.count()?;
        self.take(length)
    }

    /// Reads a `str` value.
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::NotUtf8)
    }

    /// Reads a `bytes` value, or the bytes of a `str`, as a vector. A value in memory of its own is
    /// not copied.
    pub fn owned_bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        let length = self.count()?;
        match self.take_block_of(length)? {
            Some(block) => Ok(block.into_bytes()),
            None => self.take(length).map(<[u8]>::to_vec),
        }
    }

    /// Takes the next `count` values of eight bytes each, if they are in memory of their own.
    fn owned_words(&mut self, count: usize) -> Result<Option<Vec<u64>>, DecodeError> {
        if !matches!(self.block, Some(Block::Words(_))) {
            return Ok(None);
        }
        let block = self.take_block_of(count.saturating_mul(8))?;
        Ok(block.and_then(|block| {
            if let Block::Words(words) = block {
                Some(words)
            } else {
                None
            }
        }))
    }

    /// Takes the block if everything before it was read. The block must have this length.
    fn take_block_of(&mut self, length: usize) -> Result<Option<Block>, DecodeError> {
        let block = self.block.take_if(|_| self.rest.is_empty());
        match block.as_ref().map_or(length, Block::len) {
            available if available < length => Err(DecodeError::CutShort {
                wanted: length,
                left: available,
            }),
            available if available > length => {
                Err(DecodeError::LeftOver(available.saturating_sub(length)))
            }
            _ => Ok(block),
        }
    }

    /// Takes the block, if there is one that was not read.
    pub fn take_block(&mut self) -> Option<Block> {
        self.block.take()
    }

    /// Reads the next `count` values of eight bytes each.
    fn words(&mut self, count: usize) -> Result<&'a [[u8; 8]], DecodeError> {
        Ok(self.take(count.saturating_mul(8))?.as_chunks().0)
    }

    /// Succeeds if everything was read.
    pub fn finish(self) -> Result<(), DecodeError> {
        let block = self.block.map_or(0, |block| block.len());
        let left = self.rest.len().saturating_add(block);
        if left == 0 {
            Ok(())
        } else {
            Err(DecodeError::LeftOver(left))
        }
    }
}

/// A Rust type that corresponds to a type of `init.yaml`.
pub trait Value: Sized {
    /// Appends the binary value.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads the binary value.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Appends the binary value. Long blocks are moved instead of copied.
    fn put(self, out: &mut Outbox) {
        self.encode(out.bytes());
    }

    /// Returns whether [`put`](Self::put) moves a block.
    fn has_block(&self) -> bool {
        false
    }

    /// Appends the items of a list.
    #[doc(hidden)]
    fn encode_items(items: &[Self], out: &mut Vec<u8>) {
        for item in items {
            item.encode(out);
        }
    }

    /// Appends the items of a list. Long blocks are moved instead of copied.
    #[doc(hidden)]
    fn put_items(items: Vec<Self>, out: &mut Outbox) {
        for item in items {
            item.put(out);
        }
    }

    /// Returns whether [`put_items`](Self::put_items) moves a block.
    #[doc(hidden)]
    fn has_long_items(_items: &[Self]) -> bool {
        false
    }

    /// Reads the items of a list.
    #[doc(hidden)]
    fn decode_items(count: usize, input: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        // A declared count alone allocates nothing: the capacity is limited by the received bytes.
        let received = input.rest().len().checked_div(size_of::<Self>());
        let mut items = Vec::with_capacity(count.min(received.unwrap_or(input.rest().len())));
        for _ in 0..count {
            items.push(Self::decode(input)?);
        }
        Ok(items)
    }
}

/// Decodes exactly one value from all of the bytes.
pub fn decode<T: Value>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// Appends a length or count. A larger one fits into no frame, so senders refuse it before.
pub fn encode_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Appends a `str` or `bytes` value.
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

impl Value for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.int()
    }

    fn encode_items(items: &[Self], out: &mut Vec<u8>) {
        if cfg!(target_endian = "little") {
            out.extend_from_slice(bytemuck::cast_slice(items));
        } else {
            for item in items {
                item.encode(out);
            }
        }
    }

    fn put_items(items: Vec<Self>, out: &mut Outbox) {
        if cfg!(target_endian = "little") {
            out.push(Block::Words(cast_vec(items)));
        } else {
            Self::encode_items(&items, out.bytes());
        }
    }

    fn has_long_items(items: &[Self]) -> bool {
        size_of_val(items) >= LONG_BLOCK
    }

    fn decode_items(count: usize, input: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        match input.owned_words(count)? {
            Some(words) => Ok(cast_vec(words)),
            None => Ok(input
                .words(count)?
                .iter()
                .copied()
                .map(Self::from_le_bytes)
                .collect()),
        }
    }
}

impl Value for f64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.float()
    }

    fn encode_items(items: &[Self], out: &mut Vec<u8>) {
        if cfg!(target_endian = "little") {
            out.extend_from_slice(bytemuck::cast_slice(items));
        } else {
            for item in items {
                item.encode(out);
            }
        }
    }

    fn put_items(items: Vec<Self>, out: &mut Outbox) {
        if cfg!(target_endian = "little") {
            out.push(Block::Words(cast_vec(items)));
        } else {
            Self::encode_items(&items, out.bytes());
        }
    }

    fn has_long_items(items: &[Self]) -> bool {
        size_of_val(items) >= LONG_BLOCK
    }

    fn decode_items(count: usize, input: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        match input.owned_words(count)? {
            Some(words) => Ok(cast_vec(words)),
            None => Ok(input
                .words(count)?
                .iter()
                .copied()
                .map(Self::from_le_bytes)
                .collect()),
        }
    }
}

impl Value for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.bool()
    }
}

impl Value for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_utf8(input.owned_bytes()?).map_err(|_| DecodeError::NotUtf8)
    }

    fn put(self, out: &mut Outbox) {
        self.into_bytes().put(out);
    }

    fn has_block(&self) -> bool {
        self.len() >= LONG_BLOCK
    }
}

impl Value for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.owned_bytes()
    }

    fn put(self, out: &mut Outbox) {
        encode_count(self.len(), out.bytes());
        out.push(Block::Bytes(self));
    }

    fn has_block(&self) -> bool {
        self.len() >= LONG_BLOCK
    }
}

impl<T: Value> Value for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_count(self.len(), out);
        T::encode_items(self, out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = input.count()?;
        T::decode_items(count, input)
    }

    fn put(self, out: &mut Outbox) {
        encode_count(self.len(), out.bytes());
        T::put_items(self, out);
    }

    fn has_block(&self) -> bool {
        T::has_long_items(self)
    }
}

impl<K: Value + Ord + std::fmt::Debug, V: Value> Value for BTreeMap<K, V> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_count(self.len(), out);
        for (key, value) in self {
            key.encode(out);
            value.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut map = Self::new();
        for _ in 0..input.count()? {
            let key = K::decode(input)?;
            let std::collections::btree_map::Entry::Vacant(place) = map.entry(key) else {
                return Err(DecodeError::DuplicateKey);
            };
            let value = V::decode(input)?;
            place.insert(value);
        }
        Ok(map)
    }
}

impl<T: Value> Value for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(if input.bool()? {
            Some(T::decode(input)?)
        } else {
            None
        })
    }

    fn put(self, out: &mut Outbox) {
        out.bytes().push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn has_block(&self) -> bool {
        self.as_ref().is_some_and(T::has_block)
    }
}

/// No value: what a procedure without `returns` returns.
impl Value for () {
    fn encode(&self, _out: &mut Vec<u8>) {}

    fn decode(_input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

macro_rules! tuple_value {
    ($($name:ident)+) => {
        impl<$($name: Value),+> Value for ($($name,)+) {
            #[expect(non_snake_case, reason = "the type parameters serve as the names of the elements")]
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($name,)+) = self;
                $($name.encode(out);)+
            }

            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(($($name::decode(input)?,)+))
            }

            #[expect(non_snake_case, reason = "the type parameters serve as the names of the elements")]
            fn put(self, out: &mut Outbox) {
                let ($($name,)+) = self;
                $($name.put(out);)+
            }

            #[expect(non_snake_case, reason = "the type parameters serve as the names of the elements")]
            fn has_block(&self) -> bool {
                let ($($name,)+) = self;
                $($name.has_block())||+
            }
        }
    };
}

tuple_value!(A);
tuple_value!(A B);
tuple_value!(A B C);
tuple_value!(A B C D);
tuple_value!(A B C D E);
tuple_value!(A B C D E F);
tuple_value!(A B C D E F G);
tuple_value!(A B C D E F G H);
tuple_value!(A B C D E F G H I);
tuple_value!(A B C D E F G H I J);
tuple_value!(A B C D E F G H I J K);
tuple_value!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that `value` encodes to `bytes` and decodes from them, and that other lengths are
    /// refused.
    fn check<T: Value + PartialEq + std::fmt::Debug>(value: T, bytes: &[u8]) {
        let mut out = Vec::new();
        value.encode(&mut out);
        assert_eq!(out, bytes);
        assert_eq!(decode::<T>(bytes), Ok(value));
        for cut in 0..bytes.len() {
            assert!(decode::<T>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(matches!(
            decode::<T>(&[bytes, &[0]].concat()),
            Err(DecodeError::LeftOver(1))
        ));
    }

    #[test]
    fn values_are_encoded_and_decoded() {
        check(-2_i64, &[254, 255, 255, 255, 255, 255, 255, 255]);
        check(-0.0_f64, &[0, 0, 0, 0, 0, 0, 0, 128]);
        check(true, &[1]);
        check("é".to_owned(), &[2, 0, 0, 0, 0xc3, 0xa9]);
        check(vec![7_u8, 8], &[2, 0, 0, 0, 7, 8]);
        check(vec![Some(true), None], &[2, 0, 0, 0, 1, 1, 0]);
        check(
            BTreeMap::from([("a".to_owned(), false)]),
            &[1, 0, 0, 0, 1, 0, 0, 0, b'a', 0],
        );
        check((true, String::new()), &[1, 0, 0, 0, 0]);
        check(
            vec![-2_i64, 1],
            &[
                &[2, 0, 0, 0],
                &(-2_i64).to_le_bytes()[..],
                &1_i64.to_le_bytes(),
            ]
            .concat(),
        );
        check(
            vec![0.5_f64],
            &[&[1, 0, 0, 0], &0.5_f64.to_le_bytes()[..]].concat(),
        );
    }

    #[test]
    fn long_blocks_are_moved_without_a_change_of_the_bytes() {
        let long = vec![7_u8; 100_000];
        let numbers = (vec![-1_i64; 10_000], vec![0.5_f64; 10_000]);
        let value = (
            Some((1_i64, long.clone())),
            vec![long.clone()],
            numbers,
            String::from("a"),
        );
        assert!(value.has_block());
        let mut copied = Vec::new();
        let mut outbox = Outbox::default();
        value.encode(&mut copied);
        value.put(&mut outbox);
        assert!(outbox.bytes().len() < 100 && outbox.into_bytes() == copied);
    }

    #[test]
    fn a_block_is_taken_whole_or_refused() {
        let read = |declared: u32, block: &[u8]| {
            let head = [&7_i64.to_le_bytes()[..], &declared.to_le_bytes()].concat();
            let mut reader = Reader::with_block(&head, Some(Block::Bytes(block.to_vec())));
            let value = <(i64, Vec<u8>)>::decode(&mut reader)?;
            reader.finish().map(|()| value.1)
        };
        assert_eq!(read(2, b"ab"), Ok(b"ab".to_vec()));
        assert_eq!(
            read(3, b"ab"),
            Err(DecodeError::CutShort { wanted: 3, left: 2 })
        );
        assert_eq!(read(1, b"ab"), Err(DecodeError::LeftOver(1)));
        let read = |declared: u32, words: &[u64]| {
            let head = declared.to_le_bytes();
            let mut reader = Reader::with_block(&head, Some(Block::Words(words.to_vec())));
            let value = <Vec<f64>>::decode(&mut reader)?;
            reader.finish().map(|()| value)
        };
        assert_eq!(read(2, &[0, 1_f64.to_bits()]), Ok(vec![0.0, 1.0]));
        assert_eq!(
            read(2, &[0]),
            Err(DecodeError::CutShort {
                wanted: 16,
                left: 8
            })
        );
        assert_eq!(read(0, &[0]), Err(DecodeError::LeftOver(8)));
    }

    #[test]
    fn invalid_bytes_are_refused() {
        assert_eq!(decode::<bool>(&[2]), Err(DecodeError::NotABool(2)));
        assert_eq!(
            decode::<String>(&[1, 0, 0, 0, 255]),
            Err(DecodeError::NotUtf8)
        );
        assert_eq!(Reader::new(&[1, 0, 0, 0]).item(2), Ok(1));
        assert_eq!(
            Reader::new(&[2, 0, 0, 0]).item(2),
            Err(DecodeError::NotAnItem { place: 2, items: 2 })
        );
        assert_eq!(
            decode::<Vec<i64>>(&[255, 255, 255, 255]),
            Err(DecodeError::CutShort {
                wanted: 0xffff_ffff * 8,
                left: 0
            })
        );
        assert!(matches!(
            decode::<BTreeMap<bool, bool>>(&[2, 0, 0, 0, 1, 1, 1, 0]),
            Err(DecodeError::DuplicateKey)
        ));
    }
}
