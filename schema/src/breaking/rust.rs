//! Changes that go through on the wire and still break Rust sources: how the procedures of a name
//! are called.

use crate::overloads::OverloadShape::{self, Generic, PlainOnly, Single};
use crate::overloads::shape_of;
use crate::signature::Signature;
use crate::types::Type;

/// Why sources that call a name with these overloads have to change, where calls of it still go
/// through.
pub(super) fn judge(old: &[&Signature], new: &[&Signature]) -> Option<String> {
    if !old
        .iter()
        .any(|old| new.iter().any(|new| old.arguments == new.arguments))
    {
        return None;
    }
    let why = match (&shape(old), &shape(new)) {
        (Single, Single) | (PlainOnly, PlainOnly | Generic { .. }) => return None,
        (
            Generic {
                together: was,
                discriminating: before,
            },
            Generic {
                together: is,
                discriminating: now,
            },
        ) if was == is => {
            if !decides_by_more_lists(before, now, new) {
                return None;
            }
            "other arguments tell its overloads apart now, and lists are passed for those in fewer forms"
        }
        (Single, PlainOnly) => {
            "it has overloads now, and each has only a function named after its types"
        }
        (Single, Generic { together: true, .. }) => {
            "it has overloads now, and its arguments are passed as one value"
        }
        (Single, Generic { .. }) => {
            "it has overloads now, so its function takes any of theirs and returns what they do"
        }
        (_, Single) => {
            "it has no overloads any more, so its function takes exactly the declared types"
        }
        (_, PlainOnly) => "each overload has only a function named after its types",
        (_, Generic { together: true, .. }) => {
            "its overloads differ in their number of arguments, which are passed as one value now"
        }
        (_, Generic { .. }) => {
            "all its overloads have one number of arguments, which are passed one by one now"
        }
    };
    Some(why.to_owned())
}

/// Whether a list stands where it decides now and did not before. What decides is passed in the
/// forms of a table, what does not in whatever stands for it, item by item.
fn decides_by_more_lists(before: &[usize], now: &[usize], new: &[&Signature]) -> bool {
    let is_list = |position: &usize| {
        new.iter()
            .any(|signature| matches!(signature.arguments.get(*position), Some(Type::List(_))))
    };
    now.iter()
        .filter(|position| !before.contains(position))
        .any(is_list)
}

fn shape(overloads: &[&Signature]) -> OverloadShape {
    shape_of(
        &overloads
            .iter()
            .map(|overload| overload.arguments.clone())
            .collect::<Vec<_>>(),
    )
}
