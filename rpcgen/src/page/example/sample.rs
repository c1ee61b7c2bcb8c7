//! [`Sample`]: a small value of a type, for examples.

use std::sync::Arc;

use rpc_schema::Type;
use rpc_schema::model::Parameter;
use rpc_schema::types::{Enumeration, Record};

/// Maximum number of types in the arguments of an example, with those inside other types.
const MAX_NODES: usize = 200;

/// A value to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// An `int`.
    Int(u8),
    /// A `float`. All languages of the examples write it in this way.
    Float(&'static str),
    /// A `bool`.
    Bool,
    /// A `str`: a single letter.
    Str(&'static str),
    /// A `bytes`: the text `hello`.
    Bytes,
    /// A list of one item.
    List(Box<Sample>),
    /// A dictionary of one entry.
    Dict(Box<Sample>, Box<Sample>),
    /// An `Optional` with a value.
    Optional(Box<Sample>),
    /// A tuple.
    Tuple(Vec<Sample>),
    /// A record with a value for each field.
    Record(Arc<Record>, Vec<Sample>),
    /// The first item of an enumeration.
    Enumeration(Arc<Enumeration>),
}

const INTS: [u8; 4] = [7, 3, 5, 2];
const FLOATS: [&str; 4] = ["2.5", "0.5", "1.25", "4.0"];
const LETTERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Returns a value for each argument; `None` if the values would be too long. Values of the same
/// type differ, so that their order is visible.
pub fn of(parameters: &[Parameter]) -> Option<Vec<Sample>> {
    let nodes: usize = parameters
        .iter()
        .map(|parameter| parameter.ty.nodes())
        .sum();
    let mut values = SampleValues::default();
    (nodes <= MAX_NODES).then(|| {
        parameters
            .iter()
            .map(|parameter| values.next(&parameter.ty))
            .collect()
    })
}

/// The values that samples use in turn, by the number of uses so far.
#[derive(Default)]
struct SampleValues {
    ints: usize,
    floats: usize,
    letters: usize,
}

impl SampleValues {
    fn next(&mut self, ty: &Type) -> Sample {
        match ty {
            Type::Int => Sample::Int(next_in_turn(&INTS, &mut self.ints)),
            Type::Float => Sample::Float(next_in_turn(&FLOATS, &mut self.floats)),
            Type::Bool => Sample::Bool,
            Type::Str => Sample::Str(next_in_turn(&LETTERS, &mut self.letters)),
            Type::Bytes => Sample::Bytes,
            Type::List(item) => Sample::List(self.boxed(item)),
            Type::Dict(key, value) => Sample::Dict(self.boxed(&key.as_type()), self.boxed(value)),
            Type::Optional(item) => Sample::Optional(self.boxed(item)),
            Type::Tuple(items) => Sample::Tuple(items.iter().map(|item| self.next(item)).collect()),
            Type::Record(record) => {
                let fields = record
                    .fields()
                    .iter()
                    .map(|field| self.next(&field.ty))
                    .collect();
                Sample::Record(Arc::clone(record), fields)
            }
            Type::Enumeration(enumeration) => Sample::Enumeration(Arc::clone(enumeration)),
        }
    }

    fn boxed(&mut self, ty: &Type) -> Box<Sample> {
        Box::new(self.next(ty))
    }
}

fn next_in_turn<T: Copy, const N: usize>(values: &[T; N], used: &mut usize) -> T {
    let value = values[*used % N];
    *used += 1;
    value
}

/// Returns the item that examples use for an enumeration.
pub fn item(enumeration: &Enumeration) -> &str {
    enumeration.items().first().map_or("", String::as_str)
}
