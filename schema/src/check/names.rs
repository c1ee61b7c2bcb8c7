//! The names of things of one kind, such as all servers or all procedures of a service.

use std::collections::HashMap;
use std::ops::Range;

use crate::diagnostic::{Code, Finding, Findings};
use crate::name::{Name, NameError};
use crate::suggest::did_you_mean;

/// Maximum number of names among which a similar name is searched for a hint.
const MAX_HINTED_NAMES: usize = 1_000;

/// The declared names of one kind.
pub(super) struct Names {
    /// The kind in words: `server`, `client`, ...
    kind: &'static str,
    /// The span of the first declaration of each name, valid or not.
    first: HashMap<String, Range<usize>>,
    /// The first name with each spelling in lower case.
    by_lower_case: HashMap<String, String>,
}

impl Names {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            first: HashMap::new(),
            by_lower_case: HashMap::new(),
        }
    }

    /// Declares a name that must be unique.
    pub(super) fn declare(
        &mut self,
        text: &str,
        span: Range<usize>,
        findings: &mut Findings,
    ) -> Option<Name> {
        if let Some(first) = self.first.get(text) {
            let message = format!("there are two {}s called `{text}`", self.kind);
            findings.push(
                Finding::new(Code::DuplicateName, span, message)
                    .related(first.clone(), "the first is here"),
            );
            return None;
        }
        self.declare_shared(text, span, findings)
    }

    /// Declares a name that several things of this kind may share.
    pub(super) fn declare_shared(
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
            .by_lower_case
            .entry(text.to_lowercase())
            .or_insert_with(|| text.to_owned());
        if name.is_none() || other == text {
            return name;
        }
        let message = format!(
            "the {} `{text}` differs from `{other}` only in upper and lower case",
            self.kind
        );
        let finding =
            Finding::new(Code::NamesDifferInCase, span, message).hint("rename one of the two");
        findings.push(finding.related(self.first[other].clone(), "the other is here"));
        None
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.first.contains_key(text)
    }

    /// Returns the span of the first declaration of a name.
    pub(super) fn first(&self, text: &str) -> Option<&Range<usize>> {
        self.first.get(text)
    }

    /// Returns a hint for a text that is not one of these names.
    pub(super) fn hint(&self, text: &str) -> Option<String> {
        if self.first.len() > MAX_HINTED_NAMES {
            return None;
        }
        let mut names: Vec<&str> = self.first.keys().map(String::as_str).collect();
        names.sort_unstable();
        did_you_mean(text, names.iter().copied()).or_else(|| match names[..] {
            [] => Some(format!("no {} is declared", self.kind)),
            _ if names.len() <= 8 => Some(format!("the {}s are {}", self.kind, names.join(", "))),
            _ => None,
        })
    }
}

/// Checks a name. The hint for an invalid name is the nearest valid one, if there is one.
pub(super) fn check_name(text: &str, span: &Range<usize>, findings: &mut Findings) -> Option<Name> {
    let error = match Name::new(text) {
        Ok(name) => return Some(name),
        Err(error) => error,
    };
    let message = if text.is_empty() || matches!(error, NameError::TooLong(_)) {
        error.to_string()
    } else {
        format!("invalid name `{text}`: {error}")
    };
    let finding = Finding::new(Code::BadName, span.clone(), message);
    let plain: String = text
        .trim_start_matches(|first: char| !first.is_ascii_alphabetic())
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let valid = [plain.clone(), format!("{plain}_")]
        .into_iter()
        .find(|text| Name::new(text).is_ok());
    findings.push(finding.maybe_hint(valid.map(|name| format!("write `{name}`, for example"))));
    None
}
