//! How an overload set is offered in Rust: as one generic function, or only as one plain function
//! per overload.

use crate::model::Rpc;
use crate::types::Type;

/// Maximum number of positions for which the smallest set is searched. For more positions, a
/// faster search finds a small set, which may not be the smallest one.
const MAX_SEARCHED_POSITIONS: usize = 16;

/// How the procedures that share one name are offered in Rust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverloadShape {
    /// There is one procedure. Its function takes the declared types.
    Single,
    /// One function takes the arguments of any overload. The types of the arguments select the
    /// overload.
    Generic {
        /// The smallest set of positions (from 0, ascending) at which any two overloads with the
        /// same number of arguments differ. Of several such sets, it is the one with the lowest
        /// positions. It is empty if no two overloads have the same number of arguments.
        discriminating: Vec<usize>,
        /// Whether the arguments are passed as one value, because the overloads differ in their
        /// number of arguments.
        together: bool,
    },
    /// Each overload has only its plain function, because the generic function could not select
    /// the overload. There are two reasons for this. Two overloads may differ only at positions
    /// where both are `Optional`: a caller's `None` fits both. Or one overload takes a single
    /// tuple, and another one takes as many arguments as the tuple has elements: several arguments
    /// are passed as a tuple, too.
    PlainOnly,
}

/// Returns the shape of the procedures that share one name. All of them have different keys.
pub fn shape(rpcs: &[&Rpc]) -> OverloadShape {
    let types = |rpc: &&Rpc| {
        rpc.parameters
            .iter()
            .map(|parameter| parameter.ty.clone())
            .collect()
    };
    shape_of(&rpcs.iter().map(types).collect::<Vec<_>>())
}

/// Returns the shape of overloads with these argument types.
pub fn shape_of(overloads: &[Vec<Type>]) -> OverloadShape {
    let [first, rest @ ..] = overloads else {
        return OverloadShape::Single;
    };
    if rest.is_empty() {
        return OverloadShape::Single;
    }
    let pairs = differences(overloads);
    if pairs.iter().any(Vec::is_empty) || has_tuple_of_other_arguments(overloads) {
        return OverloadShape::PlainOnly;
    }
    let positions = overloads.iter().map(Vec::len).max().unwrap_or(0);
    let discriminating = if positions <= MAX_SEARCHED_POSITIONS {
        smallest_hitting_set(&pairs, positions)
    } else {
        small_hitting_set(&pairs, positions)
    };
    OverloadShape::Generic {
        discriminating,
        together: rest.iter().any(|other| other.len() != first.len()),
    }
}

fn has_tuple_of_other_arguments(overloads: &[Vec<Type>]) -> bool {
    overloads.iter().any(|types| match types.as_slice() {
        [Type::Tuple(items)] => {
            items.len() > 1 && overloads.iter().any(|other| other.len() == items.len())
        }
        _ => false,
    })
}

/// Returns the positions at which the types of two overloads can be told apart, for every two
/// overloads with the same number of arguments.
fn differences(overloads: &[Vec<Type>]) -> Vec<Vec<usize>> {
    let mut pairs = Vec::new();
    for (index, a) in overloads.iter().enumerate() {
        for b in &overloads[index + 1..] {
            if a.len() == b.len() {
                let types = a.iter().zip(b).enumerate();
                let differing = types.filter(|(_, (a, b))| are_told_apart(a, b));
                pairs.push(differing.map(|(position, _)| position).collect());
            }
        }
    }
    pairs
}

fn are_told_apart(a: &Type, b: &Type) -> bool {
    a != b && !matches!((a, b), (Type::Optional(_), Type::Optional(_)))
}

/// Returns the smallest set that contains at least one position of every pair. Of several such
/// sets, returns the one with the lowest positions.
fn smallest_hitting_set(pairs: &[Vec<usize>], positions: usize) -> Vec<usize> {
    let mut masks: Vec<u32> = pairs
        .iter()
        .map(|pair| pair.iter().fold(0, |mask, at| mask | 1 << at))
        .collect();
    masks.sort_unstable();
    masks.dedup();
    let members =
        |set: u32| -> Vec<usize> { (0..positions).filter(|at| set & 1 << at != 0).collect() };
    let hitting = (0..1_u32 << positions).filter(|set| masks.iter().all(|mask| mask & set != 0));
    hitting
        .map(members)
        .min_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
        .unwrap_or_default()
}

/// Returns a set that contains at least one position of every pair. Adds the position that occurs
/// in most of the remaining pairs, until no pair remains.
fn small_hitting_set(pairs: &[Vec<usize>], positions: usize) -> Vec<usize> {
    let mut remaining: Vec<&Vec<usize>> = pairs.iter().collect();
    let mut set = Vec::new();
    while !remaining.is_empty() {
        let hits = |at: &usize| remaining.iter().filter(|pair| pair.contains(at)).count();
        let Some(best) = (0..positions).rev().max_by_key(hits) else {
            break;
        };
        remaining.retain(|pair| !pair.contains(&best));
        set.push(best);
    }
    set.sort_unstable();
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(overloads: &[&[&str]], expected: &OverloadShape) {
        let parse = |types: &&[&str]| {
            types
                .iter()
                .map(|text| Type::parse(text).expect(text))
                .collect()
        };
        assert_eq!(
            shape_of(&overloads.iter().map(parse).collect::<Vec<_>>()),
            *expected,
            "{overloads:?}"
        );
    }

    #[test]
    fn the_shape_follows_from_where_the_types_differ() {
        let shaped = |positions: &[usize], together| OverloadShape::Generic {
            discriminating: positions.to_vec(),
            together,
        };
        let generic = |positions: &[usize]| shaped(positions, false);
        let together = |positions: &[usize]| shaped(positions, true);
        check(&[&["int"]], &OverloadShape::Single);
        check(&[&["int", "int"], &["float", "float"]], &generic(&[0]));
        check(&[&["int", "int"], &["int", "float"]], &generic(&[1]));
        check(&[&[], &["str"], &["str", "str"]], &together(&[]));
        check(
            &[&["int", "int"], &["int", "str"], &["str", "int"]],
            &generic(&[0, 1]),
        );
        check(
            &[
                &["int", "int", "a"].map(|t| if t == "a" { "bool" } else { t }),
                &["int", "str", "str"],
            ],
            &generic(&[1]),
        );
        check(
            &[
                &["int", "int", "int"],
                &["int", "str", "str"],
                &["str", "int", "bool"],
            ],
            &generic(&[2]),
        );
        check(
            &[&["Optional[int]"], &["Optional[str]"]],
            &OverloadShape::PlainOnly,
        );
        check(&[&["Optional[int]"], &["str"]], &generic(&[0]));
        check(
            &[&["Optional[int]", "int"], &["Optional[str]", "str"]],
            &generic(&[1]),
        );
        check(
            &[&["Optional[int]", "int"], &["Optional[str]", "int"], &[]],
            &OverloadShape::PlainOnly,
        );
        check(
            &[&["Optional[int]"], &["Optional[str]", "int"]],
            &together(&[]),
        );
        check(&[&["int"; 17], &["str"; 17]], &generic(&[0]));
        check(&[&["int"; 40], &["str"; 40], &["bool"; 3]], &together(&[0]));
        check(
            &[&["Tuple[str, int]"], &["str", "int"]],
            &OverloadShape::PlainOnly,
        );
        check(&[&["Tuple[int]"], &["str"]], &generic(&[0]));
    }
}
