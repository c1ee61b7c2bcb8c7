//! [`HelpFlag`]: the flags in the help of a program.

use super::Finished;

/// A flag in the help of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpFlag {
    /// The flag with its dashes, such as `--max-frame`.
    pub name: String,
    /// What its value is called, such as `SIZE`. Empty for a flag without a value.
    pub value: String,
    /// The default value.
    pub default: Option<String>,
    /// What the help says about the flag, with its value and its default.
    pub text: String,
}

/// Returns the flags that a program lists in its help. `heading` is the heading above them, such as
/// `Limits`.
pub fn flags_under(help: &Finished, heading: &str) -> Vec<HelpFlag> {
    let flags = help.stdout.split_once(&format!("\n{heading}:\n"));
    let flags = flags
        .unwrap_or_else(|| panic!("no `{heading}`: {}", help.stdout))
        .1;
    // The next heading begins in the first column.
    let flags = flags
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    let words: Vec<_> = flags.flat_map(str::split_whitespace).collect();
    let words = format!(" {}", words.join(" "));
    let starts: Vec<_> = words
        .match_indices(" --")
        .map(|(at, _)| at)
        .filter(|at| words[at + 3..].starts_with(|c: char| c.is_ascii_lowercase()))
        .chain([words.len()])
        .collect();
    starts
        .windows(2)
        .map(|span| flag(words[span[0]..span[1]].trim()))
        .collect()
}

fn flag(entry: &str) -> HelpFlag {
    let (name, rest) = entry.split_once(' ').unwrap_or((entry, ""));
    let between = |before, after| Some(rest.split_once(before)?.1.split_once(after)?.0.to_owned());
    HelpFlag {
        name: name.to_owned(),
        value: between("<", ">").unwrap_or_default(),
        default: between("[default: ", "]"),
        text: rest.to_owned(),
    }
}
