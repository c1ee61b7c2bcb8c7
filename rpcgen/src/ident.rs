//! [`RustName`]: names of `init.yaml` as Rust identifiers.

use std::fmt;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, TokenStreamExt as _};

/// Keywords of all editions of Rust. As a name, each needs a raw identifier.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Values of the prelude. An argument cannot have these names, because a pattern would mean the
/// value.
const PRELUDE_VALUES: [&str; 4] = ["Err", "None", "Ok", "Some"];

/// An identifier of generated code. A keyword is written as a raw identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RustName(String);

impl RustName {
    /// Creates the identifier of a name, which must contain only ASCII letters, digits and `_`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Creates the identifier of an argument: the name, with `_` appended if the name is taken or
    /// cannot be used in a pattern.
    pub fn argument(name: &str, taken: &[Self]) -> Self {
        let mut name = name.to_owned();
        while PRELUDE_VALUES.contains(&name.as_str()) || taken.iter().any(|other| other.0 == name) {
            name.push('_');
        }
        Self(name)
    }

    /// Returns the name without `r#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the name is a keyword of an edition of Rust.
    pub fn is_keyword(&self) -> bool {
        KEYWORDS.contains(&self.0.as_str())
    }
}

impl fmt::Display for RustName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_keyword() { "r#" } else { "" })?;
        f.write_str(&self.0)
    }
}

impl ToTokens for RustName {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append(if self.is_keyword() {
            Ident::new_raw(&self.0, Span::call_site())
        } else {
            Ident::new(&self.0, Span::call_site())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_written_raw() {
        for (name, written) in [
            ("rpc1", "rpc1"),
            ("type", "r#type"),
            ("loop", "r#loop"),
            ("gen", "r#gen"),
        ] {
            assert_eq!(RustName::new(name).to_string(), written);
            assert_eq!(RustName::new(name).to_token_stream().to_string(), written);
        }
    }

    #[test]
    fn an_argument_with_a_taken_name_gets_an_underscore() {
        let taken = [RustName::new("out"), RustName::new("out_")];
        assert_eq!(RustName::argument("out", &taken).as_str(), "out__");
        assert_eq!(RustName::argument("Some", &[]).as_str(), "Some_");
        assert_eq!(RustName::argument("a", &taken).as_str(), "a");
    }
}
