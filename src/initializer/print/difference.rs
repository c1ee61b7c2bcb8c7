//! How the text of files changes, as a unified diff.

use rpc_runtime::initializer::SourceDifference;
use rpc_schema::visible;
use serde_json::json;
use similar::TextDiff;

use super::json_line;
use crate::report::{self, Colour};

/// Number of unchanged lines around changed ones.
const CONTEXT_LINES: usize = 3;

pub(in super::super) fn differences(differences: &[SourceDifference], as_json: bool) {
    for difference in differences {
        let text = unified(difference);
        if as_json {
            let SourceDifference { server, path, .. } = difference;
            json_line(
                &json!({ "event": "difference", "server": server, "path": path, "text": text }),
            );
        } else {
            text.lines().for_each(print_line);
        }
    }
}

fn print_line(line: &str) {
    let colour = match line.as_bytes().first() {
        Some(b'+') => Colour::Green,
        Some(b'-') => Colour::Red,
        Some(b'@') => Colour::Cyan,
        _ => Colour::Plain,
    };
    // Keep tabs, and escape all other characters that are not visible.
    let line = line.split('\t').map(visible).collect::<Vec<_>>().join("\t");
    report::out(report::painted(colour, &line));
}

fn unified(difference: &SourceDifference) -> String {
    let SourceDifference {
        server,
        path,
        before,
        after,
        ..
    } = difference;
    let name = |content: &Option<Vec<u8>>, side: &str| match content {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let before_name = name(before, &format!("{server}, live"));
    let after_name = name(after, "planned");
    let text = |content: &Option<Vec<u8>>| String::from_utf8(content.clone().unwrap_or_default());
    let (Ok(old), Ok(new)) = (text(before), text(after)) else {
        return format!("--- {before_name}\n+++ {after_name}\nthe binary content differs\n");
    };
    let diff = TextDiff::from_lines(&old, &new);
    diff.unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&before_name, &after_name)
        .to_string()
}
