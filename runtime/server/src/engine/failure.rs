//! [`PrepareError`] and [`EngineFailure`]: why an engine cannot prepare a service, and why a call
//! failed in it.

use deploy::message::{DeployError, DeployErrorKind, SourceFinding};
use wire::exception::{Exception, ExceptionType, Executed};

/// Why an engine cannot prepare a service.
#[derive(Debug)]
pub(crate) enum PrepareError {
    /// Sources of the service do not pass the check.
    Refused {
        service: String,
        findings: Vec<SourceFinding>,
    },
    /// The service could not be loaded.
    Failed(String),
}

impl std::fmt::Display for PrepareError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { service, findings } => {
                f.write_str(&refused_words(service, findings))?;
                findings
                    .iter()
                    .try_for_each(|finding| write!(f, "\n  {finding}"))
            }
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl From<PrepareError> for DeployError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Refused { service, findings } => {
                let message = refused_words(&service, &findings);
                Self {
                    kind: DeployErrorKind::Refused,
                    message,
                    findings,
                    lease: None,
                }
            }
            PrepareError::Failed(why) => Self::new(DeployErrorKind::Refused, why),
        }
    }
}

fn refused_words(service: &str, findings: &[SourceFinding]) -> String {
    let count = findings.len();
    let errors = if count == 1 { "error" } else { "errors" };
    format!("service `{service}`: {count} {errors} in its sources")
}

/// Why a call failed in an engine.
#[derive(Debug)]
pub(crate) enum EngineFailure {
    /// The engine could not take the call. The procedure did not run.
    Unavailable(String),
    /// The server stops. The call may have begun.
    Stopping,
    /// The deadline passed. The text says during which activity.
    Expired(&'static str, Executed),
    /// The worker died. The text says how.
    Died(String),
    /// The procedure raised an exception of that kind.
    Raised { kind: String, message: String },
    /// A native handler panicked.
    Panicked(String),
    /// The procedure returned a value that is not of the declared type.
    WrongType(String),
}

impl EngineFailure {
    /// Returns the failure of a call whose deadline passed while the procedure was running.
    pub(crate) fn expired_running() -> Self {
        Self::Expired("the procedure was running", Executed::Unknown)
    }
}

impl From<EngineFailure> for Exception {
    fn from(failure: EngineFailure) -> Self {
        let raised = |kind, executed, message: String| {
            let exception = Self::new(ExceptionType::Execution, executed, message);
            Self {
                raised_kind: Some(kind),
                ..exception
            }
        };
        match failure {
            EngineFailure::Unavailable(why) => Self::refused(ExceptionType::Unavailable, why),
            EngineFailure::Stopping => {
                let message = "the server stopped before the procedure returned; it may have begun";
                Self::new(ExceptionType::Unavailable, Executed::Unknown, message)
            }
            EngineFailure::Expired(activity, executed) => {
                let message = format!("the deadline passed while {activity}");
                Self::new(ExceptionType::DeadlineExceeded, executed, message)
            }
            EngineFailure::Died(how) => {
                let message = format!("the procedure's worker died ({how})");
                Self::new(ExceptionType::Execution, Executed::Unknown, message)
            }
            EngineFailure::Raised { kind, message } => raised(kind, Executed::Yes, message),
            EngineFailure::Panicked(words) => raised(
                "panic".to_owned(),
                Executed::Unknown,
                format!("the handler panicked: {words}"),
            ),
            EngineFailure::WrongType(message) => {
                Self::new(ExceptionType::Execution, Executed::Yes, message)
            }
        }
    }
}
