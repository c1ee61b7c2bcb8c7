//! Values: all that read them agree on what is one, and what is one goes to JSON and back.

use std::collections::BTreeMap;

use rpc_schema::{KeyType, Type};

use crate::Decisions;
use wire::block::{Block, BlockKind, BlockPlace};
use wire::check::check;
use wire::json;
use wire::value::{self, Reader, Value, encode_bytes, encode_count};

/// How deep the types are at most.
const DEPTH: usize = 4;

const TEXTS: [&str; 6] = [
    "",
    "a",
    "b",
    "é",
    "\0\u{10ffff}\"\\",
    "a longer text than the others",
];

/// Random values of random types, most of them right.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let ty = any_type(&mut decisions, DEPTH);
    let mut bytes = Vec::new();
    put_value(&ty, &mut decisions, &mut bytes);
    for _ in 0..decisions.below(3) {
        decisions.mutate(&mut bytes);
    }
    check_one(&ty, &bytes);
    check_typed(&mut decisions);
}

/// Random JSON, most of it right.
pub fn run_text(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let ty = any_type(&mut decisions, DEPTH);
    let (mut bytes, mut text) = (Vec::new(), Vec::new());
    put_value(&ty, &mut decisions, &mut bytes);
    // A `Dict` may have a key twice.
    if json::from_binary(&ty, &mut Reader::new(&bytes), &mut text).is_err() {
        return;
    }
    for _ in 0..decisions.below(4) {
        decisions.mutate(&mut text);
        if decisions.once_in(3) {
            let at = decisions.half() as usize % (text.len() + 1);
            let token = decisions.any(&[
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
        check_one(&ty, &binary[3..]);
    }
    assert_eq!(binary[..3], [1, 2, 3]);
}

/// A type whose records and enumerations say what they are.
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
    // `Optional[Optional[...]]`, and two records of one name.
    Type::parse(&text).unwrap_or(Type::Int)
}

trait Expanded {
    fn to_string_expanded(&self) -> String;
}

impl Expanded for Type {
    fn to_string_expanded(&self) -> String {
        rpc_schema::Expanded(self).to_string()
    }
}

fn put_value(ty: &Type, decisions: &mut Decisions<'_>, out: &mut Vec<u8>) {
    match ty {
        Type::Int => decisions.word().cast_signed().encode(out),
        Type::Float => any_float(decisions).encode(out),
        Type::Bool => decisions.once_in(2).encode(out),
        Type::Str => encode_bytes(decisions.any(&TEXTS).as_bytes(), out),
        Type::Bytes => encode_bytes(&vec![decisions.byte(); decisions.below(40)], out),
        Type::Enumeration(enumeration) => {
            encode_count(decisions.below(enumeration.items().len()), out)
        }
        Type::Optional(item) => {
            let is_there = decisions.once_in(2);
            is_there.encode(out);
            if is_there {
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
                    KeyType::Str => encode_bytes(decisions.any(&TEXTS).as_bytes(), out),
                    KeyType::Int => decisions.word().cast_signed().encode(out),
                }
                put_value(item, decisions, out);
            }
        }
    }
}

fn any_float(decisions: &mut Decisions<'_>) -> f64 {
    match decisions.below(4) {
        0 => decisions.any(&[0.0, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e23]),
        1 => decisions.any(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        _ => f64::from_bits(decisions.word()),
    }
}

/// Whether these are a value is what everybody says; if so, it goes to JSON and back as the same.
fn check_one(ty: &Type, bytes: &[u8]) {
    let checked = check(std::slice::from_ref(ty), bytes);
    let (mut reader, mut text) = (Reader::new(bytes), Vec::new());
    let written = json::from_binary(ty, &mut reader, &mut text).and_then(|()| reader.finish());
    if checked.is_err() {
        // JSON is also written of a `Dict` that has a key twice; nobody gets that far with one.
        assert!(
            written.is_err() || has_key_twice(&checked),
            "{ty}: {checked:?}"
        );
        return;
    }
    assert_eq!(written, Ok(()), "{ty}");
    let text = String::from_utf8(text).expect("JSON is UTF-8");
    let (mut back, mut again) = (Vec::new(), Vec::new());
    json::to_binary(ty, &text, &mut back).unwrap_or_else(|error| panic!("{ty}: {text}: {error}"));
    assert_eq!(
        check(std::slice::from_ref(ty), &back),
        Ok(()),
        "{ty}: {text}"
    );
    json::from_binary(ty, &mut Reader::new(&back), &mut again).expect("a value");
    assert_eq!(again, text.as_bytes(), "{ty}");
    // There are many bit patterns that are `NaN`.
    assert!(back == bytes || text.contains("\"NaN\""), "{ty}: {text}");
}

fn has_key_twice(checked: &Result<(), value::DecodeError>) -> bool {
    matches!(checked, Err(value::DecodeError::DuplicateKey(_)))
}

/// Rust types decode just what is checked for their types.
fn check_typed(decisions: &mut Decisions<'_>) {
    match decisions.below(8) {
        0 => check_type::<(i64, bool, String)>("Tuple[int, bool, str]", decisions),
        1 => check_type::<Vec<Vec<u8>>>("List[bytes]", decisions),
        2 => check_type::<BTreeMap<String, Option<f64>>>("Dict[str, Optional[float]]", decisions),
        3 => check_type::<Vec<i64>>("List[int]", decisions),
        4 => check_type::<(bool, (f64, Vec<u8>))>("Tuple[bool, Tuple[float, bytes]]", decisions),
        5 => check_type::<Option<(i64, String)>>("Optional[Tuple[int, str]]", decisions),
        6 => check_type::<BTreeMap<i64, Vec<bool>>>("Dict[int, List[bool]]", decisions),
        _ => {
            check_type::<Vec<(f64, Option<String>)>>("List[Tuple[float, Optional[str]]]", decisions)
        }
    }
}

fn check_type<T: Value>(text: &str, decisions: &mut Decisions<'_>) {
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
    // A map is in order.
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
        let apart = T::decode(&mut reader).and_then(|value| reader.finish().map(|()| value));
        let mut bytes = Vec::new();
        apart
            .expect("the same value, its block apart")
            .encode(&mut bytes);
        assert!(bytes == again);
    }
}
