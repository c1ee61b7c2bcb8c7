//! Renders a `doc`: as paragraphs, and as code between backticks.

use super::html::Html;

/// Writes the paragraphs of a text. The text may be in any language and writing direction.
pub fn write(html: &mut Html, text: &str) {
    for paragraph in paragraphs(text) {
        html.element("p", &[("dir", "auto")], |html| write_runs(html, &paragraph));
    }
}

/// Splits a text at its empty lines.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.trim().lines() {
        match paragraphs.last_mut() {
            _ if line.trim().is_empty() => paragraphs.push(String::new()),
            Some(open) if open.is_empty() => open.push_str(line.trim_end()),
            Some(open) => open.extend(["\n", line.trim_end()]),
            None => {}
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Writes a paragraph, with the text between two backticks as code. A single backtick stays as it
/// is.
fn write_runs(html: &mut Html, paragraph: &str) {
    let mut rest = paragraph;
    while let Some((before, code, after)) = next_code(rest) {
        html.text(before);
        html.leaf("code", &[], code);
        rest = after;
    }
    html.text(rest);
}

fn next_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_becomes_paragraphs_and_code() {
        for (doc, html) in [
            ("", ""),
            (" \n\n", ""),
            ("adds", "\n<p dir=\"auto\">adds</p>"),
            (
                "a\nb\n\n\nc",
                "\n<p dir=\"auto\">a\nb</p>\n<p dir=\"auto\">c</p>",
            ),
            (
                "adds `a` and `<b>`",
                "\n<p dir=\"auto\">adds <code>a</code> and <code>&lt;b&gt;</code></p>",
            ),
            ("it`s", "\n<p dir=\"auto\">it`s</p>"),
        ] {
            let mut written = Html::default();
            write(&mut written, doc);
            assert_eq!(written.into_string(), html, "{doc:?}");
        }
    }
}
