//! [`Answer`]: what Python found, and how that becomes a [`Finding`].

use rpc_schema::{Code, Document, Elsewhere, Finding, did_you_mean};
use serde::Deserialize;

use crate::request::Place;

/// What a Python process answers about one file.
#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) findings: Vec<Found>,
}

/// One thing that is wrong.
#[derive(Deserialize)]
pub(crate) struct Found {
    rule: Rule,
    message: String,
    /// Its number among the places of the request.
    place: usize,
    /// Where in the file; `None` where that cannot be read.
    spot: Option<Spot>,
    hint: Option<String>,
    /// The functions that there are, where one is missing.
    #[serde(default)]
    similar: Vec<Function>,
    /// The names that there are, where one of them may have been meant.
    meant: Option<Meant>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Unreadable,
    Syntax,
    Missing,
    Arity,
    Parameter,
    Annotation,
    Import,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Spot {
    line: usize,
    column: usize,
    end_column: usize,
    text: String,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    spot: Spot,
}

#[derive(Deserialize)]
struct Meant {
    written: String,
    known: Vec<String>,
}

impl Found {
    /// A file that was not read to its end, and how many behind it were not read at all.
    pub(crate) fn unfinished(place: usize, message: String, unread: usize) -> Self {
        let hint = match unread {
            0 => None,
            1 => Some("1 more file was not read".to_owned()),
            _ => Some(format!("{unread} more files were not read")),
        };
        Self {
            rule: Rule::Syntax,
            message,
            place,
            spot: None,
            hint,
            similar: Vec::new(),
            meant: None,
        }
    }

    /// The finding, at its place in `init.yaml` and in the file; `None` where the answer names a
    /// place that there is not.
    pub(crate) fn finding(mut self, document: &Document, places: &[Place<'_>]) -> Option<Finding> {
        let place = places.get(self.place)?;
        let mut label = "";
        if let Some((function, hint)) = self.take_similar(place) {
            self.hint = Some(hint);
            self.spot = Some(function.spot);
            label = "a similar name";
        }
        let meant = self.meant.as_ref();
        let meant = meant
            .and_then(|meant| did_you_mean(&meant.written, meant.known.iter().map(String::as_str)));
        self.hint = meant.or(self.hint);
        let message = match self.rule {
            Rule::Unreadable => format!("cannot read `{}`: {}", place.path, self.message),
            _ => self.message,
        };
        let finding = Finding::new(self.rule.code(), place.span.clone(), message)
            .label(place.label(self.rule))
            .maybe_hint(self.hint);
        let Some(spot) = self.spot else {
            return Some(finding);
        };
        let path = document
            .path()
            .with_file_name(place.path)
            .display()
            .to_string();
        Some(finding.elsewhere(spot.elsewhere(path, label)))
    }

    /// The function whose name is nearest to the one that is missing, and the hint that names it.
    fn take_similar(&mut self, place: &Place<'_>) -> Option<(Function, String)> {
        let missing = place.procedure?;
        let hint = did_you_mean(
            missing,
            self.similar.iter().map(|function| function.name.as_str()),
        )?;
        let names_it = |function: &Function| {
            did_you_mean(missing, [function.name.as_str()]).as_ref() == Some(&hint)
        };
        let at = self.similar.iter().position(names_it)?;
        Some((self.similar.swap_remove(at), hint))
    }
}

impl Rule {
    fn code(self) -> Code {
        match self {
            Self::Unreadable => Code::SourceMissing,
            Self::Syntax => Code::SourceSyntax,
            Self::Missing => Code::FunctionMissing,
            Self::Arity => Code::WrongArity,
            Self::Parameter => Code::WrongParameterName,
            Self::Annotation => Code::WrongAnnotation,
            Self::Import => Code::ImportNotShipped,
        }
    }

    /// Whether it is about a file as a whole.
    fn is_about_the_file(self) -> bool {
        matches!(
            self,
            Self::Unreadable | Self::Syntax | Self::Missing | Self::Import
        )
    }
}

impl Place<'_> {
    /// What to write below the place in `init.yaml`.
    fn label(&self, rule: Rule) -> String {
        match (rule.is_about_the_file(), self.is_written) {
            (true, true) => "this file".to_owned(),
            (true, false) => format!("its file is `{}`", self.path),
            (false, _) => "declared here".to_owned(),
        }
    }
}

impl Spot {
    fn elsewhere(self, path: String, label: &str) -> Elsewhere {
        let Self {
            line,
            column,
            end_column,
            text,
        } = self;
        Elsewhere {
            path,
            line,
            column,
            end_column,
            text,
            label: label.to_owned(),
        }
    }
}
