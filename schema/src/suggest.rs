//! "Did you mean": finds the valid name that is nearest to a mistyped one.

use strsim::osa_distance;

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
    let given = given.to_lowercase();
    let length = given.chars().count();
    if length > MAX_COMPARED_CHARS {
        return None;
    }
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| (osa_distance(&given, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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

    #[test]
    fn long_names_and_late_candidates_are_not_compared() {
        let longest = "a".repeat(MAX_COMPARED_CHARS);
        let too_long = "a".repeat(MAX_COMPARED_CHARS + 1);
        assert_eq!(nearest(&longest, [&*longest]), Some(&*longest));
        assert_eq!(nearest(&too_long, [&*too_long]), None);
        let after = |others| std::iter::repeat_n("unrelated", others).chain(["name"]);
        assert_eq!(nearest("nmae", after(MAX_CANDIDATES - 1)), Some("name"));
        assert_eq!(nearest("nmae", after(MAX_CANDIDATES)), None);
    }
}
