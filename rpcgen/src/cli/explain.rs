//! `rpcgen explain`: what a code stands for.

use std::process::ExitCode;

use rpc_schema::Code;

use super::WRONG_USAGE;
use super::print::{complain, say};

/// Prints what is to be said about a code, or all codes with their rules.
pub(super) fn explain(code: Option<&str>) -> ExitCode {
    match code.map(|written| (written, Code::parse(written))) {
        None => Code::ALL
            .iter()
            .for_each(|code| say(&format!("{code}  {}", code.explanation()))),
        Some((_, Some(code))) => say(&format!("{code}: {}", code.explained().trim_end())),
        Some((written, None)) => {
            complain(&format!(
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
        Some(code) => format!("there is no code `{written}`: the nearest is `{code}`"),
        None => format!("`{written}` is no code: a code is written as in `E051`"),
    }
}

/// The code whose number is nearest, the first of two.
fn nearest(number: u16) -> Option<Code> {
    Code::ALL
        .iter()
        .copied()
        .min_by_key(|code| (*code as u16).abs_diff(number))
}
