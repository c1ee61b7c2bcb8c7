//! Durations and sizes: whole numbers with a unit.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;

/// The units of a duration, in milliseconds.
pub(crate) const MILLISECONDS: [(&str, u64); 4] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
/// The units of a size, in bytes.
pub(crate) const BYTES: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

pub(super) fn check_duration(
    text: &str,
    at: Place<'_>,
    findings: &mut Findings,
) -> Option<Duration> {
    let millis = quantity(text, &MILLISECONDS);
    if millis.is_none() {
        let message = format!("invalid duration `{text}`");
        let hint = "write a whole number above 0 with its unit: `250ms`, `5s`, `2m`, `1h`";
        findings.push(Finding::new(Code::BadDuration, at.span(), message).hint(hint));
    }
    millis.map(|millis| Duration::from_millis(millis.get()))
}

pub(super) fn check_size(text: &str, at: Place<'_>, findings: &mut Findings) -> Option<NonZeroU64> {
    let bytes = quantity(text, &BYTES);
    if bytes.is_none() {
        let message = format!("invalid size `{text}`");
        let hint = "write a whole number above 0 with its unit: `64KiB`, `512MiB`, `2GiB`";
        findings.push(Finding::new(Code::BadSize, at.span(), message).hint(hint));
    }
    bytes
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<NonZeroU64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, scale) = units
        .iter()
        .find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    NonZeroU64::new(number.parse::<u64>().ok()?.checked_mul(*scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_whole_number_with_a_unit() {
        for (text, millis) in [
            ("5s", Some(5_000)),
            ("250ms", Some(250)),
            ("2 m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("0s", None),
            ("5", None),
            ("s", None),
            ("", None),
            ("1.5s", None),
            ("-1s", None),
            ("5S", None),
            ("99999999999999999999h", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(
                quantity(text, &MILLISECONDS).map(NonZeroU64::get),
                millis,
                "{text}"
            );
        }
        assert_eq!(
            quantity("512MiB", &BYTES).map(NonZeroU64::get),
            Some(512 << 20)
        );
        assert_eq!(quantity("512MB", &BYTES), None);
    }
}
