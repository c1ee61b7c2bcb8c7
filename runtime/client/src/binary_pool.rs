//! [`BinaryPool`]: the binary sessions to one server that threads share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wire::calls::client_session::CallTime;
use wire::procedure::Procedure;
use wire::value::Value;

use crate::blocking::BlockingSession;
use crate::connect::{open, time_left};
use crate::endpoint::{Caller, Endpoint};
use crate::error::Error;
use crate::explain::{explain, unavailable};
use crate::pending_arguments::PendingArguments;
use crate::retry::{Attempt, NextStep, RetryPolicy};

/// The sessions to one server, shared by any number of threads.
#[derive(Debug)]
pub(crate) struct BinaryPool {
    endpoint: Endpoint,
    max_sessions: usize,
    sessions: Mutex<Sessions>,
    /// Notified when a session was opened, or could not be opened.
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Sessions {
    /// The open sessions. The last one was used last.
    open: Vec<Arc<PooledSession>>,
    /// Number of sessions that are being opened; `open.len() + opening <= max_sessions`.
    opening: usize,
}

/// A session and how many calls are on it.
#[derive(Debug)]
struct PooledSession {
    session: BlockingSession,
    calls: AtomicUsize,
}

impl BinaryPool {
    pub(crate) fn new(endpoint: Endpoint, max_sessions: usize) -> Self {
        Self {
            endpoint,
            max_sessions,
            sessions: Mutex::default(),
            opened: Condvar::new(),
        }
    }

    /// Calls a procedure and waits for its answer.
    pub(crate) fn call<A: Value, R: Value>(
        &self,
        caller: &Caller,
        procedure: &'static Procedure,
        arguments: A,
        time: CallTime,
    ) -> Result<R, Error> {
        let mut arguments = PendingArguments::new(arguments);
        let mut policy = RetryPolicy::new();
        loop {
            let reserved = self.reserve(caller, time)?;
            let is_fresh = reserved.is_fresh;
            // Connecting may have taken long.
            let now = if is_fresh { Instant::now() } else { time.now };
            let session = &reserved.pooled.session;
            let result = session.call(procedure, CallTime { now, ..time }, |out| {
                arguments.put(out);
            });
            let failure = match result {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let attempt = Attempt {
                is_fresh,
                has_arguments: arguments.can_be_put(),
            };
            if policy.next(attempt, &failure) == NextStep::Fail {
                return Err(explain(failure, &self.endpoint));
            }
        }
    }

    /// Reserves a session for a call: an idle one, else a fresh one, else the one with the fewest
    /// calls.
    fn reserve(&self, caller: &Caller, time: CallTime) -> Result<Reserved, Error> {
        let mut sessions = self.lock();
        loop {
            let idle = sessions
                .open
                .iter()
                .rposition(|pooled| pooled.calls.load(Ordering::Relaxed) == 0);
            if let Some(place) = idle {
                if sessions.open[place].session.is_usable(time.now) {
                    return Ok(Reserved::new(&sessions.open[place], false));
                }
                sessions.open.remove(place);
                continue;
            }
            if sessions.open.len() + sessions.opening < self.max_sessions {
                sessions.opening += 1;
                drop(sessions);
                return self.open(caller, time.deadline);
            }
            let least_used = sessions
                .open
                .iter()
                .min_by_key(|pooled| pooled.calls.load(Ordering::Relaxed));
            if let Some(pooled) = least_used {
                if pooled.session.is_usable(time.now) {
                    return Ok(Reserved::new(pooled, false));
                }
                let ended = Arc::clone(pooled);
                sessions.open.retain(|pooled| !Arc::ptr_eq(pooled, &ended));
                continue;
            }
            if Instant::now() >= time.deadline {
                let server = &self.endpoint.server;
                return Err(unavailable(format!(
                    "no session with server `{server}` was opened within the deadline"
                )));
            }
            let waited = self.opened.wait_timeout(sessions, time_left(time.deadline));
            sessions = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn open(&self, caller: &Caller, deadline: Instant) -> Result<Reserved, Error> {
        let connected = open(&self.endpoint, caller, deadline);
        let mut sessions = self.lock();
        sessions.opening -= 1;
        self.opened.notify_all();
        let session = BlockingSession::new(connected?, &caller.name);
        let pooled = Arc::new(PooledSession {
            session,
            calls: AtomicUsize::new(0),
        });
        sessions.open.push(Arc::clone(&pooled));
        Ok(Reserved::new(&pooled, true))
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that a call uses, until this is dropped.
struct Reserved {
    pooled: Arc<PooledSession>,
    /// Whether it was opened for this call.
    is_fresh: bool,
}

impl Reserved {
    fn new(pooled: &Arc<PooledSession>, is_fresh: bool) -> Self {
        pooled.calls.fetch_add(1, Ordering::Relaxed);
        Self {
            pooled: Arc::clone(pooled),
            is_fresh,
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.pooled.calls.fetch_sub(1, Ordering::Relaxed);
    }
}
