//! [`MultiplexedPool`]: the binary sessions to one server that tasks share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpSocket;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;
use wire::calls::client_session::CallTime;
use wire::procedure::Procedure;
use wire::value::Value;

use crate::connect::{bind, unreachable};
use crate::endpoint::{Caller, Endpoint};
use crate::error::Error;
use crate::explain::{explain, unavailable};
use crate::multiplexed::MultiplexedSession;
use crate::pending_arguments::PendingArguments;
use crate::retry::{Attempt, NextStep, RetryPolicy};

/// With this many calls on each session, another session is opened.
const CALLS_PER_SESSION: usize = 256;

/// Why an asynchronous call cannot be made outside of a runtime.
pub(crate) const NO_RUNTIME: &str = "an asynchronous call needs a tokio runtime around it";

/// The sessions to one server, shared by any number of tasks.
#[derive(Debug)]
pub(crate) struct MultiplexedPool {
    endpoint: Endpoint,
    max_sessions: usize,
    open: Mutex<Vec<PooledSession>>,
    /// For each runtime, the lock that is held while a session is opened. A runtime that does not
    /// run its tasks does not delay the others.
    opening: Mutex<Vec<(Id, Arc<tokio::sync::Mutex<()>>)>>,
}

#[derive(Debug, Clone)]
struct PooledSession {
    session: Arc<MultiplexedSession>,
    /// The runtime that drives it.
    runtime: Id,
}

/// A session for a call.
struct Reserved {
    session: Arc<MultiplexedSession>,
    /// Whether it was opened for this call.
    is_fresh: bool,
}

impl MultiplexedPool {
    pub(crate) fn new(endpoint: Endpoint, max_sessions: usize) -> Self {
        Self {
            endpoint,
            max_sessions,
            open: Mutex::default(),
            opening: Mutex::default(),
        }
    }

    /// Calls a procedure and waits for its answer.
    pub(crate) async fn call<A: Value, R: Value>(
        &self,
        caller: &Caller,
        procedure: &'static Procedure,
        arguments: A,
        time: CallTime,
    ) -> Result<R, Error> {
        let mut arguments = PendingArguments::new(arguments);
        let mut policy = RetryPolicy::new();
        loop {
            let Reserved { session, is_fresh } = self.reserve(caller, time.deadline.into()).await?;
            let failure = match session
                .call(procedure, time, |out| arguments.put(out))
                .await
            {
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

    /// Reserves a session for a call.
    async fn reserve(&self, caller: &Caller, deadline: Instant) -> Result<Reserved, Error> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::configuration(NO_RUNTIME))?
            .id();
        if let Some(session) = self.find(runtime) {
            return Ok(Reserved {
                session,
                is_fresh: false,
            });
        }
        let opened = async {
            let lock = self.opening_on(runtime);
            let _one_at_a_time = lock.lock().await;
            if let Some(session) = self.find(runtime) {
                return Ok(Reserved {
                    session,
                    is_fresh: false,
                });
            }
            let session = self.open(caller, runtime).await?;
            Ok(Reserved {
                session,
                is_fresh: true,
            })
        };
        let opened = tokio::time::timeout_at(deadline, opened).await;
        opened.unwrap_or_else(|_| {
            Err(unavailable(format!(
                "cannot reach {}: timed out",
                self.endpoint
            )))
        })
    }

    /// Returns the session with the fewest calls. `None` if another one should be opened.
    fn find(&self, runtime: Id) -> Option<Arc<MultiplexedSession>> {
        let mut open = self.lock();
        let mut least_used: Option<(usize, &PooledSession)> = None;
        let mut of_runtime = 0;
        let mut has_ended = false;
        for pooled in open.iter() {
            match pooled.session.load() {
                None => has_ended = true,
                Some(_) if pooled.runtime != runtime => {}
                Some(calls) => {
                    of_runtime += 1;
                    if least_used.is_none_or(|(fewest, _)| calls < fewest) {
                        least_used = Some((calls, pooled));
                    }
                }
            }
        }
        let has_room = |calls: usize| calls < CALLS_PER_SESSION || of_runtime >= self.max_sessions;
        let session = least_used.filter(|(calls, _)| has_room(*calls));
        let session = session.map(|(_, pooled)| Arc::clone(&pooled.session));
        if has_ended {
            open.retain(|pooled| pooled.session.load().is_some());
        }
        session
    }

    /// Returns the lock that is held while a session is opened on that runtime.
    fn opening_on(&self, runtime: Id) -> Arc<tokio::sync::Mutex<()>> {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.retain(|(id, lock)| *id == runtime || Arc::strong_count(lock) > 1);
        if let Some((_, lock)) = opening.iter().find(|(id, _)| *id == runtime) {
            return Arc::clone(lock);
        }
        let lock = Arc::default();
        opening.push((runtime, Arc::clone(&lock)));
        lock
    }

    async fn open(&self, caller: &Caller, runtime: Id) -> Result<Arc<MultiplexedSession>, Error> {
        let socket = bind(self.endpoint.address, caller)?;
        let failed = |error| unreachable(&self.endpoint, error);
        socket.set_nonblocking(true).map_err(failed)?;
        let socket = TcpSocket::from_std_stream(socket.into());
        let stream = socket
            .connect(self.endpoint.address)
            .await
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        #[cfg(feature = "tls")]
        let stream = match &caller.tls {
            Some(folder) => {
                let shaken = crate::tls_connect::shake_hands_async(stream, folder, &self.endpoint);
                shaken.await?.into()
            }
            None => stream.into(),
        };
        let session = Arc::new(MultiplexedSession::start(stream, &caller.name));
        self.lock().push(PooledSession {
            session: Arc::clone(&session),
            runtime,
        });
        Ok(session)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PooledSession>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
