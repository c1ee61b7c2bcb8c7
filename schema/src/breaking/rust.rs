//! Changes that go through on the wire and still break Rust sources: how the procedures of a name are called.

use crate::overloads::{OverloadShape, shape_of};
use crate::signature::Signature;

/// Why sources that call a name with these overloads have to change, where calls of it still go through.
pub(super) fn judge(old: &[&Signature], new: &[&Signature]) -> Option<String> {
    if !old.iter().any(|old| new.iter().any(|new| old.arguments == new.arguments)) {
        return None;
    }
    let (before, now) = (Form::of(old), Form::of(new));
    let why = match (before, now) {
        (before, now) if before == now => return None,
        (Form::PlainOnly, Form::Separate | Form::Together) => return None,
        (Form::Single, Form::PlainOnly) => {
            "it has overloads now, and each has only a function named after its types"
        }
        (Form::Single, Form::Together) => "it has overloads now, and its arguments are passed as one value",
        (Form::Single, _) => {
            "it has overloads now, so its function takes any of theirs and returns what they do"
        }
        (_, Form::Single) => "it has no overloads any more, so its function takes exactly the declared types",
        (_, Form::PlainOnly) => "each overload has only a function named after its types",
        (Form::Separate, Form::Together) => {
            "its overloads differ in their number of arguments, which are passed as one value now"
        }
        _ => "all its overloads have one number of arguments, which are passed one by one now",
    };
    Some(why.to_owned())
}

/// How a name is called in Rust.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Single,
    Separate,
    Together,
    PlainOnly,
}

impl Form {
    fn of(overloads: &[&Signature]) -> Self {
        let types: Vec<_> = overloads.iter().map(|overload| overload.arguments.clone()).collect();
        match shape_of(&types) {
            OverloadShape::Single => Self::Single,
            OverloadShape::Generic { together: false, .. } => Self::Separate,
            OverloadShape::Generic { together: true, .. } => Self::Together,
            OverloadShape::PlainOnly => Self::PlainOnly,
        }
    }
}
