//! Checks whether bytes are values of given types, without decoding them.

use std::collections::HashSet;

use rpc_schema::{KeyType, Type};

use super::value::{DecodeError, Reader};

/// Checks that `bytes` are one value of each type, in order, and nothing else.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(types: &[Type], bytes: &[u8]) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    for ty in types {
        check_value(ty, &mut reader)?;
    }
    reader.finish()
}

fn check_value(ty: &Type, input: &mut Reader<'_>) -> Result<(), DecodeError> {
    match ty {
        Type::Int | Type::Float => input.take(8).map(drop),
        Type::Bool => input.bool().map(drop),
        Type::Str => input.str().map(drop),
        Type::Bytes => input.bytes().map(drop),
        Type::Enumeration(enumeration) => input.item(enumeration.items().len()).map(drop),
        Type::Optional(item) => {
            if input.bool()? {
                check_value(item, input)?;
            }
            Ok(())
        }
        Type::List(item) if matches!(**item, Type::Int | Type::Float) => {
            let count = input.count()?;
            input.take(count.saturating_mul(8)).map(drop)
        }
        Type::List(item) => {
            let count = input.count()?;
            (0..count).try_for_each(|_| check_value(item, input))
        }
        Type::Tuple(items) => items.iter().try_for_each(|item| check_value(item, input)),
        Type::Record(record) => record
            .fields()
            .iter()
            .try_for_each(|field| check_value(&field.ty, input)),
        Type::Dict(key, item) => check_dict(*key, item, input),
    }
}

fn check_dict(key: KeyType, item: &Type, input: &mut Reader<'_>) -> Result<(), DecodeError> {
    let mut keys = HashSet::new();
    for _ in 0..input.count()? {
        let key = match key {
            KeyType::Str => input.str()?.as_bytes(),
            KeyType::Int => input.take(8)?,
        };
        if !keys.insert(key) {
            return Err(DecodeError::DuplicateKey);
        }
        check_value(item, input)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    /// Encodes a value, changes its bytes, and checks them as the type `text`.
    fn check_changed<T: Value>(
        text: &str,
        value: &T,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), DecodeError> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        change(&mut bytes);
        check(&[Type::parse(text).expect(text)], &bytes)
    }

    #[test]
    fn encoded_values_pass_and_damaged_ones_do_not() {
        let text = "Tuple[List[int], List[str], Dict[str, bool], Optional[E{x, y}]]";
        let map =
            std::collections::BTreeMap::from([("a".to_owned(), true), ("b".to_owned(), false)]);
        let value = (vec![1_i64, 2], vec!["é".to_owned()], map, Some(true));
        // Turns the last `bool` into an item of an enumeration, which has four bytes.
        let as_item = |bytes: &mut Vec<u8>| bytes.extend_from_slice(&[0; 3]);
        assert_eq!(check_changed(text, &value, as_item), Ok(()));
        assert_eq!(
            check_changed(text, &value, |_| {}),
            Err(DecodeError::CutShort { wanted: 4, left: 1 })
        );
        let check_damaged = |place: usize, byte: u8| {
            check_changed(text, &value, |bytes| {
                as_item(bytes);
                bytes[place] = byte;
            })
        };
        assert!(matches!(
            check_damaged(0, 255),
            Err(DecodeError::CutShort { .. })
        ));
        assert_eq!(check_damaged(28, 0xff), Err(DecodeError::NotUtf8));
        assert_eq!(check_damaged(39, 2), Err(DecodeError::NotABool(2)));
        assert!(matches!(
            check_damaged(44, b'a'),
            Err(DecodeError::DuplicateKey)
        ));
        assert_eq!(
            check_damaged(47, 2),
            Err(DecodeError::NotAnItem { place: 2, items: 2 })
        );
        let left_over = |bytes: &mut Vec<u8>| bytes.extend_from_slice(&[0; 4]);
        assert_eq!(
            check_changed(text, &value, left_over),
            Err(DecodeError::LeftOver(1))
        );
    }
}
