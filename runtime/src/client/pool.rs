//! [`Pool`]: the binary sessions to one server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::blocking::{Ask, Session};
use super::connect::{connect, left, unavailable};
use super::failure::Failure;
use super::parcel::Parcel;
use super::{Caller, Tries};
use crate::error::Error;
use crate::private::Procedure;
use crate::wire::value::Value;

/// The sessions to one server, shared by any number of threads.
#[derive(Debug)]
pub(crate) struct Pool {
    server: String,
    address: SocketAddr,
    /// How many sessions there may be.
    limit: usize,
    sessions: Mutex<Sessions>,
    /// A session was opened, or could not be.
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Sessions {
    /// Used last at the back.
    open: Vec<Arc<Shared>>,
    /// How many are being opened; `open.len() + opening <= limit`.
    opening: usize,
}

/// A session and how many calls are on it.
#[derive(Debug)]
struct Shared {
    session: Session,
    calls: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(server: &str, address: SocketAddr, limit: usize) -> Self {
        let sessions = Mutex::default();
        Self { server: server.to_owned(), address, limit, sessions, opened: Condvar::new() }
    }

    /// Calls a procedure and waits for its answer.
    pub(crate) fn call<A: Value, R: Value>(
        &self,
        caller: &Caller,
        procedure: &'static Procedure,
        arguments: A,
        (now, until): (Instant, Instant),
    ) -> Result<R, Error> {
        let ask = |taken: &Taken| {
            // Connecting has taken its time.
            let now = if taken.1 { Instant::now() } else { now };
            Ask { procedure, now, until }
        };
        let mut arguments = Parcel::new(arguments);
        let mut tries = Tries::new();
        loop {
            let taken = self.take(caller, now, until)?;
            match taken.0.session.call(ask(&taken), |out| arguments.put(out))? {
                Err(failure)
                    if failure.is_not_taken() && arguments.is_there() && tries.may_go_on(taken.1) => {}
                result => return self.conclude(result),
            }
        }
    }

    fn conclude<R>(&self, result: Result<R, Failure>) -> Result<R, Error> {
        result.map_err(|failure| failure.explain(&format!("server `{}` at {}", self.server, self.address)))
    }

    /// A session for a call: an idle one, else a fresh one, else the one with the fewest calls.
    fn take(&self, caller: &Caller, now: Instant, until: Instant) -> Result<Taken, Error> {
        let mut sessions = self.lock();
        loop {
            let idle = sessions.open.iter().rposition(|shared| shared.calls.load(Ordering::Relaxed) == 0);
            if let Some(place) = idle {
                if sessions.open[place].session.is_usable(now) {
                    return Ok(Taken::of(&sessions.open[place], false));
                }
                sessions.open.remove(place);
                continue;
            }
            if sessions.open.len() + sessions.opening < self.limit {
                sessions.opening += 1;
                drop(sessions);
                return self.open(caller, until);
            }
            let emptiest = sessions.open.iter().min_by_key(|shared| shared.calls.load(Ordering::Relaxed));
            if let Some(shared) = emptiest {
                if shared.session.is_usable(now) {
                    return Ok(Taken::of(shared, false));
                }
                let ended = Arc::clone(shared);
                sessions.open.retain(|shared| !Arc::ptr_eq(shared, &ended));
                continue;
            }
            if Instant::now() >= until {
                return Err(unavailable(format!("no session with server `{}` in time", self.server)));
            }
            let waited = self.opened.wait_timeout(sessions, left(until));
            sessions = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn open(&self, caller: &Caller, until: Instant) -> Result<Taken, Error> {
        let stream = connect(&self.server, self.address, caller, until);
        let mut sessions = self.lock();
        sessions.opening -= 1;
        self.opened.notify_all();
        let session = Session::new(stream?, &caller.name);
        let shared = Arc::new(Shared { session, calls: AtomicUsize::new(0) });
        sessions.open.push(Arc::clone(&shared));
        Ok(Taken::of(&shared, true))
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session with a call on it, and whether it is fresh.
struct Taken(Arc<Shared>, bool);

impl Taken {
    fn of(shared: &Arc<Shared>, is_fresh: bool) -> Self {
        shared.calls.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared), is_fresh)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}
