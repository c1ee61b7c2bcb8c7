//! JSON text to binary values and back, by type. No tree of JSON values is built.
//!
//! The text keeps what JSON numbers lose: a double keeps all its bits. The three doubles that JSON
//! lacks are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.

mod record;

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rpc_schema::{KeyType, Type};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::value::{DecodeError, Reader, encode_bytes, encode_count};

/// Appends the binary form of the JSON text of a value.
///
/// # Errors
/// What was found, and what was expected instead. `out` then contains a part of the value.
pub fn to_binary(ty: &Type, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    ValueSeed { ty, out }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| without_position(&error))
}

/// Appends the binary form of an argument. The text is the JSON of the argument, or a JSON string
/// that contains this JSON. The second form is not possible for `str`. If both forms are possible,
/// the first one wins.
///
/// # Errors
/// As [`to_binary`]; `out` is then unchanged.
pub fn argument_to_binary(ty: &Type, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let start = out.len();
    let Err(error) = to_binary(ty, text, out) else {
        return Ok(());
    };
    out.truncate(start);
    if *ty == Type::Str || !text.trim_start().starts_with('"') {
        return Err(error);
    }
    let inner: String = serde_json::from_str(text).map_err(|error| without_position(&error))?;
    to_binary(ty, &inner, out).map_err(|_| {
        out.truncate(start);
        error
    })
}

/// Appends the JSON text of the next binary value of `input`.
///
/// # Errors
/// Bytes that are not a value of this type.
pub fn from_binary(
    ty: &Type,
    input: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    match ty {
        Type::Int => write_json(&input.int()?, out),
        Type::Float => write_float(input.float()?, out),
        Type::Bool => write_json(&input.bool()?, out),
        Type::Str => write_json(input.str()?, out),
        Type::Bytes => write_json(&BASE64.encode(input.bytes()?), out),
        Type::Optional(item) => {
            if input.bool()? {
                from_binary(item, input, out)?;
            } else {
                out.extend_from_slice(b"null");
            }
        }
        Type::List(item) => write_between(*b"[]", input.count()?, out, |out| {
            from_binary(item, input, out)
        })?,
        Type::Tuple(items) => {
            let mut items = items.iter();
            write_between(*b"[]", items.len(), out, |out| {
                items
                    .next()
                    .map_or(Ok(()), |item| from_binary(item, input, out))
            })?;
        }
        Type::Record(record) => record::from_binary(record, input, out)?,
        Type::Enumeration(enumeration) => {
            let items = enumeration.items();
            let place = input.item(items.len())?;
            write_json(items.get(place).map_or("", String::as_str), out);
        }
        Type::Dict(key, item) => write_between(*b"{}", input.count()?, out, |out| {
            write_key(*key, input, out)?;
            out.push(b':');
            from_binary(item, input, out)
        })?,
    }
    Ok(())
}

/// Appends the JSON texts of the next binary values of `input`, separated by commas.
///
/// # Errors
/// The position of the first value that is not of its type, from 0, and what is wrong with it.
pub fn list_from_binary(
    types: &[Type],
    input: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), (usize, DecodeError)> {
    for (index, ty) in types.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        from_binary(ty, input, out).map_err(|error| (index, error))?;
    }
    Ok(())
}

fn write_between(
    brackets: [u8; 2],
    count: usize,
    out: &mut Vec<u8>,
    mut write_item: impl FnMut(&mut Vec<u8>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    out.push(brackets[0]);
    for index in 0..count {
        if index > 0 {
            out.push(b',');
        }
        write_item(out)?;
    }
    out.push(brackets[1]);
    Ok(())
}

fn write_key(key: KeyType, input: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match key {
        KeyType::Str => write_json(input.str()?, out),
        KeyType::Int => write_json(&input.int()?.to_string(), out),
    }
    Ok(())
}

fn write_float(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_json(&value, out);
    } else if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if value > 0.0 {
        out.extend_from_slice(b"\"Infinity\"");
    } else {
        out.extend_from_slice(b"\"-Infinity\"");
    }
}

/// Appends a number or a string. Both always have a JSON form.
fn write_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "writing to memory");
}

/// Returns the text of a JSON error without `at line 1 column 5`. That position counts from the
/// start of the value, so it would mislead.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(words, _)| words.to_owned())
}

struct ValueSeed<'a> {
    ty: &'a Type,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> ValueSeed<'a> {
    /// Handles a value other than null: marks an `Optional` as present, and goes on with its inner
    /// type.
    fn present(self) -> Self {
        match self.ty {
            Type::Optional(item) => {
                self.out.push(1);
                Self {
                    ty: item,
                    out: self.out,
                }
            }
            _ => self,
        }
    }

    fn item<'b>(&'b mut self, ty: &'b Type) -> ValueSeed<'b>
    where
        'a: 'b,
    {
        ValueSeed { ty, out: self.out }
    }

    fn put_float(self, value: f64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Reserves space for a count that is known only at the end. Returns where the items begin.
    fn begin_count(&mut self) -> usize {
        self.out.extend_from_slice(&[0; 4]);
        self.out.len()
    }

    fn end_count(&mut self, start: usize, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        let place = start.saturating_sub(count.len())..start;
        if let Some(place) = self.out.get_mut(place) {
            place.copy_from_slice(&count);
        }
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.ty)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        if !matches!(self.ty, Type::Optional(_)) {
            return Err(E::invalid_type(de::Unexpected::Other("null"), &self));
        }
        self.out.push(0);
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        let this = self.present();
        if *this.ty != Type::Bool {
            return Err(E::invalid_type(de::Unexpected::Bool(value), &this));
        }
        this.out.push(u8::from(value));
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a value that is not exact is refused"
    )]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        let this = self.present();
        match this.ty {
            Type::Int => this.out.extend_from_slice(&value.to_le_bytes()),
            Type::Float if i128::from(value) == (value as f64) as i128 => {
                this.put_float(value as f64);
            }
            Type::Float => {
                return Err(E::invalid_value(
                    de::Unexpected::Signed(value),
                    &"an exact `float`",
                ));
            }
            _ => return Err(E::invalid_type(de::Unexpected::Signed(value), &this)),
        }
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a value that is not exact is refused"
    )]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        if let Ok(value) = i64::try_from(value) {
            return self.visit_i64(value);
        }
        let this = self.present();
        match this.ty {
            Type::Float if i128::from(value) == (value as f64) as i128 => {
                this.put_float(value as f64);
                Ok(())
            }
            Type::Float => Err(E::invalid_value(
                de::Unexpected::Unsigned(value),
                &"an exact `float`",
            )),
            Type::Int => Err(E::invalid_value(
                de::Unexpected::Unsigned(value),
                &"an `int` of 64 bits",
            )),
            _ => Err(E::invalid_type(de::Unexpected::Unsigned(value), &this)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        let this = self.present();
        // The parser returns the integer `-0` as a double.
        if *this.ty == Type::Int && value == 0.0 && value.is_sign_negative() {
            this.out.extend_from_slice(&0_i64.to_le_bytes());
            return Ok(());
        }
        if *this.ty != Type::Float {
            return Err(E::invalid_type(de::Unexpected::Float(value), &this));
        }
        this.put_float(value);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        let this = self.present();
        match (this.ty, text) {
            (Type::Str, _) => encode_bytes(text.as_bytes(), this.out),
            (Type::Enumeration(enumeration), _) => match enumeration.position(text) {
                Some(place) => encode_count(place, this.out),
                None => return Err(record::unknown_item(enumeration, text)),
            },
            (Type::Bytes, _) => {
                let bytes = BASE64.decode(text).map_err(|_| {
                    E::invalid_value(de::Unexpected::Str(shortened(text)), &"base64 of `bytes`")
                })?;
                encode_bytes(&bytes, this.out);
            }
            (Type::Float, "NaN") => this.put_float(f64::NAN),
            (Type::Float, "Infinity") => this.put_float(f64::INFINITY),
            (Type::Float, "-Infinity") => this.put_float(f64::NEG_INFINITY),
            _ => return Err(E::invalid_type(de::Unexpected::Str(shortened(text)), &this)),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut this = self.present();
        match this.ty {
            Type::List(item) => {
                let start = this.begin_count();
                let mut count = 0_usize;
                while items.next_element_seed(this.item(item))?.is_some() {
                    count = count.saturating_add(1);
                }
                this.end_count(start, count);
                Ok(())
            }
            Type::Tuple(types) => {
                for (index, ty) in types.iter().enumerate() {
                    if items.next_element_seed(this.item(ty))?.is_none() {
                        return Err(de::Error::invalid_length(index, &this));
                    }
                }
                match items.next_element::<IgnoredAny>()? {
                    None => Ok(()),
                    Some(_) => Err(de::Error::invalid_length(
                        types.len().saturating_add(1),
                        &this,
                    )),
                }
            }
            _ => Err(de::Error::invalid_type(de::Unexpected::Seq, &this)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut this = self.present();
        let (key_type, item) = match this.ty {
            Type::Dict(key_type, item) => (key_type, item),
            Type::Record(record) => return record::to_binary(record, entries, this.out),
            _ => return Err(de::Error::invalid_type(de::Unexpected::Map, &this)),
        };
        let start = this.begin_count();
        let mut seen = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            put_key(*key_type, &key, this.out)?;
            entries.next_value_seed(this.item(item))?;
            if let Some(duplicate) = seen.replace(key) {
                return Err(de::Error::custom(format_args!(
                    "duplicate key `{}`",
                    shortened(&duplicate)
                )));
            }
        }
        this.end_count(start, seen.len());
        Ok(())
    }
}

fn put_key<E: de::Error>(key_type: KeyType, key: &str, out: &mut Vec<u8>) -> Result<(), E> {
    match key_type {
        KeyType::Str => encode_bytes(key.as_bytes(), out),
        KeyType::Int => {
            let number: i64 = key
                .parse()
                .ok()
                .filter(|number: &i64| number.to_string() == *key)
                .ok_or_else(|| {
                    E::invalid_value(
                        de::Unexpected::Str(shortened(key)),
                        &"the decimal digits of an `int`",
                    )
                })?;
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    Ok(())
}

/// Maximum number of characters of a foreign text inside of a message.
pub const MAX_SHOWN_CHARS: usize = 60;

/// Returns the beginning of a text, short enough for a message.
pub fn shortened(text: &str) -> &str {
    cut(text, MAX_SHOWN_CHARS)
}

/// Returns the first `characters` characters of a text.
pub fn cut(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests;
