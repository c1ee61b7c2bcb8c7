//! Checks the links between the documents.

use std::path::{Path, PathBuf};

#[test]
fn every_link_leads_to_an_existing_file_and_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = pages(root);
    assert!(documents.len() >= 9, "{documents:?}");
    for document in documents {
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

/// Returns every page at the root and in `docs`.
fn pages(root: &Path) -> Vec<PathBuf> {
    let files = |folder: &Path| std::fs::read_dir(folder).expect("a folder");
    let files = files(root).chain(files(&root.join("docs")));
    files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// Returns the targets of a document's links, without those to other sites.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"))
}

/// Returns the anchor of each heading, in the form that code hosts such as GitHub give it.
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
