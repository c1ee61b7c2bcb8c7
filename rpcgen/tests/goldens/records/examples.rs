// The examples of the page of `records`, compiled.
#![allow(missing_docs, unused_variables, clippy::all, clippy::pedantic)]

use super::records as stubs;

pub fn examples() -> Result<(), rpc_runtime::Error> {
{
use stubs::types;

let answer = stubs::poll::count(
    vec![types::Tally { candidate: "a".to_owned(), votes: 7, trust: Some(types::Level::Low) }],
    types::Level::Low,
)?;
}
{
use stubs::types;

let answer = stubs::poll::show(
    types::Tally { candidate: "a".to_owned(), votes: 7, trust: Some(types::Level::Low) },
)?;
// or call this overload by its own name:
let answer = stubs::poll::show_tally(
    types::Tally { candidate: "a".to_owned(), votes: 7, trust: Some(types::Level::Low) },
)?;
}
{
use stubs::types;

let answer = stubs::poll::show(types::Level::Low)?;
// or call this overload by its own name:
let answer = stubs::poll::show_level(types::Level::Low)?;
}
{
use stubs::types;

let answer = stubs::poll::show(
    (vec![types::Tally { candidate: "a".to_owned(), votes: 7, trust: Some(types::Level::Low) }], types::Level::Low),
)?;
// or call this overload by its own name:
let answer = stubs::poll::show_list_tally_level(
    vec![types::Tally { candidate: "a".to_owned(), votes: 7, trust: Some(types::Level::Low) }],
    types::Level::Low,
)?;
}
Ok(())
}
