//! "Did you mean": finds the valid name that is nearest to a mistyped one.

/// Maximum length of a mistyped name that is compared. Longer names get no suggestion.
const MAX_COMPARED_CHARS: usize = 40;

/// Maximum number of candidates that are compared. Further candidates are ignored.
const MAX_CANDIDATES: usize = 1_000;

/// Returns the hint "did you mean ...?" if one of the candidates is similar to `given`.
pub fn did_you_mean<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(given, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// Returns the candidate that is nearest to `given`, or the first of several equally near ones.
/// Returns `None` if no candidate is near enough.
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

/// Returns how many letters must be inserted, removed, replaced or swapped with their neighbour to
/// turn `a` into `b` (optimal string alignment distance).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row_before_last = vec![0; b.len() + 1];
    let mut last_row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last_row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last_row[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(row_before_last[j - 2] + 1);
            }
        }
        row_before_last = std::mem::replace(&mut last_row, row);
    }
    last_row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_gets_a_suggestion_and_an_unrelated_word_gets_none() {
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
