//! [`Mock`]: what answers calls in tests, and [`RecordedCall`]: what it remembers of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc_schema::Type;

use crate::error::Error;
use crate::transport::Transport;
use wire::exception::Executed;
use wire::json;
use wire::procedure::Procedure;
use wire::value::{self, Reader, Value};

/// A call that a test double was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// The service's name.
    pub service: &'static str,
    /// The procedure's name.
    pub rpc: &'static str,
    /// The types of the arguments, which tell overloads apart.
    pub argument_types: &'static [&'static str],
    /// The JSON text of each argument.
    pub arguments: Vec<String>,
}

/// Written like a call: `svc1.rpc1(7, ["a","b"])`.
impl fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}({})",
            self.service,
            self.rpc,
            self.arguments.join(", ")
        )
    }
}

/// Answers calls with closures. Clones share closures and memory.
#[derive(Clone, Default)]
pub struct Mock {
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    recorded: Vec<RecordedCall>,
    answers: HashMap<Key, Answer>,
}

/// By what signatures are told apart.
type Key = (&'static str, &'static [&'static str]);

/// From binary arguments to binary results. It is called without a lock, so that it may make calls
/// itself.
type Answer = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync>;

impl Mock {
    /// Answers this procedure from here on; `answer` gets the tuple of its arguments.
    #[must_use]
    pub fn on<A: Value, R: Value>(
        self,
        procedure: &'static Procedure,
        answer: impl Fn(A) -> Result<R, Error> + Send + Sync + 'static,
    ) -> Self {
        let answer: Answer = Arc::new(move |arguments: &[u8]| {
            let mut returned = Vec::new();
            answer(value::decode(arguments).map_err(|error| garbled(&error))?)?
                .encode(&mut returned);
            Ok(returned)
        });
        self.memory().answers.insert(key(procedure), answer);
        self
    }

    /// Every call so far, in order.
    pub fn recorded(&self) -> Vec<RecordedCall> {
        self.memory().recorded.clone()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a call; what answers it.
    fn record(&self, procedure: &'static Procedure, arguments: &[u8]) -> Result<Answer, Error> {
        let recorded = RecordedCall {
            service: procedure.service,
            rpc: procedure.rpc,
            argument_types: procedure.arguments,
            arguments: json_texts(procedure, arguments)?,
        };
        let unanswered = || {
            let message = format!(
                "the mock has no answer for `{recorded}`: give it one with its `on_...` method"
            );
            Error::configuration(message)
        };
        let mut memory = self.memory();
        let answer = memory
            .answers
            .get(&key(procedure))
            .cloned()
            .ok_or_else(unanswered);
        memory.recorded.push(recorded);
        answer
    }
}

impl Transport for Mock {
    fn carry<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        let mut binary = Vec::new();
        arguments.encode(&mut binary);
        let answer = self.record(procedure, &binary)?;
        let returned = answer(&binary)?;
        value::decode(&returned).map_err(|error| garbled(&error))
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("recorded", &self.memory().recorded)
            .finish_non_exhaustive()
    }
}

fn key(procedure: &'static Procedure) -> Key {
    (procedure.rpc, procedure.arguments)
}

fn json_texts(procedure: &'static Procedure, arguments: &[u8]) -> Result<Vec<String>, Error> {
    let mut reader = Reader::new(arguments);
    let text = |ty: &Type| {
        let mut text = Vec::new();
        json::from_binary(ty, &mut reader, &mut text).map_err(|error| garbled(&error))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    procedure.types()?.arguments.iter().map(text).collect()
}

fn garbled(error: &value::DecodeError) -> Error {
    Error::protocol(
        Executed::No,
        format!("the mock and the procedure disagree about their types: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    static ADD: Procedure = Procedure::new("calc", "add", &["int", "int"], &["int"]);
    static JOIN: Procedure = Procedure::new("calc", "add", &["str", "List[str]"], &["str"]);

    #[test]
    fn a_mock_answers_by_signature_and_remembers_what_it_was_asked() {
        let calls = AtomicI64::new(0);
        let mock = Mock::default()
            .on(&ADD, move |(a, b): (i64, i64)| {
                Ok(a + b + calls.fetch_add(1, Ordering::Relaxed))
            })
            .on(&JOIN, |(a, b): (String, Vec<String>)| Ok(a + &b.concat()));
        let carrier = mock.clone();
        assert_eq!(carrier.carry::<_, i64>(&ADD, (2_i64, 3_i64)).ok(), Some(5));
        assert_eq!(carrier.carry::<_, i64>(&ADD, (2_i64, 3_i64)).ok(), Some(6));
        let joined = carrier.carry::<_, String>(&JOIN, ("a".to_owned(), vec!["b".to_owned()]));
        assert_eq!(joined.ok().as_deref(), Some("ab"));
        let recorded: Vec<String> = mock.recorded().iter().map(ToString::to_string).collect();
        assert_eq!(
            recorded,
            [
                "calc.add(2, 3)",
                "calc.add(2, 3)",
                r#"calc.add("a", ["b"])"#
            ]
        );
    }

    #[test]
    fn a_call_without_an_answer_says_so_and_is_remembered() {
        let mock = Mock::default();
        let error = mock
            .carry::<_, i64>(&ADD, (1_i64, 2_i64))
            .expect_err("no answer");
        let message =
            "the mock has no answer for `calc.add(1, 2)`: give it one with its `on_...` method";
        assert_eq!((error.message(), mock.recorded().len()), (message, 1));
    }

    #[test]
    fn an_answer_may_make_the_call_that_it_answers() {
        let mock = Mock::default();
        let inner = mock.clone();
        let sum_to = move |(a, b): (i64, i64)| match a {
            0 => Ok(b),
            _ => inner.carry::<_, i64>(&ADD, (a - 1, a + b)),
        };
        assert_eq!(
            mock.on(&ADD, sum_to)
                .carry::<_, i64>(&ADD, (4_i64, 0_i64))
                .ok(),
            Some(10)
        );
    }

    #[test]
    fn an_answer_may_call_the_mock_itself() {
        let mock = Mock::default().on(&JOIN, |(a, _): (String, Vec<String>)| Ok(a));
        let inner = mock.clone();
        let mock = mock.on(&ADD, move |(a, b): (i64, i64)| {
            inner.carry::<_, String>(&JOIN, (a.to_string(), Vec::<String>::new()))?;
            Ok(b)
        });
        assert_eq!(mock.carry::<_, i64>(&ADD, (1_i64, 2_i64)).ok(), Some(2));
    }
}
