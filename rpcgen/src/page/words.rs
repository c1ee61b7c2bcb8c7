//! Numbers, lists and limits in words.

use std::time::Duration;

/// Returns a number with its noun: `1 service`, `2 services`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Maximum number of listed names. The other names are only counted.
const MAX_LISTED: usize = 8;

/// Returns a list of names: `a, b and c`, or `a, b, c and 7 more`; `None` if there are no names.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    if let Some(more) = names.len().checked_sub(MAX_LISTED).filter(|more| *more > 1) {
        return Some(format!(
            "{} and {more} more",
            names[..MAX_LISTED].join(", ")
        ));
    }
    let (last, rest) = names.split_last()?;
    Some(if rest.is_empty() {
        (*last).to_owned()
    } else {
        format!("{} and {last}", rest.join(", "))
    })
}

/// Returns a duration: `5 s`, `1500 ms`.
pub fn duration(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

/// Returns a size in the largest unit that gives a whole number: `512 MiB`.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units
        .iter()
        .find(|(_, bits)| bytes.trailing_zeros() >= *bits);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(name, bits)| format!("{} {name}", bytes >> bits),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_and_lists_agree_with_their_numbers() {
        assert_eq!(
            [count(0, "client"), count(1, "client")],
            ["0 clients", "1 client"]
        );
        assert_eq!(listed([].into_iter()), None);
        assert_eq!(listed(["a"].into_iter()).as_deref(), Some("a"));
        assert_eq!(
            listed(["a", "b", "c"].into_iter()).as_deref(),
            Some("a, b and c")
        );
        assert_eq!(
            listed(["a"; 9].into_iter()).as_deref(),
            Some("a, a, a, a, a, a, a, a and a")
        );
        assert_eq!(
            listed(["a"; 10].into_iter()).as_deref(),
            Some("a, a, a, a, a, a, a, a and 2 more")
        );
        assert_eq!(duration(Duration::from_millis(1500)), "1500 ms");
        assert_eq!(duration(Duration::from_hours(1)), "3600 s");
        assert_eq!(
            [size(512 << 20), size(3 << 30), size(1000)],
            ["512 MiB", "3 GiB", "1000 bytes"]
        );
    }
}
