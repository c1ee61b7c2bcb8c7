//! The text of files before and after a plan, as a unified difference.

use rpc_runtime::initializer::SourceDifference;
use rpc_schema::visible;
use serde_json::json;
use similar::TextDiff;

use super::json_line;
use crate::report::{self, Colour};

/// Unchanged lines around changed ones.
const CONTEXT: usize = 3;

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
    // A tab is what it looks like; anything else that does not is escaped.
    let line = line.split('\t').map(visible).collect::<Vec<_>>().join("\t");
    report::out(report::painted(colour, &line));
}

fn unified(difference: &SourceDifference) -> String {
    let SourceDifference {
        server,
        path,
        before,
        after,
    } = difference;
    let name = |content: &Option<Vec<u8>>, side: &str| match content {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let header = (
        name(before, &format!("{server}, live")),
        name(after, "planned"),
    );
    let text = |content: &Option<Vec<u8>>| String::from_utf8(content.clone().unwrap_or_default());
    let (Ok(old), Ok(new)) = (text(before), text(after)) else {
        return format!(
            "--- {}\n+++ {}\nwhat is not text differs\n",
            header.0, header.1
        );
    };
    let diff = TextDiff::from_lines(&old, &new);
    diff.unified_diff()
        .context_radius(CONTEXT)
        .header(&header.0, &header.1)
        .to_string()
}
