//! What the clients do: calls that return values, and calls that fail.

use std::fmt::Debug;

use anyhow::{Context as _, ensure};
use rpc_runtime::{Argument, Error, ExceptionType, Network};

use crate::stubs::types::{Summary, Trend};
use crate::stubs::{TOPOLOGY, calculator, stats, svc1};

/// Calls procedures of every kind as `client1`, through the generated functions.
pub fn successes() -> anyhow::Result<()> {
    Network::builder(&TOPOLOGY)
        .client("client1")
        .build()?
        .install();
    let words = || vec!["one".to_owned(), "file".to_owned()];
    show(
        "svc1::rpc1(7, words)",
        svc1::rpc1(7, words()),
        &"7: one, file".to_owned(),
    )?;
    show("svc1::add(2, 3)", svc1::add(2, 3), &5)?;
    show("svc1::add(2.5, 0.5)", svc1::add(2.5, 0.5), &3.0)?;
    show(
        r#"svc1::add("over", "load")"#,
        svc1::add("over", "load"),
        &"overload".to_owned(),
    )?;
    show(
        "svc1::add([1, 2], [3, 4])",
        svc1::add([1, 2], [3, 4]),
        &vec![4, 6],
    )?;
    show(
        "calculator::divide(1.0, 4.0)",
        calculator::divide(1.0, 4.0),
        &0.25,
    )?;
    show(
        "calculator::greet(\"Ada\")",
        calculator::greet("Ada".to_owned()),
        &"Hello, Ada!".to_owned(),
    )?;
    show(
        "stats::mean([1.0, 2.0, 6.0])",
        stats::mean(vec![1.0, 2.0, 6.0]),
        &3.0,
    )?;
    let histogram = (vec![0.0, 2.0, 4.0], vec![2, 3]);
    show(
        "stats::histogram(values, 2)",
        stats::histogram(vec![0.0, 1.0, 2.0, 3.0, 4.0], 2),
        &histogram,
    )?;
    let summary = Summary {
        mean: 3.0,
        trend: Trend::Rising,
    };
    show(
        "stats::summarize([1.0, 5.0])",
        stats::summarize(vec![1.0, 5.0]),
        &summary,
    )?;
    show("stats::reset()", stats::reset(), &())
}

fn show<T: Debug + PartialEq>(
    call: &str,
    answer: Result<T, Error>,
    expected: &T,
) -> anyhow::Result<()> {
    let answer = answer.with_context(|| format!("{call} failed"))?;
    ensure!(
        answer == *expected,
        "{call} returned {answer:?}, not {expected:?}"
    );
    let answer = format!("{answer:?}");
    let ty = std::any::type_name::<T>();
    let ty = [
        "alloc::string::",
        "alloc::vec::",
        "demo_client::stubs::types::",
    ]
    .iter()
    .fold(ty.to_owned(), |ty, path| ty.replace(path, ""));
    println!("{call:<30} -> {answer:<29} {ty}");
    Ok(())
}

/// Makes calls that fail, one for each cause, and prints their exceptions.
pub fn failures() -> anyhow::Result<()> {
    let client1 = Network::builder(&TOPOLOGY).client("client1").build()?;
    let client2 = Network::builder(&TOPOLOGY).client("client2").build()?;
    let words = Argument::json("List[str]", "[]")?;
    let elsewhere = client1
        .server("server2")?
        .call("svc1", "rpc1", &[1.into(), words]);
    explain(
        "svc1.rpc1 asked of server2",
        elsewhere,
        ExceptionType::ServiceNotFound,
    )?;
    explain(
        "svc1.rpc9()",
        client1.call("svc1", "rpc9", &[]),
        ExceptionType::RpcNotFound,
    )?;
    let stranger = svc1::Client::new(&client2).add(2, 3);
    explain(
        "svc1.add(2, 3) by client2",
        stranger,
        ExceptionType::ClientNotRegistered,
    )?;
    let one_only = client1.call("svc1", "add", &[Argument::from(2)]);
    explain("svc1.add(2)", one_only, ExceptionType::InvalidArguments)?;
    let by_zero = calculator::Client::new(&client1).divide(1.0, 0.0);
    explain(
        "calculator.divide(1.0, 0.0)",
        by_zero,
        ExceptionType::Execution,
    )
}

fn explain<T: Debug>(
    call: &str,
    answer: Result<T, Error>,
    expected: ExceptionType,
) -> anyhow::Result<()> {
    let Err(error) = answer else {
        anyhow::bail!("{call} did not fail: {answer:?}")
    };
    ensure!(
        error.exception_type() == Some(expected),
        "{call} failed for another reason: {error}"
    );
    let kind = error
        .raised()
        .map_or_else(String::new, |kind| format!(" ({kind})"));
    let message = error.message();
    let message = message
        .split_once("; valid: ")
        .map_or(message, |(message, _)| message);
    let executed = error.executed();
    println!(
        "{:<21} {call:<27} ran: {executed:<3}  {message}{kind}",
        expected.as_str()
    );
    Ok(())
}
