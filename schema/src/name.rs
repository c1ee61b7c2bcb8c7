//! [`Name`]: the name of a server, a client, a service, a procedure, an argument or a type.

use std::borrow::Borrow;
use std::fmt;

/// A name matches `[A-Za-z][A-Za-z0-9_]*`. It is neither one of Rust's path words (`self`, `Self`,
/// `super`, `crate`) nor a Python keyword.
///
/// All other Rust keywords are allowed; generated code writes them as raw identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// Python's keywords, from `keyword.kwlist` of Python 3.9 to 3.13.
pub(crate) const PYTHON_KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Words that Rust does not accept even as raw identifiers.
pub(crate) const RUST_PATH_WORDS: [&str; 4] = ["self", "Self", "super", "crate"];

/// Maximum length of a name, in bytes. A name is a part of the names of files, and a file system
/// limits these to 255.
pub const MAX_NAME_BYTES: usize = 200;

impl Name {
    /// Creates a name from a text that follows the rule for names.
    ///
    /// # Errors
    /// Returns the part of the rule that the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let mut characters = text.chars();
        match characters.next() {
            None => return Err(NameError::Empty),
            Some(first) if !first.is_ascii_alphabetic() => return Err(NameError::Start(first)),
            Some(_) => {}
        }
        if let Some(bad) = characters.find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
            return Err(NameError::Character(bad));
        }
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        if RUST_PATH_WORDS.contains(&text) {
            return Err(NameError::RustWord(text.to_owned()));
        }
        if PYTHON_KEYWORDS.contains(&text) {
            return Err(NameError::PythonKeyword(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The empty text.
    #[error("a name must not be empty")]
    Empty,
    /// The first character is not an ASCII letter.
    #[error("a name must begin with a letter from A to Z, not with `{0}`")]
    Start(char),
    /// A character other than ASCII letters, digits and `_`.
    #[error("a name may have only letters, digits and `_`, not `{0}`")]
    Character(char),
    /// More than [`MAX_NAME_BYTES`].
    #[error("a name may have at most {MAX_NAME_BYTES} characters, not {0}")]
    TooLong(usize),
    /// A word that Rust cannot use as an identifier.
    #[error("`{0}` cannot be an identifier in Rust")]
    RustWord(String),
    /// A word that Python cannot use as an identifier.
    #[error("`{0}` is a keyword in Python")]
    PythonKeyword(String),
}

/// Returns the name of the environment variable that holds the address of a server: `RPC_SERVER_`
/// and the server's name in capital letters.
pub fn server_variable(server: &str) -> String {
    format!("RPC_SERVER_{}", server.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_that_follow_the_rule_are_names() {
        for good in ["a", "A9", "rpc_1", "type", "loop", "fn", "a__"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        assert!(Name::new(&"a".repeat(MAX_NAME_BYTES)).is_ok());
        assert!(Name::new(&"a".repeat(MAX_NAME_BYTES + 1)).is_err());
        for bad in [
            "", "_a", "9a", "a-b", "a b", "é", "aé", "self", "Self", "super", "crate", "None",
            "def", "a.b",
        ] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
