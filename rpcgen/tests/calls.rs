//! Calls as people write them. Each compiles to the right signature, and its result needs no type
//! annotation.
//!
//! The calls are only compiled, because there is no network. `tests/misuse.rs` has the calls that
//! must not compile.

#![allow(
    clippy::useless_format,
    clippy::needless_borrows_for_generic_args,
    reason = "these forms must compile too"
)]

use std::collections::BTreeMap;

use rpc_runtime::Error;

#[rustfmt::skip]
#[path = "goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::{calc, polls, store};

/// Compiles only if `value` has exactly that type. It does not influence the inferred type.
fn is<T>(value: T) -> T {
    value
}

/// Compiles calls, one per line, and checks the types of their results. The calls are never made.
macro_rules! calls {
    ($name:ident: $($call:expr => $ty:ty;)+) => {
        fn $name() -> Result<(), Error> {
            $({
                let result = $call?;
                let _ = is::<$ty>(result);
            })+
            Ok(())
        }
    };
}

fn words() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

calls! { literals:
    calc::add(2, 3) => i64;
    calc::add(-2, 3 + 4) => i64;
    calc::add(2.5, 0.5) => f64;
    calc::add(f64::NAN, 1e9) => f64;
    calc::add("a", "b") => String;
    calc::add("a", String::new()) => String;
    calc::add(format!("a"), "b") => String;
    calc::add(vec![1, 2], [3, 4]) => Vec<i64>;
    calc::add([1, 2], vec![]) => Vec<i64>;
    calc::add(vec![], [1]) => Vec<i64>;
    calc::add([], vec![]) => Vec<i64>;
    calc::add(&[1, 2], &[3]) => Vec<i64>;
    calc::add([1; 100], (1..3).collect::<Vec<_>>()) => Vec<i64>;
    calc::add_int_int(2, 3) => i64;
    calc::add_list_int_list_int(vec![1], Vec::new()) => Vec<i64>;
}

fn variables() -> Result<(), Error> {
    let n = 2;
    let x = 0.5;
    let text = String::from("a");
    let list = vec![1, 2];
    let str: &str = &text;
    let slice: &[i64] = &list;
    let _ = is::<i64>(calc::add(n, &n)?);
    let _ = is::<i64>(calc::add(&n, n)?);
    let _ = is::<i64>(calc::add(&n, &3)?);
    let _ = is::<f64>(calc::add(x, &x)?);
    let _ = is::<f64>(calc::add(&x, 1.5)?);
    let _ = is::<String>(calc::add(str, &text)?);
    let _ = is::<String>(calc::add(&text, str)?);
    let _ = is::<String>(calc::add(text.clone(), text.as_str())?);
    let _ = is::<String>(calc::add(&text[..], "b")?);
    let _ = is::<Vec<i64>>(calc::add(&list, &list)?);
    let _ = is::<Vec<i64>>(calc::add(slice, &list[1..])?);
    let _ = is::<Vec<i64>>(calc::add(list.clone(), slice)?);
    let _ = is::<Vec<i64>>(calc::add(list, Vec::new())?);
    let _ = is::<String>(calc::add(text.clone(), str.to_owned())?);
    Ok(())
}

fn results_are_used_without_annotations() -> Result<i64, Error> {
    println!("{}", calc::add("a", "b")?.len());
    let sum = calc::add(1, 2)? + 3;
    let doubled: Vec<i64> = calc::add([1, 2], [3])?.iter().map(|n| n * 2).collect();
    if calc::add(0.5, 0.25)? > 0.7 {
        return calc::add(sum, doubled[0]);
    }
    match polls::result("bob") {
        Ok(votes) => Ok(votes.abs()),
        Err(error) => Err(error),
    }
}

calls! { several_arities:
    polls::result(()) => BTreeMap<String, i64>;
    polls::result("bob") => i64;
    polls::result(String::from("bob")) => i64;
    polls::result(&String::from("bob")) => i64;
    polls::vote("bob") => ();
    polls::vote(("bob", 3)) => ();
    polls::vote((String::from("bob"), &3)) => ();
    polls::vote(["bob", "eve"]) => i64;
    polls::vote(&["bob", "eve"]) => i64;
    polls::vote(words()) => i64;
    polls::vote(&words()) => i64;
    polls::vote(&words()[..]) => i64;
    polls::vote(&vec!["bob"]) => i64;
    polls::result_none() => BTreeMap<String, i64>;
    polls::vote_str_int("bob".to_owned(), 3) => ();
}

calls! { several_selecting_arguments:
    polls::rank(1, 2, ["a"]) => (i64, i64);
    polls::rank(1, "b", ["a", "b"]) => (i64, String);
    polls::rank("a", 2, vec![]) => (String, i64);
    polls::rank(&1, &2, Vec::new()) => (i64, i64);
    polls::rank(1, String::from("b"), &words()) => (i64, String);
    polls::rank(&String::from("a"), 2, &["a"]) => (String, i64);
    polls::rank(1, 2, &words()[..]) => (i64, i64);
}

calls! { one_argument:
    store::put(b"bytes") => i64;
    store::put(&b"bytes"[..]) => i64;
    store::put(vec![7_u8]) => i64;
    store::put(*b"bytes") => i64;
    store::put(["a", "b"]) => String;
    store::put(&["a".to_owned()]) => String;
    store::put(words()) => String;
    store::put(BTreeMap::from([("a".to_owned(), 1)])) => bool;
    store::put(&BTreeMap::from([("a".to_owned(), 1)])) => bool;
    store::put(BTreeMap::new()) => bool;
    store::put(Some(1.5)) => f64;
    store::put(None) => f64;
    store::put(&Some(1.5)) => f64;
    store::put((1, "a".to_owned())) => ();
    store::put(&(1, "a".to_owned())) => ();
}

fn methods(network: &rpc_runtime::Network) -> Result<(), Error> {
    let calc = calc::Client::new(network);
    let polls = polls::Client::new(network);
    let _ = is::<i64>(calc.add(2, 3)?);
    let _ = is::<String>(calc.clone().add("a", &"b".to_owned())?);
    let _ = is::<Vec<i64>>(calc.add(&vec![1], [2])?);
    let _ = is::<i64>(polls.result("bob")?);
    let _ = is::<BTreeMap<String, i64>>(polls.result(())?);
    polls.vote(("bob", 3))?;
    polls.vote_str("bob".to_owned())
}

/// Compiles only if the future can be sent to another thread.
fn assert_send<F: Future + Send>(call: F) -> F {
    call
}

async fn asynchronous(network: &rpc_runtime::Network) -> Result<(), Error> {
    let calc = calc::AsyncClient::new(network);
    let polls = polls::AsyncClient::new(network);
    let store = store::AsyncClient::new(network);
    let text = String::from("b");
    let _ = is::<i64>(assert_send(calc.add(2, 3)).await?);
    let _ = is::<i64>(assert_send(calc.add_int_int(2, 3)).await?);
    let _ = is::<String>(assert_send(calc.clone().add("a", &text)).await?);
    let _ = is::<Vec<i64>>(calc.add(&vec![1], [2]).await?);
    let _ = is::<i64>(polls.result("bob").await?);
    let _ = is::<BTreeMap<String, i64>>(polls.result(()).await?);
    let _ = is::<(i64, String)>(polls.rank(1, "b", ["a", "b"]).await?);
    let _ = is::<i64>(store.put(b"bytes").await?);
    let _ = is::<f64>(store.put(None).await?);
    println!("{}", calc.add("a", "b").await?.len());
    polls.vote(("bob", 3)).await?;
    polls.vote_str("bob".to_owned()).await
}

fn asynchronous_calls_can_be_sent_to_another_thread(network: &rpc_runtime::Network) {
    drop(assert_send(asynchronous(network)));
}

/// A generic function names the trait of the arguments in its bounds.
fn generic<A: store::PutArgs<Output = i64>>(value: A) -> Result<i64, Error> {
    store::put(value)
}

#[test]
fn calls_compile() {
    let free: [fn() -> Result<(), Error>; 5] = [
        literals,
        variables,
        several_arities,
        several_selecting_arguments,
        one_argument,
    ];
    let others = (
        results_are_used_without_annotations,
        methods,
        generic::<Vec<u8>>,
    );
    let _ = asynchronous_calls_can_be_sent_to_another_thread;
    assert_eq!(free.len(), 5);
    let _ = others;
}
