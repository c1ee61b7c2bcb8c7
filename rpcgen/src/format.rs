//! From tokens to text as a person would have laid it out.

use proc_macro2::TokenStream;

/// Formats items, with blank lines between them.
pub fn format(items: TokenStream) -> String {
    let file: syn::File = syn::parse2(items).expect("what is emitted is Rust");
    separate_items(&prettyplease::unparse(&file))
}

/// Moves text one level in, as the body of a module.
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

/// prettyplease sets no blank lines; here one stands before every item that follows another on its
/// level.
fn separate_items(text: &str) -> String {
    let mut separated = String::with_capacity(text.len() + text.len() / 16);
    let mut before = "";
    let mut ended = false;
    for line in text.lines() {
        if ended && begins_item(line) && level(line) == level(before) && !both_import(before, line)
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

/// Whether an item ends with this line. A module's own documentation and attributes count as one,
/// which ends with each of their lines.
fn ends_item(line: &str, ended: bool) -> bool {
    let text = line.trim_start();
    let own = text.starts_with("//!") || text.starts_with("#![");
    own || text.ends_with(['}', ';']) || (ended && !begins_item(line))
}

fn both_import(before: &str, line: &str) -> bool {
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
    fn items_stand_apart_and_comments_are_comments() {
        let text = format(quote! {
            #![doc = " module"]
            #![allow(dead_code)]
            #[doc = " one"]
            pub fn one() -> i64 { 1 }
            mod inner {
                use ::a::b;
                use ::a::c;
                #[doc = ""]
                #[inline]
                fn two() { b(); c() }
            }
        });
        let expected = "//! module\n#![allow(dead_code)]\n\n/// one\npub fn one() -> i64 {\n    1\n}\n\nmod inner {\n    \
                        use ::a::b;\n    use ::a::c;\n\n    ///\n    #[inline]\n    fn two() {\n        b();\n        \
                        c()\n    }\n}\n";
        assert_eq!(text, expected);
        assert_eq!(indent("a\n\n    b\n"), "    a\n\n        b\n");
    }
}
