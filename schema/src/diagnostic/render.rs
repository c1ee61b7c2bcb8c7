//! Renders a [`Report`] for people, in the style of rustc.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{ExternalPlace, Finding, MAX_FINDINGS, Places, Report};
use crate::visible;

/// Maximum number of findings that are shown. Further findings are only counted.
pub const MAX_RENDERED_FINDINGS: usize = 100;

/// Maximum number of bytes of a line that the renderer gets before a finding. The renderer looks at
/// every character, and a whole file may be a single line.
const MAX_BYTES_BEFORE: usize = 8 * 1024;

/// Maximum number of bytes of a line that the renderer gets from the start of a finding on.
const MAX_BYTES_AFTER: usize = 512;

/// Maximum length of a message, a label or a hint in bytes. They may quote long texts of a file.
const MAX_TEXT_BYTES: usize = 400;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Report {
    /// Returns the whole report as text, with or without colours for a terminal.
    pub fn render(&self, color: bool) -> String {
        let view = ReportView {
            places: self.places(),
            report: self,
        };
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for finding in self.findings.iter().take(MAX_RENDERED_FINDINGS) {
            text += &renderer.render(&view.draw(finding));
            text += "\n\n";
        }
        if !self.has_text() {
            // No summary: the message of the finding names the file already.
            return text.trim_end().to_owned();
        }
        text + &self.summary(&view.places)
    }

    /// Returns the paths of the files that have findings, without hidden characters.
    fn shown_paths(&self, places: &Places<'_>) -> String {
        let mut paths: Vec<String> = self
            .findings
            .iter()
            .map(|finding| shown_path(places.locate(finding.span.start).path))
            .collect();
        paths.dedup();
        paths.join(" and ")
    }

    fn summary(&self, places: &Places<'_>) -> String {
        let path = self.shown_paths(places);
        let hidden = self.findings.len().saturating_sub(MAX_RENDERED_FINDINGS);
        match (self.findings.len(), hidden) {
            (1, _) => format!("1 error in {path}"),
            (count, 0) => format!("{count} errors in {path}"),
            (MAX_FINDINGS, _) => {
                format!("{MAX_FINDINGS} errors or more in {path}; the first are shown")
            }
            (count, hidden) => format!("{count} errors in {path}; {hidden} more are not shown"),
        }
    }
}

/// A report, with what the rendering of every finding needs.
struct ReportView<'r> {
    places: Places<'r>,
    report: &'r Report,
}

/// The part of a line that is shown, and the marked range in it.
struct Excerpt<'r> {
    path: String,
    source: &'r str,
    marked: Range<usize>,
    line: usize,
    column: usize,
    /// Whether the beginning of the line is missing. Then columns cannot be counted in `source`.
    is_cut: bool,
}

impl<'r> ReportView<'r> {
    fn draw(&'r self, finding: &'r Finding) -> Vec<Group<'r>> {
        let title = Level::ERROR
            .primary_title(shorten(&finding.message))
            .id(finding.code.to_string());
        let mut group = Group::with_title(title);
        if !self.report.has_text() {
            group = group.elements(
                finding
                    .hint
                    .as_deref()
                    .map(|hint| Level::HELP.message(shorten(hint))),
            );
            return vec![group];
        }
        let excerpt = self.excerpt(&finding.span);
        let mut groups = Vec::new();
        if excerpt.is_cut {
            let origin = Origin::path(excerpt.path.clone())
                .line(excerpt.line)
                .char_column(excerpt.column);
            groups.push(group.element(origin));
            group = Group::with_level(Level::ERROR);
        }
        group = group.element(snippet(&excerpt, AnnotationKind::Primary, &finding.label));
        if let Some((span, label)) = &finding.related {
            group = group.element(snippet(&self.excerpt(span), AnnotationKind::Context, label));
        }
        if let Some(place) = &finding.elsewhere {
            group = draw_elsewhere(group, place);
        }
        group = group.elements(
            finding
                .hint
                .as_deref()
                .map(|hint| Level::HELP.message(shorten(hint))),
        );
        groups.push(group);
        groups
    }

    /// Returns at most one line of the text. Of a span with several lines, only the first is shown.
    fn excerpt(&self, span: &Range<usize>) -> Excerpt<'r> {
        let (text, lines, text_start) = self.places.text_at(span.start);
        let start = floor_char_boundary(text, span.start - text_start);
        let line_start = lines.start(start);
        let from =
            floor_char_boundary(text, line_start.max(start.saturating_sub(MAX_BYTES_BEFORE)));
        let until = line_end(
            text,
            start,
            floor_char_boundary(text, start + MAX_BYTES_AFTER),
        )
        .max(from);
        let is_cut = from > line_start;
        let from = if is_cut {
            floor_char_boundary(text, start.saturating_sub(64))
        } else {
            from
        };
        let start = start.clamp(from, until);
        let end = floor_char_boundary(text, span.end - text_start).clamp(start, until);
        let located = self.places.locate(text_start + start);
        Excerpt {
            path: shown_path(located.path),
            source: &text[from..until],
            marked: start - from..end - from,
            line: located.line,
            column: located.column,
            is_cut,
        }
    }
}

fn snippet<'r>(
    excerpt: &Excerpt<'r>,
    kind: AnnotationKind,
    label: &str,
) -> Snippet<'r, annotate_snippets::Annotation<'r>> {
    let label = (!label.is_empty()).then(|| shorten(label));
    let path = (!excerpt.is_cut).then(|| excerpt.path.clone());
    Snippet::source(shown_source(excerpt.source))
        .path(path)
        .line_start(excerpt.line)
        .annotation(kind.span(excerpt.marked.clone()).label(label))
}

/// Returns a path without hidden characters.
fn shown_path(path: &Path) -> String {
    visible(&path.display().to_string()).into_owned()
}

/// Returns the offset at which the line of `from` ends, but at most `limit`.
fn line_end(text: &str, from: usize, limit: usize) -> usize {
    let rest = &text[from..limit.max(from)];
    let line = rest.split('\n').next().unwrap_or_default();
    let is_whole = line.len() < rest.len() || limit == text.len();
    from + if is_whole {
        line.trim_end_matches('\r').len()
    } else {
        line.len()
    }
}

/// Adds a place in another file, with its line if the text of the line is known.
fn draw_elsewhere<'r>(group: Group<'r>, place: &'r ExternalPlace) -> Group<'r> {
    let Some(marked) = place.marked() else {
        return group.element(
            Origin::path(visible(&place.path))
                .line(place.line)
                .char_column(place.column),
        );
    };
    let label = (!place.label.is_empty()).then(|| shorten(&place.label));
    let path = visible(&place.path).into_owned();
    let snippet = Snippet::source(shown_source(&place.text))
        .path(path)
        .line_start(place.line);
    group.element(snippet.annotation(AnnotationKind::Primary.span(marked).label(label)))
}

/// Returns a message, a label or a hint without hidden characters, shortened if it is too long. A
/// line break in it comes from a file, so it is escaped, too.
fn shorten(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return visible(text).into_owned();
    }
    format!(
        "{}...",
        visible(&text[..floor_char_boundary(text, MAX_TEXT_BYTES)])
    )
}

/// Returns a line of a file in which hidden characters are replaced. A replacement has as many
/// bytes as the original, because the marks are byte ranges. The renderer itself replaces hidden
/// ASCII characters and bidirectional controls.
fn shown_source(text: &str) -> Cow<'_, str> {
    let is_replaced = |letter: char| {
        !letter.is_ascii() && matches!(visible(letter.encode_utf8(&mut [0; 4])), Cow::Owned(_))
    };
    if !text.contains(is_replaced) {
        return Cow::Borrowed(text);
    }
    let replaced = |letter: char| match letter.len_utf8() {
        _ if !is_replaced(letter) => letter,
        2 => '\u{b7}',
        3 => '\u{fffd}',
        _ => '\u{1f7a8}',
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// Returns the last character boundary that is at or before a byte offset.
fn floor_char_boundary(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::diagnostic::Code;

    #[test]
    fn control_characters_of_a_file_do_not_reach_the_terminal() {
        let hostile = "\u{1b}[31m\u{9b}31m\u{202e}\u{2028}";
        let text = format!("# {hostile}\nnetwork: [{hostile}]");
        let at = text.len() - 2;
        let place = ExternalPlace {
            path: format!("f{hostile}.py"),
            line: 1,
            column: 2,
            end_column: 3,
            text: format!("a{hostile}"),
            label: hostile.to_owned(),
        };
        let message = format!("message {hostile}\nsecond line");
        let finding = Finding::new(Code::Syntax, at..at + 1, message)
            .label(hostile)
            .hint(hostile)
            .elsewhere(place);
        let shown =
            Report::new(Path::new(&format!("p{hostile}.yaml")), &text, vec![finding]).render(false);
        assert!(
            !shown.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}']),
            "{shown:?}"
        );
        assert!(
            shown.contains(r"message \u001b[31m\u009b31m\u202e\u2028\nsecond line"),
            "{shown}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_in_one_line() {
        let finding = Finding::new(
            Code::Unreadable,
            0..0,
            "cannot read `a/init.yaml`: no such file",
        );
        let report = Report::new(Path::new("a/init.yaml"), "", vec![finding]);
        assert_eq!(
            report.to_string(),
            "error[E001]: cannot read `a/init.yaml`: no such file"
        );
    }

    #[test]
    fn an_empty_file_is_named_in_its_report() {
        let finding = Finding::new(Code::MissingKey, 0..0, "the file has no `network`");
        let rendered = Report::new(Path::new("a/init.yaml"), "", vec![finding]).to_string();
        assert!(rendered.contains("--> a/init.yaml:1:1"), "{rendered}");
        assert!(rendered.ends_with("1 error in a/init.yaml"), "{rendered}");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{}here{}", "å, ".repeat(400_000), " and on".repeat(100_000));
        let at = text.find("here").expect("it is there");
        let finding = Finding::new(Code::Syntax, at..text.len(), "x".repeat(100_000)).label("it");
        let rendered = Report::new(Path::new("f"), &text, vec![finding]).to_string();
        assert!(rendered.len() < 2_000, "{}", rendered.len());
        assert!(rendered.contains("f:1:1200001"), "{rendered}");
        assert!(rendered.contains("^^^^"), "{rendered}");
    }

    #[test]
    fn a_place_in_another_file_is_drawn_with_its_path_and_line() {
        let draw = |place: ExternalPlace| {
            let finding = Finding::new(Code::WrongArity, 6..10, "it takes 1 argument")
                .label("declared here")
                .hint("give it another")
                .elsewhere(place);
            Report::new(Path::new("init.yaml"), "path: f.py\n", vec![finding]).to_string()
        };
        let place = ExternalPlace {
            path: "f.py".to_owned(),
            line: 120,
            column: 5,
            end_column: 6,
            text: "def f(x):".to_owned(),
            label: "one".to_owned(),
        };
        let expected = "\
error[E085]: it takes 1 argument
   --> init.yaml:1:7
    |
  1 | path: f.py
    |       ^^^^ declared here
    |
   ::: f.py:120:5
    |
120 | def f(x):
    |     ^ one
    |
    = help: give it another

1 error in init.yaml";
        assert_eq!(draw(place.clone()), expected);
        let beyond = draw(ExternalPlace {
            column: 500,
            end_column: 501,
            ..place.clone()
        });
        assert!(
            beyond.contains("f.py:120:500") && !beyond.contains("def f"),
            "{beyond}"
        );
        let empty = draw(ExternalPlace {
            line: 1,
            column: 1,
            end_column: 1,
            text: String::new(),
            ..place.clone()
        });
        assert!(empty.contains("f.py:1:1"), "{empty}");
        let long = ExternalPlace {
            text: "å".repeat(100_000),
            label: "x".repeat(100_000),
            ..place
        };
        assert!(draw(long).len() < 3_000);
    }

    #[test]
    fn findings_after_the_first_hundred_are_only_counted() {
        let findings = (0..250)
            .map(|at| Finding::new(Code::Syntax, at..at + 1, "wrong"))
            .collect();
        let rendered = Report::new(Path::new("f"), "a\n".repeat(200), findings).to_string();
        assert_eq!(
            rendered.matches("error[E003]").count(),
            MAX_RENDERED_FINDINGS
        );
        assert!(rendered.ends_with("250 errors in f; 150 more are not shown"));
    }
}
