//! How the reference (`docs/INIT.md`) and the JSON Schema describe the value of a key.

use super::fields::{Integer, KeySpec, NameKind, Quantity, Shape, Text};

impl KeySpec {
    /// Describes the value that the key takes.
    pub(crate) fn value(&self) -> String {
        match self.shape {
            Shape::List(item) => format!("list of {}", item.in_plural()),
            shape => shape.in_singular().to_owned(),
        }
    }
}

impl Shape {
    fn in_singular(self) -> &'static str {
        match self {
            Self::Text(text) => text.in_words()[0],
            Self::Integer(integer) => integer.in_words()[0],
            Self::Flag => "`true` or `false`",
            Self::Quantity(Quantity::Duration) => "duration",
            Self::Quantity(Quantity::Size) => "size",
            Self::List(_) => "list",
            Self::Mapping(_) | Self::Type => "mapping",
            Self::Entries(..) => "entries",
            Self::Arguments => "types by name, in order, or a list of types",
            Self::Returns => "a type, or a list of types",
            Self::Provider => "name of a server",
            Self::Fields => "types by name",
            Self::Types => "records and enumerations",
        }
    }

    fn in_plural(self) -> &'static str {
        match self {
            Self::Text(text) => text.in_words()[1],
            Self::Integer(integer) => integer.in_words()[1],
            Self::Mapping(_) => "mappings",
            _ => "values",
        }
    }
}

impl Text {
    /// Returns the words for one such text and for several.
    fn in_words(self) -> [&'static str; 2] {
        match self {
            Self::Prose => ["text", "texts"],
            Self::Name(_) | Self::Variable => ["name", "names"],
            Self::NameOf(NameKind::Client) => ["name of a client", "names of clients"],
            Self::NameOf(_) => ["name of another entry", "names of other entries"],
            Self::Type => ["type", "types"],
            Self::Ip => ["IP address", "IP addresses"],
            Self::Path | Self::File => ["path", "paths"],
            Self::AbsolutePath => ["absolute path", "absolute paths"],
        }
    }
}

impl Integer {
    /// Returns the words for one such integer and for several.
    fn in_words(self) -> [&'static str; 2] {
        match self {
            Self::Version => ["`1`", "versions"],
            Self::Port => ["port", "ports"],
            Self::Calls => ["integer from 1", "integers from 1"],
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::shape::fields::{ALLOW, CLIENT, FILE, KeySpec, NETWORK, RPC, SERVER, SERVICE, TYPE};

    const INIT_MD: &str = include_str!("../../../docs/INIT.md");
    const HEADER: &str = "| key | value | default | |";

    /// Returns the rows of all tables of keys in the reference, without links. Leaves out the free
    /// keys (`x-`), which belong to no mapping.
    fn documented_rows() -> Vec<String> {
        let mut rows = Vec::new();
        let mut lines = INIT_MD.lines();
        while lines.by_ref().any(|line| line == HEADER) {
            rows.extend(
                lines
                    .by_ref()
                    .skip(1)
                    .take_while(|line| line.starts_with('|'))
                    .map(without_links),
            );
        }
        rows.retain(|row| !row.starts_with("| `x-"));
        rows
    }

    /// Replaces every link `[text](#place)` by its text.
    fn without_links(line: &str) -> String {
        let mut parts = line.split("](#");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let open = text.rfind('[').expect("a link has a text");
            text.remove(open);
            text += part.split_once(')').expect("a link ends").1;
        }
        text
    }

    fn row(field: &KeySpec) -> String {
        let default = if field.required.is_some() {
            "**required**"
        } else {
            field.default
        };
        format!(
            "| `{}` | {} | {default} | {} |",
            field.key,
            field.value(),
            field.doc
        )
    }

    #[test]
    fn the_reference_lists_every_key_with_its_value_and_default() {
        let tables = [FILE, NETWORK, SERVER, CLIENT, SERVICE, ALLOW, RPC, TYPE];
        let expected: Vec<String> = tables.into_iter().flatten().map(row).collect();
        assert_eq!(
            documented_rows().join("\n"),
            expected.join("\n"),
            "docs/INIT.md differs from shape/fields.rs"
        );
    }
}
