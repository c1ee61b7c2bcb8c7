// The examples of the page of `names`, compiled.
#![allow(missing_docs, unused_variables, clippy::all, clippy::pedantic)]

use super::names as stubs;

pub fn examples() -> Result<(), rpc_runtime::Error> {
{
let answer = stubs::std::r#type(7, "a".to_owned(), 2.5, true)?;
}
{
stubs::std::into(7, 3, 5, 2)?;
}
{
let answer = stubs::std::clone()?;
}
{
use stubs::types;

let answer = stubs::std::default(
    types::Network { serialize: types::Result { r#type: 7, r#fn: types::Some::None, some: Some(types::Vec2 { x: 2.5, Self_: types::Box { Clone: vec![types::Debug { serde: "a".to_owned(), out: b"hello".to_vec(), input: 3 }] } }) }, deserializer: "b".to_owned() },
    types::Error::Ok,
)?;
}
{
let answer = stubs::std::Ok()?;
}
{
let answer = stubs::std::Mock()?;
}
{
use stubs::types;

let answer = stubs::std::transport(
    types::Result { r#type: 7, r#fn: types::Some::None, some: Some(types::Vec2 { x: 2.5, Self_: types::Box { Clone: vec![types::Debug { serde: "a".to_owned(), out: b"hello".to_vec(), input: 3 }] } }) },
    types::Box { Clone: vec![types::Debug { serde: "b".to_owned(), out: b"hello".to_vec(), input: 5 }] },
)?;
}
{
let answer = stubs::std::carry(7)?;
}
{
let answer = stubs::std::recorded(7, "a".to_owned(), "b".to_owned())?;
}
{
let answer = stubs::std::client(7)?;
}
{
let answer = stubs::std::PLUMBING()?;
}
{
let answer = stubs::std::getAll(vec!["a".to_owned()])?;
}
{
let answer = stubs::std::String()?;
}
{
let answer = stubs::std::r#where(7)?;
// or call this overload by its own name:
let answer = stubs::std::where_int(7)?;
}
{
let answer = stubs::std::r#where("a")?;
// or call this overload by its own name:
let answer = stubs::std::where_str("a".to_owned())?;
}
{
let answer = stubs::std::where_INT()?;
}
{
let answer = stubs::std::iter(true, true, true, true)?;
}
{
let answer = stubs::std::from_text("a".to_owned())?;
}
{
let answer = stubs::std::Vec(7, 3)?;
// or call this overload by its own name:
let answer = stubs::std::Vec_int_int(7, 3)?;
}
{
let answer = stubs::std::Vec(7, "a")?;
// or call this overload by its own name:
let answer = stubs::std::Vec_int_str(7, "a".to_owned())?;
}
{
use stubs::types;

let answer = stubs::std::Handler(7, 3, types::Error::Ok)?;
}
{
use stubs::types;

stubs::std::Call(
    types::Network { serialize: types::Result { r#type: 7, r#fn: types::Some::None, some: Some(types::Vec2 { x: 2.5, Self_: types::Box { Clone: vec![types::Debug { serde: "a".to_owned(), out: b"hello".to_vec(), input: 3 }] } }) }, deserializer: "b".to_owned() },
    5,
)?;
}
{
use stubs::types;

let answer = stubs::std::Failure(types::Call { Handler: Some(types::Failure::Call) })?;
}
{
let answer = stubs::std::NativeService()?;
}
{
let answer = stubs::std::AsyncClient(7, true)?;
}
{
stubs::std::Future()?;
}
{
stubs::std::held_by("a".to_owned(), 7)?;
}
{
stubs::std::method(7, 3)?;
}
{
stubs::std::borrow()?;
}
{
let answer = stubs::std::Arc(7)?;
// or call this overload by its own name:
let answer = stubs::std::Arc_int(7)?;
}
{
let answer = stubs::std::Arc("a")?;
// or call this overload by its own name:
let answer = stubs::std::Arc_str("a".to_owned())?;
}
{
stubs::r#loop::r#loop()?;
}
{
let answer = stubs::core::error()?;
}
{
let answer = stubs::alloc::private()?;
}
Ok(())
}
