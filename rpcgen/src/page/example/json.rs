//! Samples as JSON, and as Python's literals, which differ in a word.

use super::sample::{self, Sample};

/// `7`, `["a"]`, `{"a": 2.5}`.
pub fn json(sample: &Sample) -> String {
    spell(sample, "true")
}

/// The same in Python.
pub fn python(sample: &Sample) -> String {
    spell(sample, "True")
}

fn spell(sample: &Sample, yes: &str) -> String {
    let spell = |sample: &Sample| spell(sample, yes);
    match sample {
        Sample::Int(int) => int.to_string(),
        Sample::Float(float) => (*float).to_owned(),
        Sample::Bool => yes.to_owned(),
        Sample::Str(text) => text_of(text),
        Sample::Bytes => text_of("aGVsbG8="),
        Sample::List(item) => list([spell(item)]),
        Sample::Dict(key, value) => format!("{{{}: {}}}", key_of(key), spell(value)),
        Sample::Optional(item) => spell(item),
        Sample::Tuple(items) => list(items.iter().map(spell)),
        Sample::Record(record, values) => {
            let names = record
                .fields()
                .iter()
                .map(|field| text_of(field.name.as_str()));
            let members = names
                .zip(values)
                .map(|(name, value)| format!("{name}: {}", spell(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Sample::Enumeration(enumeration) => text_of(sample::item(enumeration)),
    }
}

/// A key is text, also where it stands for an `int`.
fn key_of(key: &Sample) -> String {
    match key {
        Sample::Int(int) => text_of(&int.to_string()),
        key => json(key),
    }
}

/// A text that needs no escaping: names and types need none.
fn text_of(text: &str) -> String {
    format!("\"{text}\"")
}

/// `[a, b]` of what is spelled already.
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// A list of names or types.
pub fn texts(texts: &[String]) -> String {
    list(texts.iter().map(|text| text_of(text)))
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
