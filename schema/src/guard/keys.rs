//! The rules for keys: a key is text, occurs once per mapping, and is not a merge key.

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::{Guard, NodeId, PendingKey};
use crate::diagnostic::{Code, Finding};

impl<'t> Guard<'t> {
    pub(super) fn key(&mut self, text: Cow<'t, str>, style: ScalarStyle, span: Range<usize>) {
        if style == ScalarStyle::Plain
            && let Some(finding) = refuse_plain_key(&text, &span)
        {
            self.findings.push(finding);
        }
        self.set_key(PendingKey { text, span });
    }

    pub(super) fn refuse_duplicate_keys(&mut self, mapping: NodeId) {
        let mut children: Vec<NodeId> = self.table.children(mapping).collect();
        children.sort_by(|a, b| self.table.key(*a).cmp(&self.table.key(*b)).then(a.cmp(b)));
        for group in children.chunk_by(|a, b| self.table.key(*a) == self.table.key(*b)) {
            for duplicate in &group[1..] {
                let key = self.table.key(*duplicate).unwrap_or_default();
                let finding = Finding::new(
                    Code::DuplicateKey,
                    self.table.key_span(*duplicate),
                    format!("this mapping has two keys `{key}`"),
                );
                self.findings
                    .push(finding.related(self.table.key_span(group[0]), "the first is here"));
            }
        }
    }
}

fn refuse_plain_key(text: &str, span: &Range<usize>) -> Option<Finding> {
    if text == "<<" {
        let finding = Finding::new(
            Code::MergeKey,
            span.clone(),
            "merge keys (`<<`) are not supported",
        );
        return Some(
            finding.hint("write the keys out, or use an alias for a whole value: `allow: *shared`"),
        );
    }
    let kind = non_string_kind(text)?;
    let finding = Finding::new(
        Code::NonStringKey,
        span.clone(),
        format!("a key must be text, not {kind}"),
    );
    Some(if text.is_empty() {
        finding
    } else {
        finding.hint(format!("put it in quotes: `\"{text}\"`"))
    })
}

/// Returns what a plain scalar is in YAML's core schema, in words; `None` if it is text.
fn non_string_kind(text: &str) -> Option<&'static str> {
    match text {
        "" => return Some("an empty value"),
        "~" | "null" | "Null" | "NULL" => return Some("null"),
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Some("true or false"),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = match unsigned.as_bytes() {
        [b'0', b'x' | b'o' | b'b', _, ..] => {
            unsigned[2..].bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        [b'.', rest @ ..] if !rest.first().is_some_and(u8::is_ascii_digit) => {
            matches!(rest, b"inf" | b"Inf" | b"INF" | b"nan" | b"NaN" | b"NAN")
        }
        [b'0', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => false,
        [b'0'..=b'9' | b'.', ..] => unsigned.parse::<f64>().is_ok(),
        _ => false,
    };
    is_number.then_some("a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_key_is_text_exactly_if_serde_yaml_reads_it_as_text() {
        for text in [
            "a", "-a", "1a", "1.0.0.1", "yes", "on", "1_000", "0xg", ".", "..", "+", ".inf",
            "-.inf", ".nan", "1", "-1", "1.5", "1e3", ".5", "0x1F", "0o17", "0b1", "true", "False",
            "null", "~", "inf", "nan", "+1", "1e", "e1", "0x", "infinity", "True", "007", "1:30",
        ] {
            let value: serde_yaml::Value = serde_yaml::from_str(text).expect(text);
            assert_eq!(
                non_string_kind(text).is_none(),
                value.is_string(),
                "{text}: {value:?}"
            );
        }
    }
}
