//! "Did you mean": the nearest of the names that would have been right.

/// Longer names than this are not compared; nobody mistypes them.
const MAX_COMPARED_CHARS: usize = 40;

/// Among more candidates than this none is looked for.
const MAX_CANDIDATES: usize = 1_000;

/// A hint that names the candidate which a slip of the fingers turns into `given`, if there is one.
pub fn did_you_mean<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(given, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// The candidate nearest to `given`, the first of those that are equally near.
fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = given.to_lowercase().chars().collect();
    if given.len() > MAX_COMPARED_CHARS {
        return None;
    }
    let limit = (given.len() / 3).max(1);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.chars().count().abs_diff(given.len()) <= limit)
        .map(|candidate| {
            (
                distance(
                    &given,
                    &candidate.to_lowercase().chars().collect::<Vec<_>>(),
                ),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters are to be inserted, removed, replaced or swapped with their neighbour (optimal
/// string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["server1", "server2", "client1", "tenants", "ip"];
        for (given, meant) in [
            ("sever1", Some("server1")),
            ("Server2", Some("server2")),
            ("clinet1", Some("client1")),
            ("tenant", Some("tenants")),
            ("pi", Some("ip")),
            ("server9", Some("server1")),
            ("provider", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names), meant, "{given}");
        }
    }
}
