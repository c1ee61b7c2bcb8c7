//! [`Html`]: writes a page. Text from a file can never become markup.
//!
//! Tags and attribute names are `'static`, so they come from this crate. All other text is escaped.
//! An element is closed when its content has been written.

/// A page, or the part of it that is written so far.
#[derive(Debug, Default)]
pub struct Html(String);

/// Attributes with their values. An attribute with an empty value is written without a value.
pub type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Elements that begin on a new line. White space before them has no meaning.
const ON_ITS_OWN_LINE: [&str; 27] = [
    "article", "aside", "body", "dd", "details", "div", "dl", "dt", "footer", "g", "h1", "h2",
    "h3", "h4", "h5", "head", "header", "li", "main", "meta", "nav", "p", "path", "pre", "section",
    "svg", "ul",
];

impl Html {
    /// Creates a page that begins with this text, which is not escaped.
    pub fn beginning(with: &'static str) -> Self {
        Self(with.to_owned())
    }

    /// Writes text.
    pub fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// Writes an element and its content.
    pub fn element(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        content(self);
        self.close(tag);
    }

    /// Writes an element that contains only text.
    pub fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// Writes an element that never has content: `input`, `meta`, `link`.
    pub fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
    }

    /// Writes an element whose content is not parsed as HTML: `style`, `script`.
    pub fn opaque(&mut self, tag: &'static str, content: &'static str) {
        debug_assert!(!content.contains("</"), "the content would end the element");
        self.open(tag, &[]);
        self.0.push_str(content);
        self.close(tag);
    }

    /// Writes a comment.
    pub fn comment(&mut self, text: &str) {
        self.0.push_str("<!-- ");
        self.0.extend(
            text.chars()
                .map(|c| if c == '>' || c.is_control() { '?' } else { c }),
        );
        self.0.push_str(" -->\n");
    }

    /// Returns the page.
    pub fn into_string(self) -> String {
        self.0
    }

    fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        if ON_ITS_OWN_LINE.contains(&tag) && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
        self.0.extend(["<", tag]);
        for (name, value) in attributes {
            self.0.extend([" ", name]);
            if !value.is_empty() {
                self.0.push_str("=\"");
                escape(value, &mut self.0);
                self.0.push('"');
            }
        }
        self.0.push('>');
    }

    fn close(&mut self, tag: &'static str) {
        self.0.extend(["</", tag, ">"]);
    }
}

/// Escapes text for use between tags and in double quotes. Control characters, which HTML forbids,
/// become U+FFFD.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        write(&mut html);
        html.into_string()
    }

    #[test]
    fn text_is_never_markup() {
        for (text, escaped) in [
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("a & b &amp; \"c\"", "a &amp; b &amp;amp; &quot;c&quot;"),
            ("it's\ta\nline", "it's\ta\nline"),
            ("nul\0 and escape\u{1b}", "nul\u{fffd} and escape\u{fffd}"),
            ("Grüße, 世界 🌍", "Grüße, 世界 🌍"),
        ] {
            assert_eq!(written(|html| html.text(text)), escaped);
        }
    }

    #[test]
    fn an_attribute_does_not_end_at_a_quote_of_its_value() {
        let element =
            written(|html| html.leaf("a", &[("href", "#\" onclick=\"x"), ("hidden", "")], "y"));
        assert_eq!(element, "<a href=\"#&quot; onclick=&quot;x\" hidden>y</a>");
    }

    #[test]
    fn an_element_ends_where_its_content_ends() {
        let nested = written(|html| {
            html.element("section", &[], |html| {
                html.leaf("b", &[], "a");
                html.void("input", &[("type", "search")]);
            });
        });
        assert_eq!(
            nested,
            "\n<section><b>a</b><input type=\"search\"></section>"
        );
    }

    #[test]
    fn text_cannot_end_a_comment() {
        assert_eq!(
            written(|html| html.comment("a --> <b>\n")),
            "<!-- a --? <b?? -->\n"
        );
    }
}
