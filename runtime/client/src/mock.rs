//! [`Mock`]: answers calls in tests, and records them as [`RecordedCall`].

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

/// A call that a mock received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// The service's name.
    pub service: &'static str,
    /// The procedure's name.
    pub rpc: &'static str,
    /// The types of the arguments, which distinguish overloads.
    pub argument_types: &'static [&'static str],
    /// The JSON text of each argument.
    pub arguments: Vec<String>,
}

/// Formats it as a call: `svc1.rpc1(7, ["a","b"])`.
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

/// Answers calls with closures. Clones share closures and recorded calls.
#[derive(Clone, Default)]
pub struct Mock {
    state: Arc<Mutex<MockState>>,
}

#[derive(Default)]
struct MockState {
    recorded: Vec<RecordedCall>,
    answers: HashMap<SignatureKey, AnswerFn>,
}

/// What distinguishes signatures: the name of the procedure and the types of the arguments.
type SignatureKey = (&'static str, &'static [&'static str]);

/// Turns binary arguments into binary results. It is called without a lock, so it may call the
/// mock.
type AnswerFn = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync>;

impl Mock {
    /// Answers all later calls of this procedure. `answer` gets the tuple of the arguments.
    #[must_use]
    pub fn on<A: Value, R: Value>(
        self,
        procedure: &'static Procedure,
        answer: impl Fn(A) -> Result<R, Error> + Send + Sync + 'static,
    ) -> Self {
        let answer: AnswerFn = Arc::new(move |arguments: &[u8]| {
            let mut returned = Vec::new();
            answer(value::decode(arguments).map_err(|error| type_mismatch(&error))?)?
                .encode(&mut returned);
            Ok(returned)
        });
        self.state().answers.insert(key(procedure), answer);
        self
    }

    /// Returns every call so far, in order.
    pub fn recorded(&self) -> Vec<RecordedCall> {
        self.state().recorded.clone()
    }

    fn state(&self) -> MutexGuard<'_, MockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call. Returns the closure that answers it.
    fn record(&self, procedure: &'static Procedure, arguments: &[u8]) -> Result<AnswerFn, Error> {
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
        let mut state = self.state();
        let answer = state
            .answers
            .get(&key(procedure))
            .cloned()
            .ok_or_else(unanswered);
        state.recorded.push(recorded);
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
        value::decode(&returned).map_err(|error| type_mismatch(&error))
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("recorded", &self.state().recorded)
            .finish_non_exhaustive()
    }
}

fn key(procedure: &'static Procedure) -> SignatureKey {
    (procedure.rpc, procedure.arguments)
}

/// Returns the JSON text of each argument.
fn json_texts(procedure: &'static Procedure, arguments: &[u8]) -> Result<Vec<String>, Error> {
    let mut reader = Reader::new(arguments);
    let text = |ty: &Type| {
        let mut text = Vec::new();
        json::from_binary(ty, &mut reader, &mut text).map_err(|error| type_mismatch(&error))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    procedure.types()?.arguments.iter().map(text).collect()
}

fn type_mismatch(error: &value::DecodeError) -> Error {
    Error::protocol(
        Executed::No,
        format!("the mock and the procedure have different types: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    static ADD: Procedure = Procedure::new("calc", "add", &["int", "int"], &["int"]);
    static JOIN: Procedure = Procedure::new("calc", "add", &["str", "List[str]"], &["str"]);

    #[test]
    fn a_mock_answers_by_signature_and_records_its_calls() {
        let calls = AtomicI64::new(0);
        let mock = Mock::default()
            .on(&ADD, move |(a, b): (i64, i64)| {
                Ok(a + b + calls.fetch_add(1, Ordering::Relaxed))
            })
            .on(&JOIN, |(a, b): (String, Vec<String>)| Ok(a + &b.concat()));
        let clone = mock.clone();
        assert_eq!(clone.carry::<_, i64>(&ADD, (2_i64, 3_i64)).ok(), Some(5));
        assert_eq!(clone.carry::<_, i64>(&ADD, (2_i64, 3_i64)).ok(), Some(6));
        let joined = clone.carry::<_, String>(&JOIN, ("a".to_owned(), vec!["b".to_owned()]));
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
    fn a_call_without_an_answer_fails_and_is_recorded() {
        let mock = Mock::default();
        let error = mock
            .carry::<_, i64>(&ADD, (1_i64, 2_i64))
            .expect_err("no answer");
        let message =
            "the mock has no answer for `calc.add(1, 2)`: give it one with its `on_...` method";
        assert_eq!((error.message(), mock.recorded().len()), (message, 1));
    }

    #[test]
    fn an_answer_may_call_its_own_procedure() {
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
    fn an_answer_may_call_another_procedure_of_the_mock() {
        let mock = Mock::default().on(&JOIN, |(a, _): (String, Vec<String>)| Ok(a));
        let inner = mock.clone();
        let mock = mock.on(&ADD, move |(a, b): (i64, i64)| {
            inner.carry::<_, String>(&JOIN, (a.to_string(), Vec::<String>::new()))?;
            Ok(b)
        });
        assert_eq!(mock.carry::<_, i64>(&ADD, (1_i64, 2_i64)).ok(), Some(2));
    }
}
