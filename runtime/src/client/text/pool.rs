//! The idle sessions to one server, and a call over one of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::{Caller, Tries};
use super::reply::Reply;
use super::session::{Failure, Session};
use crate::dynamic::Answer;
use crate::error::Error;
use crate::wire::exception::Executed;

/// More idle sessions than this are closed instead of kept.
const MAX_IDLE_SESSIONS: usize = 16;

/// The sessions to one server. A call takes one out and puts it back when its answer has come.
#[derive(Debug)]
pub(crate) struct Pool {
    server: String,
    address: SocketAddr,
    /// `idle.len() <= MAX_IDLE_SESSIONS`; the last one was used last.
    idle: Mutex<Vec<Session>>,
    next_id: AtomicU64,
}

impl Pool {
    pub(crate) fn new(server: &str, address: SocketAddr) -> Self {
        Self { server: server.to_owned(), address, idle: Mutex::default(), next_id: AtomicU64::new(1) }
    }

    /// Sends the request that `write` appends (given its id), and waits for the answer until `until`.
    pub(crate) fn exchange(
        &self,
        caller: &Caller,
        until: Instant,
        write: impl FnOnce(u64, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Answer, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut request = Vec::with_capacity(256);
        write(id, &mut request)?;
        let (session, reply) = self.send(caller, &request, id, until)?;
        if reply.id == Some(id) {
            self.put_back(session);
        }
        reply.outcome.map_err(Error::from)
    }

    /// Over an idle session; where that one turns out to be closed before the request was handed over, over a fresh one.
    fn send(
        &self,
        caller: &Caller,
        request: &[u8],
        id: u64,
        until: Instant,
    ) -> Result<(Session, Reply), Error> {
        while let Some(mut session) = self.take_idle() {
            match session.exchange(request, id, until) {
                Ok(reply) => return Ok((session, reply)),
                Err(failure) if failure.is_not_sent() => {}
                Err(failure) => return Err(self.explain(failure)),
            }
        }
        let mut tries = Tries::new();
        loop {
            let mut session = Session::connect(&self.server, self.address, caller, until)?;
            let greeted = session.greet(until);
            let greeted = greeted.map_err(|failure| match failure {
                // Nothing was asked of it.
                Failure::Protocol(words) => {
                    let peer = format!("server `{}` at {}", self.server, self.address);
                    Failure::Answered(Error::protocol(Executed::No, format!("{peer}: {words}")))
                }
                failure => failure,
            });
            match greeted.and_then(|()| session.exchange(request, id, until)) {
                Ok(reply) => return Ok((session, reply)),
                Err(failure) if failure.is_not_sent() && tries.may_go_on(true) => {}
                Err(failure) => return Err(self.explain(failure)),
            }
        }
    }

    fn explain(&self, failure: Failure) -> Error {
        failure.explain(&format!("server `{}` at {}", self.server, self.address))
    }

    fn take_idle(&self) -> Option<Session> {
        loop {
            let session = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if session.is_quiet() {
                return Some(session);
            }
        }
    }

    fn put_back(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE_SESSIONS && session.takes_more() {
            idle.push(session);
        }
    }
}
