//! The goldens as a library, so that the lints for public items apply to them.
#![deny(missing_docs, clippy::pedantic, rustdoc::all)]

#[rustfmt::skip]
#[path = "names/gen/mod.rs"]
pub mod names;

#[rustfmt::skip]
#[path = "native/gen/mod.rs"]
pub mod native;

#[rustfmt::skip]
#[path = "overloads/gen/mod.rs"]
pub mod overloads;

#[rustfmt::skip]
#[path = "readme/gen/mod.rs"]
pub mod readme;

#[rustfmt::skip]
#[path = "records/gen/mod.rs"]
pub mod records;

#[rustfmt::skip]
#[path = "tenant/gen/mod.rs"]
pub mod tenant;

#[rustfmt::skip]
#[path = "tutorial/gen/mod.rs"]
pub mod tutorial;

#[rustfmt::skip]
#[path = "types/gen/mod.rs"]
pub mod types;

/// The stubs of a build script.
pub mod included {
    include!("tenant/rpc_stubs.rs");
}

/// The calls that the page of `names` shows.
#[rustfmt::skip]
#[path = "names/examples.rs"]
pub mod examples_of_names;

/// The calls that the page of `overloads` shows.
#[rustfmt::skip]
#[path = "overloads/examples.rs"]
pub mod examples_of_overloads;

/// The calls that the page of `records` shows.
#[rustfmt::skip]
#[path = "records/examples.rs"]
pub mod examples_of_records;

/// The calls that the page of `types` shows.
#[rustfmt::skip]
#[path = "types/examples.rs"]
pub mod examples_of_types;
