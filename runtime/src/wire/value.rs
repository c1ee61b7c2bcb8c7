//! Binary values: little-endian, lengths in front, no padding, no tags. The type is known on both sides.
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
//! | an enumeration | u32: the place of the item, from 0 |

use std::collections::BTreeMap;

/// Why bytes are not the value they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside the value.
    #[error("the value is cut short: {wanted} more bytes expected, {left} left")]
    CutShort {
        /// How many bytes the value still needs.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// Bytes follow the last value.
    #[error("{0} bytes left over")]
    LeftOver(usize),
    /// A text that is not UTF-8.
    #[error("a `str` is not UTF-8")]
    NotUtf8,
    /// A `bool` or the mark of an `Optional` other than 0 and 1.
    #[error("the byte {0} is neither 0 nor 1")]
    NotABool(u8),
    /// A place beyond the items of an enumeration.
    #[error("an enumeration of {items} items has none at place {place}")]
    NotAnItem {
        /// The place, from 0.
        place: usize,
        /// How many items there are.
        items: usize,
    },
    /// A `Dict` that has one key twice.
    #[error("a `Dict` has the key {0} twice")]
    DuplicateKey(String),
}

/// Reads binary values from the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first of these bytes on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not read so far.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(DecodeError::CutShort { wanted: count, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::CutShort { wanted: N, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// The next `int`.
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.take_array()?))
    }

    /// The next `float`.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_le_bytes(self.take_array()?))
    }

    /// The next `bool`, or the mark of an `Optional`.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.take_array::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(DecodeError::NotABool(other)),
        }
    }

    /// The next length or count.
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_le_bytes(self.take_array()?) as usize)
    }

    /// The next place in an enumeration of so many items.
    pub fn item(&mut self, items: usize) -> Result<usize, DecodeError> {
        let place = self.count()?;
        if place < items { Ok(place) } else { Err(DecodeError::NotAnItem { place, items }) }
    }

    /// The next `bytes`.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.count()?;
        self.take(length)
    }

    /// The next `str`.
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::NotUtf8)
    }

    /// Succeeds when everything has been read.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::LeftOver(self.rest.len())) }
    }
}

/// A Rust type that stands for a type of `init.yaml`.
pub trait Value: Sized {
    /// Appends the binary value.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads the binary value.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// Decodes exactly one value from all of the bytes.
pub fn decode<T: Value>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// Appends a length or count. Longer things do not fit into any frame, so no sender gets this far with one.
pub fn encode_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Appends `str` or `bytes`.
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
}

impl Value for f64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.float()
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
        input.str().map(str::to_owned)
    }
}

impl Value for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.bytes().map(<[u8]>::to_vec)
    }
}

impl<T: Value> Value for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_count(self.len(), out);
        for item in self {
            item.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = input.count()?;
        // A declared count allocates no more than the bytes that came.
        let mut items = Self::with_capacity(count.min(input.rest().len() / size_of::<T>().max(1)));
        for _ in 0..count {
            items.push(T::decode(input)?);
        }
        Ok(items)
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
                return Err(DecodeError::DuplicateKey("of an earlier entry".to_owned()));
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
        Ok(if input.bool()? { Some(T::decode(input)?) } else { None })
    }
}

/// No value at all: what a procedure without `returns` returns.
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

    fn check<T: Value + PartialEq + std::fmt::Debug>(value: T, bytes: &[u8]) {
        let mut out = Vec::new();
        value.encode(&mut out);
        assert_eq!(out, bytes);
        assert_eq!(decode::<T>(bytes), Ok(value));
        for cut in 0..bytes.len() {
            assert!(decode::<T>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(matches!(decode::<T>(&[bytes, &[0]].concat()), Err(DecodeError::LeftOver(1))));
    }

    #[test]
    fn values_go_there_and_back() {
        check(-2_i64, &[254, 255, 255, 255, 255, 255, 255, 255]);
        check(-0.0_f64, &[0, 0, 0, 0, 0, 0, 0, 128]);
        check(true, &[1]);
        check("é".to_owned(), &[2, 0, 0, 0, 0xc3, 0xa9]);
        check(vec![7_u8, 8], &[2, 0, 0, 0, 7, 8]);
        check(vec![Some(true), None], &[2, 0, 0, 0, 1, 1, 0]);
        check(BTreeMap::from([("a".to_owned(), false)]), &[1, 0, 0, 0, 1, 0, 0, 0, b'a', 0]);
        check((true, String::new()), &[1, 0, 0, 0, 0]);
    }

    #[test]
    fn bytes_that_are_no_value_are_refused() {
        assert_eq!(decode::<bool>(&[2]), Err(DecodeError::NotABool(2)));
        assert_eq!(decode::<String>(&[1, 0, 0, 0, 255]), Err(DecodeError::NotUtf8));
        assert_eq!(Reader::new(&[1, 0, 0, 0]).item(2), Ok(1));
        assert_eq!(Reader::new(&[2, 0, 0, 0]).item(2), Err(DecodeError::NotAnItem { place: 2, items: 2 }));
        assert_eq!(
            decode::<Vec<i64>>(&[255, 255, 255, 255]),
            Err(DecodeError::CutShort { wanted: 8, left: 0 })
        );
        assert!(matches!(
            decode::<BTreeMap<bool, bool>>(&[2, 0, 0, 0, 1, 1, 1, 0]),
            Err(DecodeError::DuplicateKey(_))
        ));
    }
}
