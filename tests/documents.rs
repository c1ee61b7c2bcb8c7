//! Checks that the programs do what the documents show.

#[path = "documents/console.rs"]
mod console;
#[path = "documents/dialogues.rs"]
mod dialogues;
#[path = "documents/faults.rs"]
mod faults;
#[path = "documents/fence.rs"]
mod fence;
#[allow(
    dead_code,
    unused_imports,
    reason = "the acceptance tests use all of it"
)]
#[path = "acceptance/harness/mod.rs"]
mod harness;

#[path = "documents/limits.rs"]
mod limits;
#[path = "documents/links.rs"]
mod links;
#[path = "documents/native_server.rs"]
mod native_server;
#[path = "documents/new_network.rs"]
mod new_network;
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
