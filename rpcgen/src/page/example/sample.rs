//! [`Sample`]: a value of a type, small enough to be read at a glance.

use std::sync::Arc;

use rpc_schema::Type;
use rpc_schema::model::Parameter;
use rpc_schema::types::{Enumeration, Record};

/// Arguments that mention more types than this have no example.
const MAX_NODES: usize = 200;

/// A value to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// An `int`.
    Int(u8),
    /// A `float`, as every language here writes it.
    Float(&'static str),
    /// A `bool`.
    Bool,
    /// A `str`: a single letter.
    Str(&'static str),
    /// A `bytes`: the text `hello`.
    Bytes,
    /// A list of one.
    List(Box<Sample>),
    /// A dictionary of one.
    Dict(Box<Sample>, Box<Sample>),
    /// An `Optional` that is there.
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

/// A value for each argument; those of one type differ, so that their order shows. `None` where
/// they would fill a page.
pub fn of(parameters: &[Parameter]) -> Option<Vec<Sample>> {
    let nodes: usize = parameters
        .iter()
        .map(|parameter| parameter.ty.nodes())
        .sum();
    let mut supply = Supply::default();
    (nodes <= MAX_NODES).then(|| {
        parameters
            .iter()
            .map(|parameter| supply.next(&parameter.ty))
            .collect()
    })
}

/// How many of each have been given out.
#[derive(Default)]
struct Supply {
    ints: usize,
    floats: usize,
    letters: usize,
}

impl Supply {
    fn next(&mut self, ty: &Type) -> Sample {
        match ty {
            Type::Int => Sample::Int(turn(&INTS, &mut self.ints)),
            Type::Float => Sample::Float(turn(&FLOATS, &mut self.floats)),
            Type::Bool => Sample::Bool,
            Type::Str => Sample::Str(turn(&LETTERS, &mut self.letters)),
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

fn turn<T: Copy, const N: usize>(values: &[T; N], given: &mut usize) -> T {
    let value = values[*given % N];
    *given += 1;
    value
}

/// The item that stands for an enumeration.
pub fn item(enumeration: &Enumeration) -> &str {
    enumeration.items().first().map_or("", String::as_str)
}
