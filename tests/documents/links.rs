//! Every link between the documents leads somewhere.

use std::path::Path;

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "CHANGELOG.md",
    "docs/INIT.md",
    "docs/OPERATIONS.md",
    "docs/PROTOCOL.md",
    "docs/TUTORIAL.md",
];

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in DOCUMENTS {
        let document = root.join(document);
        let text = std::fs::read_to_string(&document).expect("a document");
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                document.clone()
            } else {
                document.with_file_name(file)
            };
            assert!(target.exists(), "{}: {link}", document.display());
            let found = || anchors(&std::fs::read_to_string(&target).expect("a document"));
            let leads = anchor.is_empty() || found().iter().any(|known| known == anchor);
            assert!(leads, "{}: {link}", document.display());
        }
    }
}

/// The targets of the links of a document that lead to files.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"))
}

/// The anchor of each heading, made as code hosts make them.
fn anchors(text: &str) -> Vec<String> {
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase().replace(' ', "-");
        kept.chars()
            .filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_')
            .collect()
    };
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}
