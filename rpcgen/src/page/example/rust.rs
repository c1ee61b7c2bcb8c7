//! A call in Rust, through the stubs that this crate generates.
//!
//! The example assumes that the stubs are the module `stubs` at the root of the crate.

use rpc_schema::types::Record;
use rpc_schema::{Type, naming};

use super::ExampleCall;
use super::sample::{self, Sample};
use crate::ident::RustName;
use crate::ir::{Overload, OverloadSet, Passing};

/// Maximum number of characters of a statement on one line. A longer one has a line per argument.
const MAX_LINE_CHARS: usize = 88;

/// Returns the example. For an overload it calls the function for all overloads, if there is one,
/// and then the plain function.
pub fn example(call: &ExampleCall<'_>) -> String {
    let calls = calls(call).join("\n// or call this overload by its own name:\n");
    let has = |predicate: fn(&Type) -> bool| {
        call.rpc()
            .parameters
            .iter()
            .any(|parameter| has_inside(&parameter.ty, predicate))
    };
    let map = if has(|ty| matches!(ty, Type::Dict(..))) {
        "use std::collections::BTreeMap;\n"
    } else {
        ""
    };
    let types = if has(|ty| ty.name().is_some()) {
        "use stubs::types;\n"
    } else {
        ""
    };
    let blank = if map.len() + types.len() > 0 {
        "\n"
    } else {
        ""
    };
    format!("{map}{types}{blank}{calls}")
}

fn has_inside(ty: &Type, predicate: fn(&Type) -> bool) -> bool {
    predicate(ty)
        || ty
            .parts()
            .into_iter()
            .any(|part| has_inside(part, predicate))
}

fn calls(call: &ExampleCall<'_>) -> Vec<String> {
    let rpc = call.rpc();
    let name = rpc.name.as_str();
    let owned = spell_all(&call.arguments, owned);
    if let [_] = call.overloads.rpcs[..] {
        return vec![statement(call, name, &owned)];
    }
    let generic = generic(call).map(|arguments| statement(call, name, &arguments));
    let plain = statement(call, &naming::plain_function(name, &rpc.parameters), &owned);
    generic.into_iter().chain([plain]).collect()
}

/// Returns the statement of a call: on one line, or if that is too long with a line per argument.
fn statement(call: &ExampleCall<'_>, function: &str, arguments: &[String]) -> String {
    let service = RustName::new(call.entry.service.name.as_str());
    let function = RustName::new(function);
    let binding = if call.rpc().returns.is_empty() {
        ""
    } else {
        "let answer = "
    };
    let head = format!("{binding}stubs::{service}::{function}(");
    let line = format!("{head}{})?;", arguments.join(", "));
    if line.len() <= MAX_LINE_CHARS || arguments.is_empty() {
        return line;
    }
    format!("{head}\n    {},\n)?;", arguments.join(",\n    "))
}

/// Returns the arguments as the function for all overloads takes them; `None` if there is no such
/// function.
fn generic(call: &ExampleCall<'_>) -> Option<Vec<String>> {
    let set = call.overloads.generic.as_ref()?;
    let spell = if takes_literals(set.overloads.get(call.index)?) {
        literal
    } else {
        owned
    };
    Some(pass(set, spell_all(&call.arguments, spell)))
}

fn pass(set: &OverloadSet, arguments: Vec<String>) -> Vec<String> {
    match (&set.passing, arguments.len()) {
        (Passing::Separate(_), _) | (Passing::Together, 1) => arguments,
        (Passing::Together, _) => vec![format!("({})", arguments.join(", "))],
    }
}

/// Returns whether the overload takes literals. If many arguments select it, their less usual forms
/// are left out; see `MAX_IMPLEMENTATIONS` in `emit/overloads.rs`.
fn takes_literals(overload: &Overload) -> bool {
    overload
        .arguments
        .iter()
        .filter(|argument| argument.discriminating)
        .count()
        <= 2
}

/// Returns the value with exactly its declared type.
fn owned(sample: &Sample) -> String {
    match sample {
        Sample::Int(int) => int.to_string(),
        Sample::Float(float) => (*float).to_owned(),
        Sample::Bool => "true".to_owned(),
        Sample::Str(text) => format!("\"{text}\".to_owned()"),
        Sample::Bytes => "b\"hello\".to_vec()".to_owned(),
        Sample::List(item) => format!("vec![{}]", owned(item)),
        Sample::Dict(key, value) => format!("BTreeMap::from([({}, {})])", owned(key), owned(value)),
        Sample::Optional(item) => format!("Some({})", owned(item)),
        Sample::Tuple(items) => match items.as_slice() {
            [one] => format!("({},)", owned(one)),
            items => format!("({})", spell_all(items, owned).join(", ")),
        },
        Sample::Record(record, values) => record_literal(record, values),
        Sample::Enumeration(enumeration) => {
            let name = RustName::new(enumeration.name().as_str());
            format!(
                "types::{name}::{}",
                naming::variant(sample::item(enumeration))
            )
        }
    }
}

fn record_literal(record: &Record, values: &[Sample]) -> String {
    let names = record
        .fields()
        .iter()
        .map(|field| RustName::new(field.name.as_str()));
    let fields = names
        .zip(values)
        .map(|(name, value)| format!("{name}: {}", owned(value)));
    let fields: Vec<String> = fields.collect();
    format!(
        "types::{} {{ {} }}",
        RustName::new(record.name().as_str()),
        fields.join(", ")
    )
}

fn spell_all(samples: &[Sample], spell: fn(&Sample) -> String) -> Vec<String> {
    samples.iter().map(spell).collect()
}

/// Returns the value in the shortest form that its type accepts.
fn literal(sample: &Sample) -> String {
    match sample {
        Sample::Str(text) => format!("\"{text}\""),
        Sample::Bytes => "b\"hello\"".to_owned(),
        Sample::List(item) if matches!(**item, Sample::Str(_)) => format!("[{}]", literal(item)),
        sample => owned(sample),
    }
}
