//! [`TextPool`]: the idle text sessions to one server, and a call over one of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::incoming_message::Reply;
use super::session::TextSession;
use crate::dynamic::Answer;
use crate::endpoint::{Caller, Endpoint};
use crate::error::Error;
use crate::explain::explain;
use crate::retry::{Attempt, NextStep, RetryPolicy};

/// Maximum number of idle sessions in the pool.
const MAX_IDLE_SESSIONS: usize = 16;

/// The sessions to one server. A call takes a session out and puts it back after the answer.
#[derive(Debug)]
pub(crate) struct TextPool {
    endpoint: Endpoint,
    /// `idle.len() <= MAX_IDLE_SESSIONS`; the last one was used last.
    idle: Mutex<Vec<TextSession>>,
    next_id: AtomicU64,
}

impl TextPool {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            idle: Mutex::default(),
            next_id: AtomicU64::new(1),
        }
    }

    /// Sends the request that `write` appends, and waits for the answer until `deadline`. `write`
    /// gets the id of the request.
    pub(crate) fn exchange(
        &self,
        caller: &Caller,
        deadline: Instant,
        write: impl FnOnce(u64, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Answer, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut request = Vec::with_capacity(256);
        write(id, &mut request)?;
        let mut policy = RetryPolicy::new();
        loop {
            let (mut session, is_fresh) = match self.take_idle() {
                Some(session) => (session, false),
                None => (
                    TextSession::connect(&self.endpoint, caller, deadline)?,
                    true,
                ),
            };
            let greeted = if is_fresh {
                session.greet(deadline)
            } else {
                Ok(())
            };
            let failure = match greeted.and_then(|()| session.exchange(&request, id, deadline)) {
                Ok(reply) => return self.conclude(session, id, reply),
                Err(failure) => failure,
            };
            if policy.next(
                Attempt {
                    is_fresh,
                    has_arguments: true,
                },
                &failure,
            ) == NextStep::Fail
            {
                return Err(explain(failure, &self.endpoint));
            }
        }
    }

    /// Returns the answer. Keeps the session if the answer belongs to this call.
    fn conclude(&self, session: TextSession, id: u64, reply: Reply) -> Result<Answer, Error> {
        if reply.id == Some(id) {
            self.put_back(session);
        }
        reply.outcome.map_err(Error::from)
    }

    /// Takes an idle session that is still open. `None` if there is none.
    fn take_idle(&self) -> Option<TextSession> {
        loop {
            let session = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()?;
            if session.is_quiet() {
                return Some(session);
            }
        }
    }

    /// Keeps a session for another call, if there is space and the server accepts more calls.
    fn put_back(&self, session: TextSession) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE_SESSIONS && session.takes_more() {
            idle.push(session);
        }
    }
}
