//! Values: all readers agree on which bytes are a value, and every value survives the way to JSON
//! and back.

use std::collections::BTreeMap;

use rpc_schema::{KeyType, Type};

use crate::Decisions;
use wire::block::{Block, BlockKind, BlockPlace};
use wire::check::check;
use wire::json;
use wire::value::{self, Reader, Value, encode_bytes, encode_count};

/// Maximum depth of the types.
const MAX_DEPTH: usize = 4;

const TEXTS: [&str; 6] = [
    "",
    "a",
    "b",
    "é",
    "\0\u{10ffff}\"\\",
    "a longer text than the others",
];

/// Checks random values of random types, most of them valid.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let ty = any_type(&mut decisions, MAX_DEPTH);
    let mut bytes = Vec::new();
    put_value(&ty, &mut decisions, &mut bytes);
    for _ in 0..decisions.below(3) {
        decisions.mutate(&mut bytes);
    }
    check_agreement(&ty, &bytes);
    check_any_rust_type(&mut decisions);
}

/// Checks random JSON, most of it valid.
pub fn run_text(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let ty = any_type(&mut decisions, MAX_DEPTH);
    let mut bytes = Vec::new();
    let mut text = Vec::new();
    put_value(&ty, &mut decisions, &mut bytes);
    // A `Dict` may have a key twice.
    if json::from_binary(&ty, &mut Reader::new(&bytes), &mut text).is_err() {
        return;
    }
    for _ in 0..decisions.below(4) {
        decisions.mutate(&mut text);
        if decisions.once_in(3) {
            let at = decisions.u32() as usize % (text.len() + 1);
            let token = decisions.choose(&[
                "null",
                "1e400",
                "-0",
                "7.0",
                "\"",
                "[",
                "{\"a\":1}",
                ",",
                "\"NaN\"",
                "9223372036854775808",
            ]);
            text.splice(at..at, token.bytes());
        }
    }
    let Ok(text) = String::from_utf8(text) else {
        return;
    };
    let mut binary = vec![1, 2, 3];
    if json::argument_to_binary(&ty, &text, &mut binary).is_ok() {
        assert_eq!(
            check(std::slice::from_ref(&ty), &binary[3..]),
            Ok(()),
            "{ty}: {text}"
        );
        check_agreement(&ty, &binary[3..]);
    }
    assert_eq!(binary[..3], [1, 2, 3]);
}

/// Returns a random type. Its text contains the definitions of its records and enumerations.
fn any_type(decisions: &mut Decisions<'_>, depth: usize) -> Type {
    let inner = |decisions: &mut Decisions<'_>| any_type(decisions, depth - 1).to_string_expanded();
    let text = match decisions.below(if depth == 0 { 5 } else { 12 }) {
        0 => "int".to_owned(),
        1 => "float".to_owned(),
        2 => "bool".to_owned(),
        3 => "str".to_owned(),
        4 => "bytes".to_owned(),
        5 => "E{x, y, z}".to_owned(),
        6 => format!("Optional[{}]", inner(decisions)),
        7 => format!("Dict[str, {}]", inner(decisions)),
        8 => format!("Dict[int, {}]", inner(decisions)),
        9 => format!("Tuple[{}, {}]", inner(decisions), inner(decisions)),
        10 => format!(
            "R{depth}{{a: {}, b: {}}}",
            inner(decisions),
            inner(decisions)
        ),
        _ => format!("List[{}]", inner(decisions)),
    };
    // Some texts are not valid types: `Optional[Optional[...]]`, and two records with one name.
    Type::parse(&text).unwrap_or(Type::Int)
}

trait ToExpandedString {
    fn to_string_expanded(&self) -> String;
}

impl ToExpandedString for Type {
    fn to_string_expanded(&self) -> String {
        rpc_schema::Expanded(self).to_string()
    }
}

fn put_value(ty: &Type, decisions: &mut Decisions<'_>, out: &mut Vec<u8>) {
    match ty {
        Type::Int => decisions.u64().cast_signed().encode(out),
        Type::Float => any_float(decisions).encode(out),
        Type::Bool => decisions.once_in(2).encode(out),
        Type::Str => encode_bytes(decisions.choose(&TEXTS).as_bytes(), out),
        Type::Bytes => encode_bytes(&vec![decisions.byte(); decisions.below(40)], out),
        Type::Enumeration(enumeration) => {
            encode_count(decisions.below(enumeration.items().len()), out)
        }
        Type::Optional(item) => {
            let is_present = decisions.once_in(2);
            is_present.encode(out);
            if is_present {
                put_value(item, decisions, out);
            }
        }
        Type::List(item) => {
            let count = decisions.below(5);
            encode_count(count, out);
            (0..count).for_each(|_| put_value(item, decisions, out));
        }
        Type::Tuple(items) => items
            .iter()
            .for_each(|item| put_value(item, decisions, out)),
        Type::Record(record) => {
            record
                .fields()
                .iter()
                .for_each(|field| put_value(&field.ty, decisions, out));
        }
        Type::Dict(key, item) => {
            let count = decisions.below(4);
            encode_count(count, out);
            for _ in 0..count {
                match key {
                    KeyType::Str => encode_bytes(decisions.choose(&TEXTS).as_bytes(), out),
                    KeyType::Int => decisions.u64().cast_signed().encode(out),
                }
                put_value(item, decisions, out);
            }
        }
    }
}

fn any_float(decisions: &mut Decisions<'_>) -> f64 {
    match decisions.below(4) {
        0 => decisions.choose(&[0.0, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e23]),
        1 => decisions.choose(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        _ => f64::from_bits(decisions.u64()),
    }
}

/// Checks that `check` and the conversion to JSON agree on whether `bytes` are a value. If they
/// are, checks that the value survives the way to JSON and back.
fn check_agreement(ty: &Type, bytes: &[u8]) {
    let checked = check(std::slice::from_ref(ty), bytes);
    let mut reader = Reader::new(bytes);
    let mut text = Vec::new();
    let written = json::from_binary(ty, &mut reader, &mut text).and_then(|()| reader.finish());
    if checked.is_err() {
        // The conversion to JSON accepts a `Dict` that has a key twice. Such a value is refused
        // before it is converted.
        assert!(
            written.is_err() || has_key_twice(&checked),
            "{ty}: {checked:?}"
        );
        return;
    }
    assert_eq!(written, Ok(()), "{ty}");
    let text = String::from_utf8(text).expect("JSON is UTF-8");
    let mut back = Vec::new();
    let mut again = Vec::new();
    json::to_binary(ty, &text, &mut back).unwrap_or_else(|error| panic!("{ty}: {text}: {error}"));
    assert_eq!(
        check(std::slice::from_ref(ty), &back),
        Ok(()),
        "{ty}: {text}"
    );
    json::from_binary(ty, &mut Reader::new(&back), &mut again).expect("a value");
    assert_eq!(again, text.as_bytes(), "{ty}");
    // `NaN` has many bit patterns.
    assert!(back == bytes || text.contains("\"NaN\""), "{ty}: {text}");
}

fn has_key_twice(checked: &Result<(), value::DecodeError>) -> bool {
    matches!(checked, Err(value::DecodeError::DuplicateKey))
}

/// Checks that a random Rust type decodes exactly the bytes that `check` accepts for its type.
fn check_any_rust_type(decisions: &mut Decisions<'_>) {
    match decisions.below(8) {
        0 => check_rust_type::<(i64, bool, String)>("Tuple[int, bool, str]", decisions),
        1 => check_rust_type::<Vec<Vec<u8>>>("List[bytes]", decisions),
        2 => check_rust_type::<BTreeMap<String, Option<f64>>>(
            "Dict[str, Optional[float]]",
            decisions,
        ),
        3 => check_rust_type::<Vec<i64>>("List[int]", decisions),
        4 => {
            check_rust_type::<(bool, (f64, Vec<u8>))>("Tuple[bool, Tuple[float, bytes]]", decisions)
        }
        5 => check_rust_type::<Option<(i64, String)>>("Optional[Tuple[int, str]]", decisions),
        6 => check_rust_type::<BTreeMap<i64, Vec<bool>>>("Dict[int, List[bool]]", decisions),
        _ => check_rust_type::<Vec<(f64, Option<String>)>>(
            "List[Tuple[float, Optional[str]]]",
            decisions,
        ),
    }
}

fn check_rust_type<T: Value>(text: &str, decisions: &mut Decisions<'_>) {
    let ty = Type::parse(text).expect(text);
    let mut bytes = Vec::new();
    put_value(&ty, decisions, &mut bytes);
    for _ in 0..decisions.below(3) {
        decisions.mutate(&mut bytes);
    }
    let checked = check(std::slice::from_ref(&ty), &bytes);
    let decoded = value::decode::<T>(&bytes);
    assert_eq!(
        decoded.as_ref().err(),
        checked.as_ref().err(),
        "{text}: {bytes:?}"
    );
    let Ok(decoded) = decoded else { return };
    let mut again = Vec::new();
    decoded.encode(&mut again);
    // A map sorts its keys.
    assert!(
        again == bytes || text.starts_with("Dict"),
        "{text}: {bytes:?}"
    );
    let mut outbox = wire::outbox::Outbox::default();
    decoded.put(&mut outbox);
    assert!(outbox.into_bytes() == again);
    if let Some(BlockPlace { offset, kind }) = BlockPlace::of(&[ty]) {
        let (head, block) = bytes.split_at(offset);
        let block = match kind {
            BlockKind::Bytes => Block::Bytes(block.to_vec()),
            BlockKind::Words => Block::Words(bytemuck::allocation::pod_collect_to_vec(block)),
        };
        let mut reader = Reader::with_block(head, Some(block));
        let with_block = T::decode(&mut reader).and_then(|value| reader.finish().map(|()| value));
        let mut bytes = Vec::new();
        with_block
            .expect("the same value with its block in memory of its own")
            .encode(&mut bytes);
        assert!(bytes == again);
    }
}
