//! `rpcgen explain`: what a code means.

use std::process::ExitCode;

use rpc_schema::Code;

use super::WRONG_USAGE;
use super::print::{print_stderr, print_unescaped};

/// Prints the explanation of a code, or all codes with their rules.
pub(super) fn explain(code: Option<&str>) -> ExitCode {
    match code.map(|written| (written, Code::parse(written))) {
        None => Code::ALL
            .iter()
            .for_each(|code| print_unescaped(&format!("{code}  {}", code.rule()))),
        Some((_, Some(code))) => {
            print_unescaped(&format!("{code}: {}", code.explanation().trim_end()));
        }
        Some((written, None)) => {
            print_stderr(&format!(
                "error: {}; `rpcgen explain` lists all codes",
                unknown(written)
            ));
            return ExitCode::from(WRONG_USAGE);
        }
    }
    ExitCode::SUCCESS
}

fn unknown(written: &str) -> String {
    let number = written.trim_start_matches(['E', 'e']).parse().ok();
    match number.and_then(nearest) {
        Some(code) => format!("unknown code `{written}`, the nearest is `{code}`"),
        None => format!("invalid code `{written}`, expected one such as `E051`"),
    }
}

/// Returns the code with the nearest number; of two, the lower one.
fn nearest(number: u16) -> Option<Code> {
    Code::ALL
        .iter()
        .copied()
        .min_by_key(|code| (*code as u16).abs_diff(number))
}
