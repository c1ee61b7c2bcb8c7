//! Tests code that is written against `Calls`, with the generated mock instead of the network.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use rpc_runtime::{Error, ErrorKind, ExceptionType, Executed};

#[rustfmt::skip]
#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

#[rustfmt::skip]
#[path = "../goldens/records/gen/mod.rs"]
mod records;

#[rustfmt::skip]
#[path = "../goldens/tutorial/gen/mod.rs"]
mod tutorial_stubs;

mod tutorial {
    use super::tutorial_stubs as stubs;
    use stubs::words;

    include!("tutorial.rs");
}

use records::poll;
use records::types::{Level, Tally};
use stubs::calc::{self, Calls as _};

/// Code as a user would write it. It works with a client and with a mock.
fn total(calc: &impl calc::Calls, numbers: &[i64]) -> Result<i64, Error> {
    numbers
        .iter()
        .try_fold(0, |sum, number| calc.add(sum, *number))
}

/// The same code without generics.
fn total_of(calc: &dyn calc::Calls, numbers: &[i64]) -> Result<i64, Error> {
    numbers
        .iter()
        .try_fold(0, |sum, number| calc.add_int_int(sum, *number))
}

/// The same code as an `async fn`. It works with an asynchronous client and with a mock.
async fn total_async(calc: &impl calc::AsyncCalls, numbers: &[i64]) -> Result<i64, Error> {
    let mut sum = 0;
    for number in numbers {
        sum = calc.add_int_int(sum, *number).await?;
    }
    Ok(sum)
}

#[test]
fn asynchronous_code_runs_with_the_same_mock() {
    let mock = calc::Mock::new().on_add_int_int(|a, b| Ok(a + b));
    let mut total = pin!(total_async(&mock, &[1, 2, 3]));
    let polled = total.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(6))), "{polled:?}");
    assert_eq!(mock.recorded().len(), 3);
}

#[test]
fn each_overload_has_its_own_answer() -> Result<(), Error> {
    let mock = calc::Mock::new()
        .on_add_int_int(|a, b| Ok(a + b))
        .on_add_str_str(|a, b| Ok(a + &b));
    assert_eq!(total(&mock, &[1, 2, 3])?, 6);
    assert_eq!(total_of(&mock, &[4])?, 4);
    assert_eq!(mock.add("a", "b")?, "ab");
    let recorded: Vec<String> = mock.recorded().iter().map(ToString::to_string).collect();
    assert_eq!(
        recorded,
        [
            "calc.add(0, 1)",
            "calc.add(1, 2)",
            "calc.add(3, 3)",
            "calc.add(0, 4)",
            r#"calc.add("a", "b")"#
        ]
    );
    Ok(())
}

#[test]
fn an_answer_may_keep_state_and_fail() {
    let calls = AtomicUsize::new(0);
    let mock = calc::Mock::new().on_add_int_int(move |a, b| {
        let late = || {
            let kind = ErrorKind::Exception(ExceptionType::DeadlineExceeded);
            Error::new(kind, Executed::Unknown, "too late")
        };
        if calls.fetch_add(1, Ordering::Relaxed) > 0 {
            Err(late())
        } else {
            Ok(a + b)
        }
    });
    assert_eq!(total(&mock, &[1]).ok(), Some(1));
    let error = total(&mock, &[1]).expect_err("the second call is late");
    assert_eq!(
        error.exception_type(),
        Some(ExceptionType::DeadlineExceeded)
    );
    assert_eq!(error.executed(), Executed::Unknown);
}

#[test]
fn the_error_of_an_unanswered_call_names_the_call() {
    let error = total(&calc::Mock::new(), &[7]).expect_err("no answer");
    assert_eq!(
        error.to_string(),
        "the mock has no answer for `calc.add(0, 7)`: give it one with its `on_...` method"
    );
}

#[test]
fn records_are_structs_and_enumerations_are_enums() -> Result<(), Error> {
    let tally = Tally {
        candidate: "ann".to_owned(),
        votes: 3,
        trust: Some(Level::VeryHigh),
    };
    let mock = poll::Mock::new()
        .on_show_tally(|tally| Ok(format!("{tally:?}")))
        .on_show_level(|level| Ok(level.to_string()))
        .on_show_list_tally_level(|mut tallies, level| Ok((tallies.remove(0), level)))
        .on_count(|tallies, least| {
            let tallies = [("all".to_owned(), tallies)].into();
            Ok(records::types::Result {
                r#type: least.as_str().to_owned(),
                tallies,
                raw: (vec![1], 0.5),
            })
        });
    let show = |tally: &Tally| poll::Calls::show(&mock, tally);
    assert_eq!(
        show(&tally)?,
        r#"Tally { candidate: "ann", votes: 3, trust: Some(VeryHigh) }"#
    );
    assert_eq!(poll::Calls::show(&mock, Level::NotFound)?, "NOT_FOUND");
    let shown = poll::Calls::show(&mock, ([tally.clone()], &Level::Low))?;
    assert_eq!(shown, (tally.clone(), Level::Low));
    let counted = poll::Calls::count(&mock, vec![tally.clone()], Level::And)?;
    assert_eq!(
        (counted.r#type.as_str(), &counted.tallies["all"]),
        ("and", &vec![tally])
    );
    let recorded: Vec<String> = mock.recorded().iter().map(ToString::to_string).collect();
    assert_eq!(
        recorded[0],
        r#"poll.show({"candidate":"ann","votes":3,"trust":"very_high"})"#
    );
    Ok(())
}

#[test]
fn serde_uses_the_names_of_the_file() {
    let tally = Tally {
        candidate: "ann".to_owned(),
        votes: 3,
        trust: Some(Level::NotFound),
    };
    let json = serde_json::to_string(&tally).expect("JSON");
    assert_eq!(json, r#"{"candidate":"ann","votes":3,"trust":"NOT_FOUND"}"#);
    assert_eq!(serde_json::from_str::<Tally>(&json).ok(), Some(tally));
    let read = serde_json::from_str::<Tally>(r#"{"candidate":"ann","votes":3}"#);
    assert_eq!(read.ok().and_then(|tally| tally.trust), None);
    assert!(serde_json::from_str::<Tally>(r#"{"candidate":"ann","votes":3,"x":1}"#).is_err());
    assert_eq!(
        Level::ALL.map(Level::as_str),
        ["low", "very_high", "and", "NOT_FOUND"]
    );
}

#[test]
fn the_tutorial_shows_a_mock_that_works() {
    assert!(include_str!("../../../docs/TUTORIAL.md").contains(include_str!("tutorial.rs")));
}
