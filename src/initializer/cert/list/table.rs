//! The table of `cert list`.

use serde_json::{Value, json};
use tls::{Certificate, Time};

use super::super::print::{Printer, add_certificate, days_left, path_json, short_serial};
use super::entry::Entry;
use crate::report::Colour;

/// The heads of the columns.
const HEADS: [&str; 5] = ["NAME", "ROLE", "SERIAL", "VALID UNTIL", "DAYS LEFT"];

/// Prints the entries, and after them what there is to say about them.
pub(super) fn print(entries: &[Entry], printer: Printer) {
    if printer.json {
        for entry in entries {
            printer.object(&entry_json(entry));
        }
        return;
    }
    let rows: Vec<[String; 5]> = entries.iter().map(row).collect();
    let heads = HEADS.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&heads]).map(|row| row[column].len());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in [&heads].into_iter().chain(&rows) {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        printer.line(cells.join("  ").trim_end());
    }
    for entry in entries {
        for remark in &entry.remarks {
            let colour = if remark.needs_attention {
                Colour::Yellow
            } else {
                Colour::Faint
            };
            let text = format!("{} ({}): {}", entry.name, entry.role, remark.text);
            printer.marked('!', colour, &text);
        }
    }
}

/// Returns the cells of an entry. Names consist of letters, digits and `_`.
fn row(entry: &Entry) -> [String; 5] {
    let none = || "-".to_owned();
    let of =
        |cell: &dyn Fn(&Certificate) -> String| entry.certificate.as_ref().map_or_else(none, cell);
    [
        entry.name.clone(),
        entry.role.to_owned(),
        of(&|certificate| short_serial(&certificate.serial).to_owned()),
        of(&|certificate| certificate.not_after.to_string()),
        of(&|certificate| days_text(certificate, entry.now)),
    ]
}

fn days_text(certificate: &Certificate, now: Time) -> String {
    match days_left(certificate.not_after, now) {
        0 => "expired".to_owned(),
        days => days.to_string(),
    }
}

fn entry_json(entry: &Entry) -> Value {
    let remarks: Vec<&str> = entry
        .remarks
        .iter()
        .map(|remark| remark.text.as_str())
        .collect();
    let mut value = json!({
        "event": "certificate", "name": entry.name, "role": entry.role, "folder": path_json(&entry.folder),
        "state": entry.state(), "revoked": entry.is_revoked, "in-file": entry.is_declared,
        "attention": entry.needs_attention(), "remarks": remarks,
    });
    if let Some(certificate) = &entry.certificate {
        add_certificate(&mut value, certificate);
        value["days-left"] = days_left(certificate.not_after, entry.now).into();
    }
    value
}
