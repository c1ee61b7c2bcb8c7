//! Changes that go through on the wire and still break Rust sources: how the procedures of a name are called.

use crate::overloads::{OverloadShape, shape_of};
use crate::signature::Signature;
use crate::types::Type;

/// Why sources that call a name with these overloads have to change, where calls of it still go through.
pub(super) fn judge(old: &[&Signature], new: &[&Signature]) -> Option<String> {
    if !old.iter().any(|old| new.iter().any(|new| old.arguments == new.arguments)) {
        return None;
    }
    let (before, now) = (Form::of(old), Form::of(new));
    let why = match (&before, &now) {
        (Form::Separate(before), Form::Separate(now)) | (Form::Together(before), Form::Together(now)) => {
            if !decides_by_more_lists(before, now, new) {
                return None;
            }
            "other arguments tell its overloads apart now, and lists are passed for those in fewer forms"
        }
        (before, now) if before == now => return None,
        (Form::PlainOnly, Form::Separate(_) | Form::Together(_)) => return None,
        (Form::Single, Form::PlainOnly) => {
            "it has overloads now, and each has only a function named after its types"
        }
        (Form::Single, Form::Together(_)) => {
            "it has overloads now, and its arguments are passed as one value"
        }
        (Form::Single, _) => {
            "it has overloads now, so its function takes any of theirs and returns what they do"
        }
        (_, Form::Single) => "it has no overloads any more, so its function takes exactly the declared types",
        (_, Form::PlainOnly) => "each overload has only a function named after its types",
        (Form::Separate(_), Form::Together(_)) => {
            "its overloads differ in their number of arguments, which are passed as one value now"
        }
        _ => "all its overloads have one number of arguments, which are passed one by one now",
    };
    Some(why.to_owned())
}

/// Whether a list stands where it decides now and did not before. What decides is passed in the forms of a table, what
/// does not in whatever stands for it, item by item.
fn decides_by_more_lists(before: &[usize], now: &[usize], new: &[&Signature]) -> bool {
    let is_list = |position: &usize| {
        new.iter().any(|signature| matches!(signature.arguments.get(*position), Some(Type::List(_))))
    };
    now.iter().filter(|position| !before.contains(position)).any(is_list)
}

/// How a name is called in Rust.
#[derive(PartialEq, Eq)]
enum Form {
    Single,
    /// With the positions of the arguments that decide.
    Separate(Vec<usize>),
    Together(Vec<usize>),
    PlainOnly,
}

impl Form {
    fn of(overloads: &[&Signature]) -> Self {
        let types: Vec<_> = overloads.iter().map(|overload| overload.arguments.clone()).collect();
        match shape_of(&types) {
            OverloadShape::Single => Self::Single,
            OverloadShape::Generic { together: false, discriminating } => Self::Separate(discriminating),
            OverloadShape::Generic { together: true, discriminating } => Self::Together(discriminating),
            OverloadShape::PlainOnly => Self::PlainOnly,
        }
    }
}
