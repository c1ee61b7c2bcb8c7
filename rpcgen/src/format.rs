//! Formats tokens as readable text.

use proc_macro2::TokenStream;

/// Formats items, with blank lines between them.
pub fn format(items: TokenStream) -> String {
    let file: syn::File = syn::parse2(items).expect("emitted tokens are valid Rust");
    separate_items(&prettyplease::unparse(&file))
}

/// Indents text by one level, as the body of a module.
pub fn indent(text: &str) -> String {
    let mut indented = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        if !line.is_empty() {
            indented.push_str("    ");
            indented.push_str(line);
        }
        indented.push('\n');
    }
    indented
}

/// Adds a blank line between neighbouring items on the same level, because prettyplease adds none.
fn separate_items(text: &str) -> String {
    let mut separated = String::with_capacity(text.len() + text.len() / 16);
    let mut before = "";
    let mut ended = false;
    for line in text.lines() {
        if ended && begins_item(line) && level(line) == level(before) && !are_imports(before, line)
        {
            separated.push('\n');
        }
        separated.push_str(line);
        separated.push('\n');
        ended = ends_item(line, ended);
        before = line;
    }
    separated
}

fn begins_item(line: &str) -> bool {
    const STARTS: [&str; 11] = [
        "///", "#[", "::", "pub ", "pub(", "fn ", "impl", "mod ", "static ", "trait ", "use ",
    ];
    STARTS
        .iter()
        .any(|start| line.trim_start().starts_with(start))
}

/// Returns whether an item ends with this line. Each line of a module's inner documentation and
/// attributes counts as an item.
fn ends_item(line: &str, ended: bool) -> bool {
    let text = line.trim_start();
    if text.starts_with("///") {
        return false;
    }
    let own = text.starts_with("//!") || text.starts_with("#![");
    own || text.ends_with(['}', ';']) || (ended && !begins_item(line))
}

fn are_imports(before: &str, line: &str) -> bool {
    before.trim_start().starts_with("use ") && line.trim_start().starts_with("use ")
}

fn level(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn items_are_separated_and_docs_become_comments() {
        let text = format(quote! {
            #![doc = " module"]
            #![allow(dead_code)]
            #[doc = " one"]
            pub fn one() -> i64 { 1 }
            mod inner {
                use ::a::b;
                use ::a::c;
                #[doc = " {}"]
                #[doc = ""]
                #[inline]
                fn two() { b(); c() }
            }
        });
        let expected = "//! module\n#![allow(dead_code)]\n\n/// one\npub fn one() -> i64 {\n    1\n}\n\nmod inner {\n    \
                        use ::a::b;\n    use ::a::c;\n\n    /// {}\n    ///\n    #[inline]\n    fn two() {\n        b();\n        \
                        c()\n    }\n}\n";
        assert_eq!(text, expected);
        assert_eq!(indent("a\n\n    b\n"), "    a\n\n        b\n");
    }
}
