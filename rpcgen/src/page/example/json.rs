//! Samples as JSON, and as Python literals, which differ only in `True`.

use super::sample::{self, Sample};

/// Returns a sample as JSON: `7`, `["a"]`, `{"a": 2.5}`.
pub fn json(sample: &Sample) -> String {
    spell(sample, "true")
}

/// Returns a sample as a Python literal.
pub fn python(sample: &Sample) -> String {
    spell(sample, "True")
}

fn spell(sample: &Sample, true_literal: &str) -> String {
    let spell = |sample: &Sample| spell(sample, true_literal);
    match sample {
        Sample::Int(int) => int.to_string(),
        Sample::Float(float) => (*float).to_owned(),
        Sample::Bool => true_literal.to_owned(),
        Sample::Str(text) => quoted(text),
        Sample::Bytes => quoted("aGVsbG8="),
        Sample::List(item) => list([spell(item)]),
        Sample::Dict(key, value) => format!("{{{}: {}}}", key_of(key), spell(value)),
        Sample::Optional(item) => spell(item),
        Sample::Tuple(items) => list(items.iter().map(spell)),
        Sample::Record(record, values) => {
            let names = record
                .fields()
                .iter()
                .map(|field| quoted(field.name.as_str()));
            let members = names
                .zip(values)
                .map(|(name, value)| format!("{name}: {}", spell(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Sample::Enumeration(enumeration) => quoted(sample::item(enumeration)),
    }
}

/// Returns the key of an object, which is a string even for an `int`.
fn key_of(key: &Sample) -> String {
    match key {
        Sample::Int(int) => quoted(&int.to_string()),
        key => json(key),
    }
}

/// Returns a string literal. The text must need no escaping; names and types need none.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Returns a list of items that are spelled already: `[a, b]`.
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// Returns a list of string literals, for names or types.
pub fn string_list(texts: &[String]) -> String {
    list(texts.iter().map(|text| quoted(text)))
}

#[cfg(test)]
mod tests {
    use rpc_schema::Type;
    use rpc_schema::model::Parameter;

    use super::*;

    #[test]
    fn every_type_has_a_json_form() {
        for (ty, text) in [
            ("int", "7"),
            ("float", "2.5"),
            ("Optional[bool]", "true"),
            ("bytes", "\"aGVsbG8=\""),
            ("List[Tuple[int, int]]", "[[7, 3]]"),
            ("Dict[str, Dict[int, str]]", "{\"a\": {\"7\": \"b\"}}"),
            (
                "Tally{votes: int, level: Level{low, high}}",
                "{\"votes\": 7, \"level\": \"low\"}",
            ),
        ] {
            let ty = Type::parse(ty).expect(ty);
            let samples = sample::of(&[Parameter { name: None, ty }]).expect("a small type");
            assert_eq!(json(&samples[0]), text);
        }
    }
}
