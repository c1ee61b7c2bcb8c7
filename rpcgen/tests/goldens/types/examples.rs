// The examples of the page of `types`, compiled.
#![allow(missing_docs, unused_variables, clippy::all, clippy::pedantic)]

use super::types as stubs;

pub fn examples() -> Result<(), rpc_runtime::Error> {
{
use std::collections::BTreeMap;

let answer = stubs::shapes::all(
    7,
    2.5,
    true,
    "a".to_owned(),
    b"hello".to_vec(),
    vec![vec!["b".to_owned()]],
    BTreeMap::from([(3, Some(b"hello".to_vec()))]),
    Some("c".to_owned()),
    (5, "d".to_owned()),
    (2,),
)?;
}
{
stubs::shapes::nothing()?;
}
{
let answer = stubs::shapes::pair()?;
}
{
let answer = stubs::shapes::list_of_one()?;
}
{
let answer = stubs::shapes::many(7, 3, 5, 2, 7, 3, 5, 2, 7, 3, 5, 2, 7)?;
}
{
let answer = stubs::shapes::find_optional_int(Some(7))?;
}
{
let answer = stubs::shapes::find_optional_str(Some("a".to_owned()))?;
}
{
stubs::shapes::place_tuple_int_int((7, 3))?;
}
{
stubs::shapes::place_int_int(7, 3)?;
}
Ok(())
}
