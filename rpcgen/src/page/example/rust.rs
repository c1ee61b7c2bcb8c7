//! A call in Rust, through the stubs that this crate generates.
//!
//! The stubs are taken to be the module `stubs` at the root of the crate.

use rpc_schema::types::Record;
use rpc_schema::{Type, naming};

use super::Call;
use super::sample::{self, Sample};
use crate::ident::RustName;
use crate::ir::{Overload, OverloadSet, Passing};

/// A statement that is longer has a line for each argument.
const MAX_LINE_CHARS: usize = 88;

/// Of an overload the call that takes any of them, where there is one, and then its plain function.
pub fn example(call: &Call<'_>) -> String {
    let calls = calls(call).join("\n// or by the name of this overload alone:\n");
    let has = |is_it: fn(&Type) -> bool| {
        call.rpc()
            .parameters
            .iter()
            .any(|parameter| has_inside(&parameter.ty, is_it))
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

fn has_inside(ty: &Type, is_it: fn(&Type) -> bool) -> bool {
    is_it(ty) || ty.parts().into_iter().any(|part| has_inside(part, is_it))
}

fn calls(call: &Call<'_>) -> Vec<String> {
    let (rpc, name) = (call.rpc(), call.rpc().name.as_str());
    let owned = spelled(&call.arguments, owned);
    if let [_] = call.overloads.rpcs[..] {
        return vec![statement(call, name, &owned)];
    }
    let generic = generic(call).map(|arguments| statement(call, name, &arguments));
    let plain = statement(call, &naming::plain_function(name, &rpc.parameters), &owned);
    generic.into_iter().chain([plain]).collect()
}

/// On one line, or where that is long on a line for each argument.
fn statement(call: &Call<'_>, function: &str, arguments: &[String]) -> String {
    let service = RustName::new(call.provided.service.name.as_str());
    let function = RustName::new(function);
    let binding = if call.rpc().returns.is_empty() {
        ""
    } else {
        "let answer = "
    };
    let opened = format!("{binding}stubs::{service}::{function}(");
    let line = format!("{opened}{})?;", arguments.join(", "));
    if line.len() <= MAX_LINE_CHARS || arguments.is_empty() {
        return line;
    }
    format!("{opened}\n    {},\n)?;", arguments.join(",\n    "))
}

/// The arguments as the function for all overloads takes them; `None` where there is no such
/// function.
fn generic(call: &Call<'_>) -> Option<Vec<String>> {
    let set = call.overloads.generic.as_ref()?;
    let spell = if takes_literals(set.overloads.get(call.place)?) {
        literal
    } else {
        owned
    };
    Some(passed(set, spelled(&call.arguments, spell)))
}

fn passed(set: &OverloadSet, arguments: Vec<String>) -> Vec<String> {
    match (&set.passing, arguments.len()) {
        (Passing::Separate(_), _) | (Passing::Together, 1) => arguments,
        (Passing::Together, _) => vec![format!("({})", arguments.join(", "))],
    }
}

/// Many deciding arguments leave out the less usual forms, see
/// [`crate::emit::MAX_IMPLEMENTATIONS`].
fn takes_literals(overload: &Overload) -> bool {
    overload
        .arguments
        .iter()
        .filter(|argument| argument.discriminating)
        .count()
        <= 2
}

/// The value with exactly its declared type.
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
            items => format!("({})", spelled(items, owned).join(", ")),
        },
        Sample::Record(record, values) => structure(record, values),
        Sample::Enumeration(enumeration) => {
            let name = RustName::new(enumeration.name().as_str());
            format!(
                "types::{name}::{}",
                naming::variant(sample::item(enumeration))
            )
        }
    }
}

fn structure(record: &Record, values: &[Sample]) -> String {
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

fn spelled(samples: &[Sample], spell: fn(&Sample) -> String) -> Vec<String> {
    samples.iter().map(spell).collect()
}

/// The value in the shortest form that stands for its type.
fn literal(sample: &Sample) -> String {
    match sample {
        Sample::Str(text) => format!("\"{text}\""),
        Sample::Bytes => "b\"hello\"".to_owned(),
        Sample::List(item) if matches!(**item, Sample::Str(_)) => format!("[{}]", literal(item)),
        sample => owned(sample),
    }
}
