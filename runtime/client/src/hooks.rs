//! [`CallHooks`]: observes each call before and after it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;

/// Observes the calls of a [`Network`](crate::Network); see
/// [`NetworkBuilder::hooks`](crate::NetworkBuilder::hooks).
///
/// The methods run on the caller's thread or task, so they should be short.
pub trait CallHooks: Send + Sync {
    /// Called before a call is sent.
    fn before(&self, _call: &CallStart<'_>) {}

    /// Called when a call has returned or failed. Not called if the future of an asynchronous call
    /// is dropped.
    fn after(&self, _call: &CallStart<'_>, _end: &CallEnd<'_>) {}
}

/// A call, as far as it is known before it is sent.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallStart<'a> {
    /// The service's name.
    pub service: &'a str,
    /// The procedure's name.
    pub rpc: &'a str,
    /// The server that the call goes to.
    pub server: &'a str,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallEnd<'a> {
    /// The time from before the call was sent until its end.
    pub duration: Duration,
    /// The error, if it failed.
    pub error: Option<&'a Error>,
}

/// The hooks of a network, if it has any.
#[derive(Clone, Default)]
pub(crate) struct Hooks(pub(crate) Option<Arc<dyn CallHooks>>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Hooks"
        } else {
            "no hooks"
        })
    }
}

impl Hooks {
    /// Makes a call with the hooks before and after it.
    pub(crate) fn around<R>(
        &self,
        call: CallStart<'_>,
        make: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R, Error> {
        let Some(observed) = Observed::begin(self, call) else {
            return make();
        };
        observed.end(make())
    }
}

/// A call under way that hooks observe.
pub(crate) struct Observed<'a> {
    hooks: &'a dyn CallHooks,
    call: CallStart<'a>,
    began: Instant,
}

impl<'a> Observed<'a> {
    /// Runs the hook before a call. `None` if there are no hooks.
    pub(crate) fn begin(hooks: &'a Hooks, call: CallStart<'a>) -> Option<Self> {
        let hooks = hooks.0.as_deref()?;
        hooks.before(&call);
        Some(Self {
            hooks,
            call,
            began: Instant::now(),
        })
    }

    /// Runs the hook after the call, and passes its result on.
    pub(crate) fn end<R>(self, result: Result<R, Error>) -> Result<R, Error> {
        let end = CallEnd {
            duration: self.began.elapsed(),
            error: result.as_ref().err(),
        };
        self.hooks.after(&self.call, &end);
        result
    }
}
