//! Numbers that a decoder cannot hold.

use std::ops::Range;

use crate::diagnostic::{Code, Finding};

/// Maximum number of digits that a message repeats.
const MAX_SHOWN_DIGITS: usize = 40;

/// Returns whether YAML reads a plain scalar as an integer that does not fit in 64 bits.
pub(super) fn exceeds_64_bits(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match unsigned.as_bytes() {
        [b'0', b'x', ..] => (&unsigned[2..], 16),
        [b'0', b'o', ..] => (&unsigned[2..], 8),
        [b'0', b'b', ..] => (&unsigned[2..], 2),
        [b'1'..=b'9', ..] => (unsigned, 10),
        _ => return false,
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return false;
    }
    match (u64::from_str_radix(digits, radix), text.starts_with('-')) {
        (Ok(number), true) => number > i64::MIN.unsigned_abs(),
        (Ok(_), false) => false,
        (Err(_), _) => true,
    }
}

pub(super) fn too_large(text: &str, span: &Range<usize>) -> Finding {
    let message = if text.len() <= MAX_SHOWN_DIGITS {
        format!("the number `{text}` does not fit in 64 bits")
    } else {
        format!(
            "this number does not fit in 64 bits; it has {} characters",
            text.len()
        )
    };
    Finding::new(Code::WrongKind, span.clone(), message)
        .hint("write a smaller number, or put it in quotes if it is text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_too_large_exactly_if_serde_yaml_does_not_hold_it_as_an_integer() {
        for text in [
            "0",
            "1",
            "-1",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999999999999999999999999999999999",
            "0xffffffffffffffff",
            "0x10000000000000000",
            "0b11",
            "0o7",
            "+18446744073709551616",
            "007",
        ] {
            let holds = serde_yaml::from_str::<serde_yaml::Value>(text)
                .is_ok_and(|value| value.is_i64() || value.is_u64() || value.is_string());
            assert_eq!(exceeds_64_bits(text), !holds, "{text}");
        }
        for text in ["1.5", "1e400", "127.0.0.1", "1_000", "a", "", "0x", "-"] {
            assert!(!exceeds_64_bits(text), "{text}");
        }
    }
}
