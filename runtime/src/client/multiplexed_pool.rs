//! [`Sessions`]: the multiplexed sessions to one server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::TcpSocket;
use tokio::runtime::{Handle, Id};

use super::connect::{bind, describe, unavailable};
use super::failure::Failure;
use super::multiplexed::Session;
use super::parcel::Parcel;
use super::{Caller, Tries};
use crate::error::{Error, ErrorKind};
use crate::private::Procedure;
use crate::wire::exception::{ExceptionType, Executed};
use crate::wire::value::Value;

/// With so many calls on each session, another is opened.
const BUSY: usize = 256;

/// The sessions to one server, shared by any number of tasks.
#[derive(Debug)]
pub(crate) struct Sessions {
    server: String,
    address: SocketAddr,
    /// How many sessions there may be.
    limit: usize,
    open: Mutex<Vec<Open>>,
    /// Held by whoever opens a session, for each runtime: one that nobody drives holds up none of another.
    opening: Mutex<Vec<(Id, Arc<tokio::sync::Mutex<()>>)>>,
}

#[derive(Debug, Clone)]
struct Open {
    session: Arc<Session>,
    /// The runtime that its driver lives on.
    runtime: Id,
}

impl Sessions {
    pub(crate) fn new(server: &str, address: SocketAddr, limit: usize) -> Self {
        let (open, opening) = (Mutex::default(), Mutex::default());
        Self { server: server.to_owned(), address, limit, open, opening }
    }

    /// Calls a procedure and waits for its answer.
    pub(crate) async fn call<A: Value, R: Value>(
        &self,
        caller: &Caller,
        procedure: &'static Procedure,
        arguments: A,
        (now, until): (Instant, Instant),
    ) -> Result<R, Error> {
        let mut arguments = Parcel::new(arguments);
        let mut tries = Tries::new();
        loop {
            let (session, is_fresh) = self.take(caller, until).await?;
            match session.call(procedure, (now, until), |out| arguments.put(out)).await? {
                Err(failure)
                    if failure.is_not_taken() && arguments.is_there() && tries.may_go_on(is_fresh) => {}
                result => return self.conclude(result),
            }
        }
    }

    fn conclude<R>(&self, result: Result<R, Failure>) -> Result<R, Error> {
        result.map_err(|failure| failure.explain(&self.peer()))
    }

    fn peer(&self) -> String {
        format!("server `{}` at {}", self.server, self.address)
    }

    /// A session for a call, and whether it is fresh.
    async fn take(&self, caller: &Caller, until: Instant) -> Result<(Arc<Session>, bool), Error> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::configuration("an asynchronous call needs a tokio runtime around it"))?
            .id();
        if let Some(session) = self.find(runtime) {
            return Ok((session, false));
        }
        let opened = async {
            let turn = self.opening_on(runtime);
            let _one_at_a_time = turn.lock().await;
            match self.find(runtime) {
                Some(session) => Ok((session, false)),
                None => self.open(caller, runtime).await.map(|session| (session, true)),
            }
        };
        let opened = tokio::time::timeout_at(until.into(), opened).await;
        opened.unwrap_or_else(|_| {
            let message = format!("cannot reach {}: timed out", self.peer());
            Err(Error::local(ErrorKind::Exception(ExceptionType::Unavailable), Executed::No, message))
        })
    }

    /// The session with the fewest calls, unless another should be opened.
    fn find(&self, runtime: Id) -> Option<Arc<Session>> {
        let mut open = self.lock();
        let mut emptiest: Option<(usize, &Open)> = None;
        let (mut mine, mut ended) = (0, false);
        for session in open.iter() {
            match session.session.load() {
                None => ended = true,
                Some(_) if session.runtime != runtime => {}
                Some(calls) => {
                    mine += 1;
                    if emptiest.is_none_or(|(fewest, _)| calls < fewest) {
                        emptiest = Some((calls, session));
                    }
                }
            }
        }
        let enough = emptiest.filter(|(calls, _)| *calls < BUSY || mine >= self.limit);
        let session = enough.map(|(_, open)| Arc::clone(&open.session));
        if ended {
            open.retain(|open| open.session.load().is_some());
        }
        session
    }

    /// What is held while a session is opened on that runtime.
    fn opening_on(&self, runtime: Id) -> Arc<tokio::sync::Mutex<()>> {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.retain(|(id, turn)| *id == runtime || Arc::strong_count(turn) > 1);
        if let Some((_, turn)) = opening.iter().find(|(id, _)| *id == runtime) {
            return Arc::clone(turn);
        }
        let turn = Arc::default();
        opening.push((runtime, Arc::clone(&turn)));
        turn
    }

    async fn open(&self, caller: &Caller, runtime: Id) -> Result<Arc<Session>, Error> {
        let socket = bind(self.address, caller)?;
        let unreachable = |error: std::io::Error| {
            unavailable(format!("cannot reach {}: {}", self.peer(), describe(&error)))
        };
        socket.set_nonblocking(true).map_err(unreachable)?;
        let socket = TcpSocket::from_std_stream(socket.into());
        let stream = socket.connect(self.address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let session = Arc::new(Session::start(stream, &caller.name));
        self.lock().push(Open { session: Arc::clone(&session), runtime });
        Ok(session)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
