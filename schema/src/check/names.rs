//! Names that are declared beside each other.

use std::collections::HashMap;
use std::ops::Range;

use crate::diagnostic::{Code, Finding, Findings};
use crate::name::Name;
use crate::suggest::did_you_mean;

/// Among more names than this a mistyped one is not looked for.
const MAX_HINTED_NAMES: usize = 1_000;

/// The names of one kind of thing, as far as they are declared.
pub(super) struct Names {
    /// What is named: `server`, `client`, ...
    what: &'static str,
    /// Each name with its first place, whether it is a good name or not.
    first: HashMap<String, Range<usize>>,
    /// Each name in lower case, with the first one spelt so.
    folded: HashMap<String, String>,
}

impl Names {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            first: HashMap::new(),
            folded: HashMap::new(),
        }
    }

    /// Declares a name that nothing else of this kind has.
    pub(super) fn declare(
        &mut self,
        text: &str,
        span: Range<usize>,
        findings: &mut Findings,
    ) -> Option<Name> {
        if let Some(first) = self.first.get(text) {
            let message = format!("there are two {}s called `{text}`", self.what);
            findings.push(
                Finding::new(Code::DuplicateName, span, message)
                    .related(first.clone(), "the first is here"),
            );
            return None;
        }
        self.declare_again(text, span, findings)
    }

    /// Declares a name that several things of this kind may have.
    pub(super) fn declare_again(
        &mut self,
        text: &str,
        span: Range<usize>,
        findings: &mut Findings,
    ) -> Option<Name> {
        let name = check_name(text, &span, findings);
        if self.first.contains_key(text) {
            return name;
        }
        self.first.insert(text.to_owned(), span.clone());
        let other = self
            .folded
            .entry(text.to_lowercase())
            .or_insert_with(|| text.to_owned());
        if name.is_none() || other == text {
            return name;
        }
        let message = format!(
            "the {} `{text}` differs from `{other}` in upper and lower case alone",
            self.what
        );
        let finding =
            Finding::new(Code::NamesDifferInCase, span, message).hint("rename one of the two");
        findings.push(finding.related(self.first[other].clone(), "the other is here"));
        None
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.first.contains_key(text)
    }

    /// Where a name was declared first.
    pub(super) fn first(&self, text: &str) -> Option<&Range<usize>> {
        self.first.get(text)
    }

    /// A hint for a text that is none of these names.
    pub(super) fn hint(&self, text: &str) -> Option<String> {
        if self.first.len() > MAX_HINTED_NAMES {
            return None;
        }
        let mut names: Vec<&str> = self.first.keys().map(String::as_str).collect();
        names.sort_unstable();
        did_you_mean(text, names.iter().copied()).or_else(|| match names[..] {
            [] => Some(format!("no {} is declared", self.what)),
            _ if names.len() <= 8 => Some(format!("the {}s are {}", self.what, names.join(", "))),
            _ => None,
        })
    }
}

pub(super) fn check_name(text: &str, span: &Range<usize>, findings: &mut Findings) -> Option<Name> {
    let error = match Name::new(text) {
        Ok(name) => return Some(name),
        Err(error) => error,
    };
    let message = if text.is_empty() {
        error.to_string()
    } else {
        format!("`{text}` is no name: {error}")
    };
    let finding = Finding::new(Code::BadName, span.clone(), message);
    let plain: String = text
        .trim_start_matches(|first: char| !first.is_ascii_alphabetic())
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let better = [plain.clone(), format!("{plain}_")]
        .into_iter()
        .find(|text| Name::new(text).is_ok());
    findings.push(finding.maybe_hint(better.map(|name| format!("write `{name}`, for example"))));
    None
}
