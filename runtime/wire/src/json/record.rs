//! Records between JSON objects and binary values. The members of an object may be in any order.
//! The fields of a binary value have a fixed order.

use std::ops::Range;

use rpc_schema::types::Field;
use rpc_schema::{Enumeration, Record, Type};
use serde::de::{Error, MapAccess};

use super::{ValueSeed, cut, shortened, write_between, write_json};
use crate::value::{DecodeError, Reader};

/// Maximum number of characters of a list of names in a message.
const MAX_LISTED: usize = 200;

/// Appends the fields of a record in their order.
pub(super) fn to_binary<'de, A: MapAccess<'de>>(
    record: &Record,
    mut members: A,
    out: &mut Vec<u8>,
) -> Result<(), A::Error> {
    let start = out.len();
    let mut places: Vec<Option<Range<usize>>> = vec![None; record.fields().len()];
    // Number of members that arrived in the order of the fields. If all do, the output needs no
    // sorting.
    let mut in_order = 0_usize;
    while let Some(name) = members.next_key::<String>()? {
        let next = record
            .fields()
            .get(in_order)
            .filter(|next| next.name == *name);
        let position = next.map(|_| in_order).or_else(|| record.position(&name));
        let position = position.ok_or_else(|| unknown_field(record, &name))?;
        let (Some(field), Some(place)) = (record.fields().get(position), places.get_mut(position))
        else {
            return Err(unknown_field(record, &name));
        };
        if place.is_some() {
            return Err(A::Error::custom(format_args!(
                "duplicate field `{name}` of `{}`",
                record.name()
            )));
        }
        in_order = in_order.saturating_add(usize::from(next.is_some()));
        let value_start = out.len();
        members.next_value_seed(ValueSeed { ty: &field.ty, out })?;
        *place = Some(value_start..out.len());
    }
    if in_order == places.len() {
        return Ok(());
    }
    let written = out.split_off(start);
    for (Field { name, ty }, place) in record.fields().iter().zip(places) {
        match place {
            Some(place) => {
                let place = place.start.saturating_sub(start)..place.end.saturating_sub(start);
                out.extend_from_slice(written.get(place).unwrap_or_default());
            }
            None if matches!(ty, Type::Optional(_)) => out.push(0),
            None => {
                let name = name.as_str();
                return Err(A::Error::custom(format_args!(
                    "the field `{name}` of `{}` is missing",
                    record.name()
                )));
            }
        }
    }
    Ok(())
}

/// Appends a record as a JSON object.
pub(super) fn from_binary(
    record: &Record,
    input: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let mut fields = record.fields().iter();
    write_between(*b"{}", record.fields().len(), out, |out| {
        let Some(Field { name, ty }) = fields.next() else {
            return Ok(());
        };
        write_json(name.as_str(), out);
        out.push(b':');
        super::from_binary(ty, input, out)
    })
}

fn unknown_field<E: Error>(record: &Record, name: &str) -> E {
    let fields: Vec<&str> = record
        .fields()
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    E::custom(format_args!(
        "`{}` has no field `{}`; its fields are {}",
        record.name(),
        shortened(name),
        cut(&fields.join(", "), MAX_LISTED)
    ))
}

pub(super) fn unknown_item<E: Error>(enumeration: &Enumeration, text: &str) -> E {
    let items = enumeration.items().join(", ");
    let text = shortened(text);
    let items = cut(&items, MAX_LISTED);
    E::custom(format_args!(
        "`{text}` is not an item of `{}`; its items are {items}",
        enumeration.name()
    ))
}
