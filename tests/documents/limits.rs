//! Holds the limits in `docs/OPERATIONS.md` against the constants of the code.
//!
//! A constant is a limit if it is called `MAX_...` or `MIN_...`, or if it is a `Duration`. Each of
//! them is in `limits.txt`: it has a row in the document, or a reason to have none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");

/// The constants, and for each its row or the reason why it has none.
const LIMITS: &str = include_str!("limits.txt");

/// Rows under "Fixed limits" whose value is not that of a constant.
const OTHER_ROWS: &[&str] =
    &["connections beyond `--max-connections` or `--max-address-connections` that get an answer"];

/// A file, and the name of a constant in it.
type ConstantPlace = (String, String);

#[test]
fn every_limit_of_the_code_has_a_row_or_a_reason() {
    let known: BTreeSet<_> = limits().into_iter().map(|(place, _)| place).collect();
    let constants = constants();
    let gone: Vec<_> = known
        .iter()
        .filter(|place| !constants.contains_key(place))
        .collect();
    assert!(gone.is_empty(), "the code has no such constants: {gone:?}");
    let is_limit = |name: &str, ty: &str| {
        name.starts_with("MAX_") || name.starts_with("MIN_") || ty.ends_with("Duration")
    };
    let unknown: Vec<_> = constants
        .iter()
        .filter(|((_, name), (ty, _))| is_limit(name, ty))
        .map(|(place, _)| place)
        .filter(|place| !known.contains(place))
        .collect();
    assert!(
        unknown.is_empty(),
        "add a row to `Fixed limits` of OPERATIONS.md, or a reason to limits.txt: {unknown:?}"
    );
}

#[test]
fn every_fixed_limit_has_the_value_of_its_constant() {
    let constants = constants();
    let rows = rows();
    for (place, row) in fixed() {
        let (_, expression) = &constants[&place];
        let documented = rows.get(row).unwrap_or_else(|| panic!("no row `{row}`"));
        assert_eq!(
            documented_value(documented),
            evaluate(expression, &constants),
            "`{row}` is {documented}, and {} is {expression}",
            place.1
        );
    }
    let of_constants: BTreeSet<&str> = fixed().map(|(_, row)| row).collect();
    let others: Vec<_> = rows
        .into_keys()
        .filter(|row| !of_constants.contains(row))
        .collect();
    assert_eq!(others, OTHER_ROWS);
}

/// Returns each constant of `limits.txt`, with the name of its row or with a reason in brackets.
fn limits() -> Vec<(ConstantPlace, &'static str)> {
    let files = LIMITS
        .split("\n\n")
        .filter(|part| !part.starts_with([' ', 'T']));
    let of_file = |part: &'static str| {
        let (file, constants) = part.split_once('\n').expect("a file and its constants");
        let constant = move |line: &'static str| {
            let (name, row) = line.trim().split_once(' ').expect("a name and its row");
            (place(file, name), row.trim())
        };
        constants.lines().map(constant)
    };
    files.flat_map(of_file).collect()
}

/// Returns the limits that have a row.
fn fixed() -> impl Iterator<Item = (ConstantPlace, &'static str)> {
    limits()
        .into_iter()
        .filter(|(_, row)| !row.starts_with('('))
}

fn place(file: &str, name: &str) -> ConstantPlace {
    (file.to_owned(), name.to_owned())
}

/// Returns the rows under "Fixed limits": the name and the value of each.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let section = OPERATIONS
        .split_once("\n### Fixed limits\n")
        .expect("the section")
        .1;
    let section = section.split_once("\n## ").expect("its end").0;
    let cells = |line: &'static str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    };
    let is_head = |value: &str| value.is_empty() || value.starts_with('|');
    section
        .lines()
        .filter_map(cells)
        .filter(|(_, value)| !is_head(value))
        .collect()
}

/// Returns every constant with its type and its value, as they are written.
fn constants() -> BTreeMap<ConstantPlace, (String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "conformance/src",
        "rpcgen/src/emit",
        "runtime",
        "schema/src",
        "src",
    ] {
        add_sources(&root.join(folder), &mut files);
    }
    let mut constants = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let file = file
            .strip_prefix(root)
            .expect("inside of the root")
            .display()
            .to_string();
        for (at, _) in code.match_indices("const ") {
            let entry = code[at + "const ".len()..]
                .split(';')
                .next()
                .unwrap_or_default();
            let Some(((name, ty), value)) = entry
                .split_once(" =")
                .and_then(|(head, value)| Some((head.split_once(": ")?, value)))
            else {
                continue;
            };
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if name.chars().all(is_name) {
                let written = (ty.to_owned(), value.trim().to_owned());
                constants.insert(place(&file, name), written);
            }
        }
    }
    constants
}

/// Adds the Rust files of a folder that are not tests.
fn add_sources(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                add_sources(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["tests.rs", "model.rs"].contains(&&*name)
        {
            files.push(path);
        }
    }
}

/// Returns the value of an expression. Times are in microseconds.
fn evaluate(expression: &str, constants: &BTreeMap<ConstantPlace, (String, String)>) -> u64 {
    let evaluate = |part: &str| evaluate(part.trim(), constants);
    let expression = expression.trim_start_matches("std::time::");
    if let Some((unit, count)) = expression
        .strip_prefix("Duration::from_")
        .and_then(|call| call.strip_suffix(')')?.split_once('('))
    {
        let microseconds = match unit {
            "micros" => 1,
            "millis" => 1_000,
            "secs" => 1_000_000,
            "mins" => 60_000_000,
            "hours" => 3_600_000_000,
            _ => panic!("unknown unit: {expression}"),
        };
        return evaluate(count) * microseconds;
    }
    if let Some((value, shift)) = expression.split_once("<<") {
        return evaluate(value) << evaluate(shift);
    }
    if let Some((left, right)) = expression.split_once('*') {
        return evaluate(left) * evaluate(right);
    }
    if let Ok(number) = expression.replace('_', "").parse() {
        return number;
    }
    let named = constants.iter().find(|((_, name), _)| name == expression);
    let (_, (_, value)) = named.unwrap_or_else(|| panic!("unknown value: {expression}"));
    evaluate(value)
}

/// Returns the value that a row shows, such as `64 KiB` or `8,000 characters`. Times are in
/// microseconds.
fn documented_value(text: &str) -> u64 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().expect(text);
    number
        * match unit {
            "" | "bytes" | "characters" | "µs" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "ms" => 1_000,
            "s" => 1_000_000,
            "min" => 60_000_000,
            "days" => 24 * 3_600_000_000,
            _ => panic!("unknown unit: {text}"),
        }
}
