//! [`FileAnswer`]: the answer of Python about one file, and its conversion to [`Finding`]s.

use rpc_schema::{Code, Document, ExternalPlace, Finding, did_you_mean};
use serde::Deserialize;

use crate::request::FilePlace;

/// The answer of a Python process about one file.
#[derive(Deserialize)]
pub(crate) struct FileAnswer {
    pub(crate) findings: Vec<SourceFinding>,
}

/// One mistake in a source.
#[derive(Deserialize)]
pub(crate) struct SourceFinding {
    rule: Rule,
    message: String,
    /// The index of the place in `init.yaml`, among the places of the request.
    place: usize,
    /// The place in the file; `None` if the file cannot be read.
    spot: Option<SourceSpan>,
    hint: Option<String>,
    /// If a function is missing, the functions that the file has.
    #[serde(default)]
    similar: Vec<Function>,
    /// If a name is unknown, the name and the names that exist instead.
    meant: Option<UnknownName>,
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
struct SourceSpan {
    line: usize,
    column: usize,
    end_column: usize,
    text: String,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    spot: SourceSpan,
}

#[derive(Deserialize)]
struct UnknownName {
    written: String,
    known: Vec<String>,
}

impl SourceFinding {
    /// Creates a finding about a file that was not read completely. `unread` is the number of files
    /// after it that were not read at all.
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

    /// Converts this to a finding with its places in `init.yaml` and in the file. Returns `None` if
    /// the answer has an invalid index of a place.
    pub(crate) fn finding(
        mut self,
        document: &Document,
        places: &[FilePlace<'_>],
    ) -> Option<Finding> {
        let place = places.get(self.place)?;
        let mut label = "";
        if let Some((function, hint)) = self.take_similar(place) {
            self.hint = Some(hint);
            self.spot = Some(function.spot);
            label = "a similar name";
        }
        let suggestion = self.meant.as_ref().and_then(|unknown| {
            did_you_mean(&unknown.written, unknown.known.iter().map(String::as_str))
        });
        self.hint = suggestion.or(self.hint);
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

    /// Returns the function with the name that is most similar to the missing one, and a hint.
    fn take_similar(&mut self, place: &FilePlace<'_>) -> Option<(Function, String)> {
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

    /// Returns whether the rule is about a file as a whole.
    fn is_about_the_file(self) -> bool {
        matches!(
            self,
            Self::Unreadable | Self::Syntax | Self::Missing | Self::Import
        )
    }
}

impl FilePlace<'_> {
    /// Returns the label under the place in `init.yaml`.
    fn label(&self, rule: Rule) -> String {
        match (rule.is_about_the_file(), self.is_written) {
            (true, true) => "this file".to_owned(),
            (true, false) => format!("its file is `{}`", self.path),
            (false, _) => "declared here".to_owned(),
        }
    }
}

impl SourceSpan {
    fn elsewhere(self, path: String, label: &str) -> ExternalPlace {
        let Self {
            line,
            column,
            end_column,
            text,
        } = self;
        ExternalPlace {
            path,
            line,
            column,
            end_column,
            text,
            label: label.to_owned(),
        }
    }
}
