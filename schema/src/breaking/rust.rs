//! Changes that break Rust sources although calls still work: changes of how the overloads of a
//! procedure are called.

use crate::overloads::OverloadShape::{self, Generic, PlainOnly, Single};
use crate::overloads::shape_of;
use crate::signature::Signature;
use crate::types::Type;

/// Returns why Rust sources that call these overloads may have to change. Returns `None` if they
/// need not change, or if no old overload can be called any more.
pub(super) fn why_source_breaks(old: &[&Signature], new: &[&Signature]) -> Option<String> {
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
            "other arguments now select its overload, and lists can be passed for these arguments in fewer forms"
        }
        (Single, PlainOnly) => {
            "it now has overloads, and each has only a function named after its types"
        }
        (Single, Generic { together: true, .. }) => {
            "it now has overloads, and its arguments are passed as one value"
        }
        (Single, Generic { .. }) => {
            "it now has overloads, so the types of the arguments decide what its function returns"
        }
        (_, Single) => {
            "it no longer has overloads, so its function takes exactly the declared types"
        }
        (_, PlainOnly) => "each overload has only a function named after its types",
        (_, Generic { together: true, .. }) => {
            "its overloads differ in their number of arguments, which are now passed as one value"
        }
        (_, Generic { .. }) => {
            "all its overloads have the same number of arguments, which are now passed one by one"
        }
    };
    Some(why.to_owned())
}

/// Returns whether a list is at a position that selects the overload now, but did not before. An
/// argument that selects the overload can be passed only in a fixed set of forms. Any other list
/// can be passed in every form that works item by item.
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
