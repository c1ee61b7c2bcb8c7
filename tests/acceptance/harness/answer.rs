//! Reads and checks text answers and exceptions.

use serde_json::Value;
use wire::exception::Exception;

/// Returns the values of an `RPC-RES`.
#[track_caller]
pub fn returned(answer: &Value) -> &Value {
    assert_eq!(answer["header"], "RPC-RES", "{answer}");
    &answer["value"]["return-values"]
}

/// Returns the first value of an `RPC-RES` as a number.
#[track_caller]
pub fn number(answer: &Value) -> i64 {
    returned(answer)[0]
        .as_i64()
        .unwrap_or_else(|| panic!("no number: {answer}"))
}

/// An expected exception: its type, its `executed` value, and words of its message.
#[derive(Debug, Clone, Copy)]
pub struct Raises<'a>(pub &'a str, pub &'a str, pub &'a [&'a str]);

impl Raises<'_> {
    /// Asserts that an answer is an `RPC-EX` with this exception.
    #[track_caller]
    pub fn check(self, answer: &Value) {
        let Self(kind, executed, words) = self;
        let value = &answer["value"];
        let found = (
            answer["header"].as_str(),
            value["exception-type"].as_str(),
            value["executed"].as_str(),
        );
        assert_eq!(
            found,
            (Some("RPC-EX"), Some(kind), Some(executed)),
            "{answer}"
        );
        check_words(
            value["exception-message"].as_str().expect("a message"),
            words,
        );
    }

    /// Asserts that an exception matches this one.
    #[track_caller]
    pub fn check_exception(self, exception: &Exception) {
        let Self(kind, executed, words) = self;
        let found = (exception.kind.as_str(), exception.executed.as_str());
        assert_eq!(found, (kind, executed), "{exception:?}");
        check_words(&exception.message, words);
    }
}

#[track_caller]
fn check_words(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in {message:?}");
    }
}
