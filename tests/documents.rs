//! What the documents show is what the programs do.

#[path = "documents/console.rs"]
mod console;
#[path = "documents/dialogues.rs"]
mod dialogues;
#[path = "documents/fence.rs"]
mod fence;
#[allow(
    dead_code,
    unused_imports,
    reason = "the acceptance tests use the rest"
)]
#[path = "acceptance/harness/mod.rs"]
mod harness;

#[path = "documents/links.rs"]
mod links;
#[path = "documents/operations.rs"]
mod operations;
#[path = "documents/page.rs"]
mod page;
#[path = "documents/protocol.rs"]
mod protocol;
#[path = "documents/readme.rs"]
mod readme;
#[path = "documents/tutorial.rs"]
mod tutorial;
#[path = "documents/vectors.rs"]
mod vectors;
