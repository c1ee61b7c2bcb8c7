//! A [`Report`] as people read it, drawn by rustc's own renderer.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Elsewhere, Finding, Lines, MAX_FINDINGS, Report};
use crate::visible;

/// How many findings are drawn; of the others only the number is told.
pub const MAX_RENDERED_FINDINGS: usize = 100;

/// How much of a line is given to the renderer, before and after the place in question. It looks at
/// every character that it is given, and a file may be a single line.
const MAX_BYTES_BEFORE: usize = 8 * 1024;
const MAX_BYTES_AFTER: usize = 512;

/// How long a message, a label or a hint may be; they quote what a file says.
const MAX_TEXT_BYTES: usize = 400;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Report {
    /// The whole report as text, with colours for a terminal or without.
    pub fn render(&self, color: bool) -> String {
        let page = Page {
            path: self.shown_path(),
            lines: self.lines(),
            report: self,
        };
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for finding in self.findings.iter().take(MAX_RENDERED_FINDINGS) {
            text += &renderer.render(&page.draw(finding));
            text += "\n\n";
        }
        if !self.has_text() {
            // The finding names the file.
            return text.trim_end().to_owned();
        }
        text + &self.summary()
    }

    /// The path as a person sees it.
    fn shown_path(&self) -> String {
        visible(&self.path.display().to_string()).into_owned()
    }

    fn summary(&self) -> String {
        let path = self.shown_path();
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

struct Page<'r> {
    path: String,
    lines: Lines<'r>,
    report: &'r Report,
}

/// The part of a line that is drawn, and what is marked in it.
struct Excerpt<'r> {
    source: &'r str,
    marked: Range<usize>,
    line: usize,
    column: usize,
    /// Whether the beginning of the line is missing, so that columns cannot be counted in `source`.
    cut: bool,
}

impl<'r> Page<'r> {
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
        if excerpt.cut {
            let origin = Origin::path(&self.path)
                .line(excerpt.line)
                .char_column(excerpt.column);
            groups.push(group.element(origin));
            group = Group::with_level(Level::ERROR);
        }
        group = group.element(self.snippet(&excerpt, AnnotationKind::Primary, &finding.label));
        if let Some((span, label)) = &finding.related {
            group =
                group.element(self.snippet(&self.excerpt(span), AnnotationKind::Context, label));
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

    fn snippet(
        &'r self,
        excerpt: &Excerpt<'r>,
        kind: AnnotationKind,
        label: &str,
    ) -> Snippet<'r, annotate_snippets::Annotation<'r>> {
        let label = (!label.is_empty()).then(|| shorten(label));
        let path = (!excerpt.cut).then_some(self.path.as_str());
        Snippet::source(shown_source(excerpt.source))
            .path(path)
            .line_start(excerpt.line)
            .annotation(kind.span(excerpt.marked.clone()).label(label))
    }

    /// One line of the text at most: of a place that spans more, the first is enough to find it.
    fn excerpt(&self, span: &Range<usize>) -> Excerpt<'r> {
        let text: &'r str = &self.report.text;
        let start = floor(text, span.start);
        let line_start = self.lines.start(start);
        let from = floor(text, line_start.max(start.saturating_sub(MAX_BYTES_BEFORE)));
        let until = line_end(text, start, floor(text, start + MAX_BYTES_AFTER)).max(from);
        let cut = from > line_start;
        let from = if cut {
            floor(text, start.saturating_sub(64))
        } else {
            from
        };
        let start = start.clamp(from, until);
        let end = floor(text, span.end).clamp(start, until);
        let (line, column) = self.lines.position(start);
        Excerpt {
            source: &text[from..until],
            marked: start - from..end - from,
            line,
            column,
            cut,
        }
    }
}

/// Where the line that holds `from` ends, or `limit` when it does not end before.
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

/// Adds a place in another file, with its line where that is at hand.
fn draw_elsewhere<'r>(group: Group<'r>, place: &'r Elsewhere) -> Group<'r> {
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

/// A message, a label or a hint as a person sees it. These are single lines; a line break is what a
/// file says.
fn shorten(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return visible(text).into_owned();
    }
    format!("{}...", visible(&text[..floor(text, MAX_TEXT_BYTES)]))
}

/// A line of a file, in which characters that are not seen as themselves are replaced by others of
/// as many bytes, since marks are counted in bytes. The renderer itself does that for ASCII and for
/// bidirectional controls.
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

/// The last boundary between characters that is not behind a byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn nothing_that_a_file_says_reaches_the_terminal_as_it_is() {
        let hostile = "\u{1b}[31m\u{9b}31m\u{202e}\u{2028}";
        let text = format!("# {hostile}\nnetwork: [{hostile}]");
        let at = text.len() - 2;
        let place = Elsewhere {
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
    use crate::diagnostic::Code;

    #[test]
    fn a_file_without_text_is_reported_in_one_line() {
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
    fn an_empty_file_is_named_all_the_same() {
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
        let draw = |place: Elsewhere| {
            let finding = Finding::new(Code::WrongArity, 6..10, "it takes 1 argument")
                .label("declared here")
                .hint("give it another")
                .elsewhere(place);
            Report::new(Path::new("init.yaml"), "path: f.py\n", vec![finding]).to_string()
        };
        let place = Elsewhere {
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
        let beyond = draw(Elsewhere {
            column: 500,
            end_column: 501,
            ..place.clone()
        });
        assert!(
            beyond.contains("f.py:120:500") && !beyond.contains("def f"),
            "{beyond}"
        );
        let empty = draw(Elsewhere {
            line: 1,
            column: 1,
            end_column: 1,
            text: String::new(),
            ..place.clone()
        });
        assert!(empty.contains("f.py:1:1"), "{empty}");
        let long = Elsewhere {
            text: "å".repeat(100_000),
            label: "x".repeat(100_000),
            ..place
        };
        assert!(draw(long).len() < 3_000);
    }

    #[test]
    fn beyond_a_hundred_findings_only_the_number_is_told() {
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
