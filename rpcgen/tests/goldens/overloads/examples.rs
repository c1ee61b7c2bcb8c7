// The examples of the page of `overloads`, compiled.
#![allow(missing_docs, unused_variables, clippy::all, clippy::pedantic)]

use super::overloads as stubs;

pub fn examples() -> Result<(), rpc_runtime::Error> {
{
let answer = stubs::calc::add(7, 3)?;
// or call this overload by its own name:
let answer = stubs::calc::add_int_int(7, 3)?;
}
{
let answer = stubs::calc::add(2.5, 0.5)?;
// or call this overload by its own name:
let answer = stubs::calc::add_float_float(2.5, 0.5)?;
}
{
let answer = stubs::calc::add("a", "b")?;
// or call this overload by its own name:
let answer = stubs::calc::add_str_str("a".to_owned(), "b".to_owned())?;
}
{
let answer = stubs::calc::add(vec![7], vec![3])?;
// or call this overload by its own name:
let answer = stubs::calc::add_list_int_list_int(vec![7], vec![3])?;
}
{
let answer = stubs::polls::result(())?;
// or call this overload by its own name:
let answer = stubs::polls::result_none()?;
}
{
let answer = stubs::polls::result("a")?;
// or call this overload by its own name:
let answer = stubs::polls::result_str("a".to_owned())?;
}
{
stubs::polls::vote("a")?;
// or call this overload by its own name:
stubs::polls::vote_str("a".to_owned())?;
}
{
stubs::polls::vote(("a", 7))?;
// or call this overload by its own name:
stubs::polls::vote_str_int("a".to_owned(), 7)?;
}
{
let answer = stubs::polls::vote(["a"])?;
// or call this overload by its own name:
let answer = stubs::polls::vote_list_str(vec!["a".to_owned()])?;
}
{
let answer = stubs::polls::rank(7, 3, ["a"])?;
// or call this overload by its own name:
let answer = stubs::polls::rank_int_int_list_str(7, 3, vec!["a".to_owned()])?;
}
{
let answer = stubs::polls::rank(7, "a", ["b"])?;
// or call this overload by its own name:
let answer = stubs::polls::rank_int_str_list_str(
    7,
    "a".to_owned(),
    vec!["b".to_owned()],
)?;
}
{
let answer = stubs::polls::rank("a", 7, ["b"])?;
// or call this overload by its own name:
let answer = stubs::polls::rank_str_int_list_str(
    "a".to_owned(),
    7,
    vec!["b".to_owned()],
)?;
}
{
let answer = stubs::store::put(b"hello")?;
// or call this overload by its own name:
let answer = stubs::store::put_bytes(b"hello".to_vec())?;
}
{
let answer = stubs::store::put(["a"])?;
// or call this overload by its own name:
let answer = stubs::store::put_list_str(vec!["a".to_owned()])?;
}
{
use std::collections::BTreeMap;

let answer = stubs::store::put(BTreeMap::from([("a".to_owned(), 7)]))?;
// or call this overload by its own name:
let answer = stubs::store::put_dict_str_int(BTreeMap::from([("a".to_owned(), 7)]))?;
}
{
let answer = stubs::store::put(Some(2.5))?;
// or call this overload by its own name:
let answer = stubs::store::put_optional_float(Some(2.5))?;
}
{
stubs::store::put((7, "a".to_owned()))?;
// or call this overload by its own name:
stubs::store::put_tuple_int_str((7, "a".to_owned()))?;
}
Ok(())
}
