//! Checks FAULTS.md: each fault names tests that exist, or says what comes later.

use std::path::{Path, PathBuf};

/// A fault of the page.
#[derive(Debug)]
struct Row<'p> {
    number: usize,
    /// Pairs of a suite and a test in it.
    tests: Vec<(&'p str, &'p str)>,
    is_later: bool,
}

/// The page, as `tests/faults/run.py` reads it.
fn rows(page: &str) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for line in page.lines() {
        if let Some((number, _)) = line
            .strip_prefix("### ")
            .and_then(|title| title.split_once(". "))
        {
            rows.push(Row {
                number: number.parse().expect(line),
                tests: Vec::new(),
                is_later: false,
            });
        } else if let Some(item) = line.strip_prefix("- ") {
            let row = rows.last_mut().expect("a fault above the line");
            if item.starts_with("later: ") {
                row.is_later = true;
            } else {
                let (suite, test) = item.split_once(' ').expect(line);
                let test = test
                    .strip_prefix('`')
                    .and_then(|test| test.strip_suffix('`'));
                row.tests.push((suite, test.expect(line)));
            }
        }
    }
    rows
}

#[test]
fn every_fault_names_tests_that_exist_or_what_comes_later() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/FAULTS.md")).expect("the page");
    let rows = rows(&page);
    assert!(rows.len() >= 43, "{}", rows.len());
    for (row, number) in rows.iter().zip(1..) {
        assert_eq!(row.number, number, "the numbers have a gap");
        assert!(!row.tests.is_empty() || row.is_later, "{row:?}");
        for (suite, test) in &row.tests {
            assert!(
                exists(root, suite, test),
                "fault {number}: there is no {suite} `{test}`"
            );
        }
    }
}

fn exists(root: &Path, suite: &str, test: &str) -> bool {
    let sources = match suite {
        "acceptance" => "tests/acceptance",
        "client" => "runtime/client/src",
        "deploy" => "runtime/deploy/src",
        "schema" => "schema/src",
        "server" => "runtime/server/src",
        "tls" => return is_in(&root.join("runtime/tls/tests/handshakes.rs"), test),
        "wire" => "runtime/wire/src",
        "fuzz" => return root.join(format!("fuzz/fuzz_targets/{test}.rs")).is_file(),
        "program" => return root.join(test).is_file(),
        _ => return false,
    };
    let (module, test) = test.rsplit_once("::").unwrap_or(("", test));
    let mut modules = vec![module];
    // The module `tests` of a file is in the file itself, or in a file of its own.
    modules.extend(module.strip_suffix("::tests"));
    modules
        .into_iter()
        .flat_map(|module| files(&root.join(sources), module))
        .any(|file| is_in(&file, test))
}

/// Returns the files that a module can be in.
fn files(sources: &Path, module: &str) -> [PathBuf; 2] {
    let path = sources.join(module.replace("::", "/"));
    [path.with_extension("rs"), path.join("mod.rs")]
}

/// Returns whether a file has this function, as a test.
fn is_in(file: &Path, test: &str) -> bool {
    let source = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let head = format!("fn {test}()");
    lines.iter().enumerate().any(|(place, line)| {
        let attributes = &lines[place.saturating_sub(4)..place];
        line.contains(&head)
            && attributes
                .iter()
                .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}
