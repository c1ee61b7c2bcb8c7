//! Executes a plan: turns each command of the coordinator into messages to one server.

use std::io;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::connection::Connection;
use crate::desired::DesiredServer;
use crate::error::{InitializerError, RequestError, Unreachable};
use crate::initializer::Initializer;
use crate::join::join_all;
use crate::options::InitializerOptions;
use crate::plan::ServerPlan;
use crate::progress::ApplyEvent;
use crate::survey::LiveServer;
use deploy::coordinator::{Command, Coordinator, Event, ServerState};
use deploy::manifest::Manifest;
use deploy::message::{
    BeginAnswer, DeployRequest, LiveAnswer, ManifestPatch, OutcomeAnswer, ProbeAnswer, PutFile,
    StatusAnswer,
};
use deploy::packed::Packed;
use deploy::participant::{Lease, Live, Outcome};
use deploy::random_id;

/// How long a server waits for the next step or the next renewal. If the initializer is gone, the
/// server is free again after this time.
pub const LEASE: Duration = Duration::from_secs(15);

/// How long a stopped apply waits for the servers to drop it.
const STOP_TIME: Duration = Duration::from_secs(5);

/// Pause between two renewals of a lease. A renewal that takes longer than this is given up.
const RENEWAL_PAUSE: Duration = Duration::from_secs(4);

/// Packed bytes of files in one message, about. A message has at most half of the server's frame
/// limit.
const BATCH_BYTES: usize = 4 << 20;

/// Number of bytes of a message that are reserved for everything but the file.
const MESSAGE_RESERVE: usize = 4096;

/// Maximum number of tries of a request that may be repeated.
const MAX_TRIES: u32 = 10;

/// Pause between two tries.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// The result of an apply.
#[derive(Debug)]
#[non_exhaustive]
pub struct Applied {
    /// The id of the apply.
    pub id: String,
    /// Whether every changed server runs what the plan says.
    pub complete: bool,
    /// Whether the apply was stopped before a server was asked to commit. Nothing has changed then.
    pub stopped: bool,
    /// The lease of another apply, for which a server refused this one.
    pub foreign_lease: Option<Lease>,
    /// The result for each server that differed from the plan.
    pub servers: Vec<ServerOutcome>,
    /// Number of files sent.
    pub files_sent: usize,
    /// Number of bytes sent.
    pub bytes_sent: u64,
}

/// The result of an apply for one server.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerOutcome {
    /// The server's name.
    pub name: String,
    /// The server's state in the transaction.
    pub standing: ServerState,
    /// The generation that is live on the server; `None` if the server did not answer at the end.
    pub generation: Option<u64>,
}

/// A server of the transaction.
struct Target<'a> {
    server: &'a DesiredServer,
    /// What is live on the server.
    live: &'a Live,
    /// The live manifest; `None` before the first apply.
    base: Option<&'a Manifest>,
    plan: &'a ServerPlan,
    /// Locked while a command runs, so that a server has one command at a time.
    link: Mutex<Link>,
    /// The token of the transaction's lease on the server, once it has one.
    token: OnceLock<u64>,
    /// The lease of another apply, for which the server refused this one.
    foreign_lease: OnceLock<Lease>,
}

/// The connection to a server, and what is known from its messages.
#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    files_sent: usize,
    /// Number of bytes sent over connections that are closed.
    bytes_sent: u64,
    /// The generation in the server's last status.
    generation: Option<u64>,
}

/// An apply under way.
struct Apply<'a> {
    txn: String,
    targets: Vec<Target<'a>>,
    initializer: &'a Initializer,
}

impl Initializer {
    /// Applies the plan to every server that differs, or to none.
    ///
    /// # Errors
    /// Fails if the operating system returns no random bytes for the id of the apply.
    pub async fn apply(&self) -> io::Result<Applied> {
        self.apply_until(std::future::pending()).await
    }

    /// Applies the plan as [`apply`](Self::apply) does. If `stop` ends before a server was asked to
    /// commit, the apply ends everywhere and changes nothing. If `stop` ends later, the apply goes
    /// on, since the servers must end up with the same content.
    ///
    /// # Errors
    /// Fails if the operating system returns no random bytes for the id of the apply.
    pub async fn apply_until(&self, stop: impl Future<Output = ()>) -> io::Result<Applied> {
        let txn = random_id()?;
        let Initializer {
            servers,
            seen,
            plan,
            ..
        } = self;
        let planned = servers.iter().zip(seen).zip(&plan.servers);
        let changing = planned.filter(|(_, plan)| plan.changes);
        let targets: Vec<_> = changing
            .map(|((server, seen), plan)| Target::new(server, seen, plan))
            .collect();
        let members = targets
            .iter()
            .map(|target| (target.server.name.clone(), target.plan.gains()))
            .collect();
        let apply = Apply {
            txn,
            targets,
            initializer: self,
        };
        let (mut coordinator, commands) = Coordinator::new(members);
        let renewals = join_all(apply.targets.iter().map(|target| apply.keep_lease(target)));
        let stopped = tokio::select! {
            stopped = apply.run(&mut coordinator, commands, stop) => stopped,
            _ = renewals => false,
        };
        Ok(Applied {
            stopped,
            ..apply.report(&coordinator, stopped).await
        })
    }

    /// Asks every server to replace its workers.
    ///
    /// # Errors
    /// [`InitializerError::Unreachable`] with the servers that failed, and why.
    pub async fn restart(&self) -> Result<(), InitializerError> {
        let restarts = self.plan.servers.iter().map(|server| async {
            let answer = async {
                let mut connection =
                    Connection::open(&server.name, server.address, &self.options).await?;
                connection
                    .request::<Value>(&DeployRequest::Restart {})
                    .await
            };
            answer
                .await
                .err()
                .map(|error| Unreachable::new(&server.name, server.address, error))
        });
        let failed: Vec<_> = join_all(restarts).await.into_iter().flatten().collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(InitializerError::Unreachable(failed))
        }
    }
}

impl<'a> Target<'a> {
    fn new(server: &'a DesiredServer, seen: &'a LiveServer, plan: &'a ServerPlan) -> Self {
        Self {
            server,
            live: &seen.status.live,
            base: seen.running(server),
            plan,
            link: Mutex::default(),
            token: OnceLock::new(),
            foreign_lease: OnceLock::new(),
        }
    }

    /// Returns the desired manifest as a patch of the live manifest.
    fn patch(&self) -> io::Result<ManifestPatch> {
        let (base, base_bytes) = match self.base {
            Some(base) => (self.live.content.clone(), base.content()),
            None => (String::new(), Vec::new()),
        };
        Ok(ManifestPatch {
            base,
            packed: Packed::pack(&self.server.manifest.content(), &base_bytes)?,
        })
    }
}

impl Apply<'_> {
    /// Executes commands concurrently until the coordinator has no more. Returns whether `stop`
    /// ended the transaction.
    async fn run(
        &self,
        coordinator: &mut Coordinator,
        commands: Vec<(usize, Command)>,
        stop: impl Future<Output = ()>,
    ) -> bool {
        let start = |(index, command)| async move { (index, self.execute(index, command).await) };
        let mut running: FuturesUnordered<_> = commands.into_iter().map(start).collect();
        let mut stop = pin!(stop.fuse());
        let mut gives_up = pin!(futures_util::future::Fuse::terminated());
        let mut was_stopped = false;
        loop {
            tokio::select! {
                () = &mut gives_up => return true,
                ended = running.next() => match ended {
                    Some((index, event)) => running.extend(coordinator.on(index, event).into_iter().map(start)),
                    None => return was_stopped,
                },
                () = &mut stop => {
                    let progress = &self.initializer.options.progress;
                    let Some(commands) = coordinator.cancel() else {
                        progress.report(ApplyEvent::TooLateToStop);
                        continue;
                    };
                    progress.report(ApplyEvent::Stopping);
                    was_stopped = true;
                    gives_up.set(tokio::time::sleep(STOP_TIME).fuse());
                    // Give up the commands under way. Their connections wait for answers.
                    running.clear();
                    for target in &self.targets {
                        target.link.lock().await.disconnect();
                    }
                    running.extend(commands.into_iter().map(start));
                }
            }
        }
    }

    /// Renews the lease of a server, over a connection of its own, until the server refuses it. A
    /// step of the transaction may take longer than the lease, such as a large upload.
    async fn keep_lease(&self, target: &Target<'_>) {
        let mut connection = None;
        loop {
            tokio::time::sleep(RENEWAL_PAUSE).await;
            let Some(token) = target.token.get() else {
                continue;
            };
            let renewal = self.renew(target, *token, &mut connection);
            // A renewal that was lost is tried again. After a refusal, the transaction has ended
            // there, and the next step says so.
            if let Ok(Err(RequestError::Refused(_))) =
                tokio::time::timeout(RENEWAL_PAUSE, renewal).await
            {
                return std::future::pending().await;
            }
        }
    }

    /// Renews the lease of a server. Drops the connection if that fails.
    async fn renew(
        &self,
        target: &Target<'_>,
        token: u64,
        connection: &mut Option<Connection>,
    ) -> Result<(), RequestError> {
        let renew = DeployRequest::Renew {
            txn: self.txn.clone(),
            token,
        };
        let mut open = if let Some(open) = connection.take() {
            open
        } else {
            Connection::open(
                &target.server.name,
                target.server.address,
                &self.initializer.options,
            )
            .await?
        };
        open.request::<Value>(&renew).await?;
        *connection = Some(open);
        Ok(())
    }

    /// Executes a command on a server.
    async fn execute(&self, index: usize, command: Command) -> Event {
        let target = &self.targets[index];
        let mut link = target.link.lock().await;
        let result = match command {
            Command::Prepare => self.prepare(target, &mut link).await,
            Command::Commit => self.commit(target, &mut link).await,
            Command::Probe => return self.probe(target, &mut link).await,
            Command::RollBack => return self.roll_back(target, &mut link).await,
            Command::Abort => return self.abort(target, &mut link).await,
            Command::AskOutcome => return self.ask_outcome(target, &mut link).await,
        };
        match result {
            Ok(()) => Event::Done,
            Err(RequestError::Refused(error)) => {
                if let Some(lease) = &error.lease {
                    // The first one tells enough.
                    let _ = target.foreign_lease.set((**lease).clone());
                }
                Event::Refused(error.to_string())
            }
            Err(RequestError::Lost(error)) => {
                link.disconnect();
                Event::Lost(error)
            }
        }
    }

    /// Begins the transaction on a server, sends the missing files, and asks the server to prepare.
    async fn prepare(&self, target: &Target<'_>, link: &mut Link) -> Result<(), RequestError> {
        let options = &self.initializer.options;
        let lost = |error: io::Error| {
            RequestError::Lost(format!("its manifest cannot be packed: {error}"))
        };
        let begin = DeployRequest::Begin {
            txn: self.txn.clone(),
            origin: self.initializer.origin.clone(),
            lease_ms: u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX),
            expected: target.live.clone(),
            manifest: None,
            patch: Some(target.patch().map_err(lost)?),
        };
        let BeginAnswer { token, missing } = link.request(target, options, &begin).await?;
        // Prepare is the first command of a server, and comes once.
        let _ = target.token.set(token);
        self.send(target, link, token, &missing).await?;
        let prepare = DeployRequest::Prepare {
            txn: self.txn.clone(),
            token,
        };
        link.request::<Value>(target, options, &prepare).await?;
        options.progress.report(ApplyEvent::Prepared {
            server: &target.server.name,
        });
        Ok(())
    }

    /// Sends the files that a server lacks, in messages of a bounded size.
    async fn send(
        &self,
        target: &Target<'_>,
        link: &mut Link,
        token: u64,
        missing: &[String],
    ) -> Result<(), RequestError> {
        let Initializer { options, .. } = self.initializer;
        let frame_limit = usize::try_from(target.plan.frame_limit).unwrap_or(usize::MAX);
        let batch_bytes = BATCH_BYTES.min(frame_limit / 2);
        let server = target.server.name.as_str();
        let mut remaining = missing;
        let mut sent = 0;
        let mut all = target.plan.load.bytes;
        while !remaining.is_empty() {
            let mut files = Vec::new();
            let mut bytes = 0;
            while let Some((sha256, rest)) = remaining.split_first() {
                let packed = self.packed(sha256)?;
                if packed.zstd.len() + MESSAGE_RESERVE > frame_limit {
                    let what = format!("the file {sha256} takes {} bytes", packed.zstd.len());
                    return Err(RequestError::Lost(format!(
                        "{what}, but the server accepts messages of at most {frame_limit} bytes; raise its --max-frame"
                    )));
                }
                if bytes > 0 && bytes + packed.zstd.len() > batch_bytes {
                    break;
                }
                bytes += packed.zstd.len();
                files.push(PutFile {
                    sha256: sha256.clone(),
                    packed,
                });
                remaining = rest;
            }
            all = all.max(sent + bytes as u64);
            options
                .progress
                .report(ApplyEvent::Sending { server, sent, all });
            let count = files.len();
            let put = DeployRequest::Put {
                txn: self.txn.clone(),
                token,
                files,
            };
            link.request::<Value>(target, options, &put).await?;
            link.files_sent += count;
            sent += bytes as u64;
            options
                .progress
                .report(ApplyEvent::Sending { server, sent, all });
        }
        Ok(())
    }

    /// Returns a packed file.
    fn packed(&self, sha256: &str) -> Result<Packed, RequestError> {
        if let Some(packed) = self.initializer.packed.get(sha256) {
            return Ok(packed.clone());
        }
        let lost = |what: String| RequestError::Lost(format!("file {sha256}: {what}"));
        let bytes = self.initializer.files.get(sha256);
        let bytes = bytes.ok_or_else(|| {
            lost("the server lost it, and the initializer does not have it".to_owned())
        })?;
        Packed::pack(bytes, b"").map_err(|error| lost(error.to_string()))
    }

    /// Asks a server to commit the transaction.
    async fn commit(&self, target: &Target<'_>, link: &mut Link) -> Result<(), RequestError> {
        let not_begun =
            || RequestError::Lost("the transaction has not begun on this server".to_owned());
        let token = *target.token.get().ok_or_else(not_begun)?;
        let commit = DeployRequest::Commit {
            txn: self.txn.clone(),
            token,
        };
        link.request::<LiveAnswer>(target, &self.initializer.options, &commit)
            .await?;
        self.initializer
            .options
            .progress
            .report(ApplyEvent::Committed {
                server: &target.server.name,
            });
        Ok(())
    }

    /// Asks a server whether it runs what it committed. Retries if the connection is lost.
    async fn probe(&self, target: &Target<'_>, link: &mut Link) -> Event {
        let probe = DeployRequest::Probe {};
        match self
            .request_with_retries::<ProbeAnswer>(target, link, &probe)
            .await
        {
            Ok(ProbeAnswer { live, .. }) if live.content != target.server.content => {
                let found = live.generation;
                Event::Refused(format!(
                    "generation {found} is live there, with other content"
                ))
            }
            Ok(ProbeAnswer { sick, .. }) if sick.is_empty() => Event::Done,
            Ok(ProbeAnswer { sick, .. }) => Event::Refused(sick.join("; ")),
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => Event::Lost(error),
        }
    }

    /// Sends a request that may be repeated. Retries over another connection if one is lost.
    async fn request_with_retries<T: serde::de::DeserializeOwned>(
        &self,
        target: &Target<'_>,
        link: &mut Link,
        request: &DeployRequest,
    ) -> Result<T, RequestError> {
        let mut last_error = String::new();
        for _ in 0..MAX_TRIES {
            match link
                .request::<T>(target, &self.initializer.options, request)
                .await
            {
                Err(RequestError::Lost(error)) => last_error = error,
                answer => return answer,
            }
            link.disconnect();
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        Err(RequestError::Lost(last_error))
    }

    /// Asks a server to make the previous content live again. If the answer is lost, the outcome of
    /// the transaction shows whether the rollback took place.
    async fn roll_back(&self, target: &Target<'_>, link: &mut Link) -> Event {
        let roll_back = DeployRequest::Rollback {
            txn: self.txn.clone(),
        };
        let first = link
            .request::<LiveAnswer>(target, &self.initializer.options, &roll_back)
            .await;
        match first {
            Ok(_) => Event::Done,
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => {
                link.disconnect();
                match self.ask_outcome(target, link).await {
                    Event::Outcome(Outcome::Aborted) => Event::Done,
                    Event::Outcome(_) => {
                        match link
                            .request::<LiveAnswer>(target, &self.initializer.options, &roll_back)
                            .await
                        {
                            Ok(_) => Event::Done,
                            Err(error) => Event::Lost(error.to_string()),
                        }
                    }
                    _ => Event::Lost(error),
                }
            }
        }
    }

    /// Asks a server to drop the transaction. The answer is the outcome: the server may have
    /// committed meanwhile.
    async fn abort(&self, target: &Target<'_>, link: &mut Link) -> Event {
        let abort = DeployRequest::Abort {
            txn: self.txn.clone(),
        };
        match link
            .request::<OutcomeAnswer>(target, &self.initializer.options, &abort)
            .await
        {
            Ok(answer) => Event::Outcome(answer.outcome),
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => {
                link.disconnect();
                Event::Lost(error)
            }
        }
    }

    /// Asks a server for the outcome of the transaction.
    async fn ask_outcome(&self, target: &Target<'_>, link: &mut Link) -> Event {
        let request = DeployRequest::Outcome {
            txn: self.txn.clone(),
        };
        match self
            .request_with_retries::<OutcomeAnswer>(target, link, &request)
            .await
        {
            Ok(answer) => Event::Outcome(answer.outcome),
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => Event::Lost(format!(
                "{error}; it is unknown whether its commit took place"
            )),
        }
    }

    /// Asks each server what is live, and returns the result of the apply. Does not wait long if
    /// the apply was stopped.
    async fn report(&self, coordinator: &Coordinator, stopped: bool) -> Applied {
        let limit = if stopped {
            STOP_TIME
        } else {
            self.initializer.options.timeout
        };
        let runs_plan = join_all(self.targets.iter().map(|target| async {
            let mut link = target.link.lock().await;
            let status = DeployRequest::Status {};
            let asked = link.request::<StatusAnswer>(target, &self.initializer.options, &status);
            let asked = tokio::time::timeout(limit, asked).await;
            let live = asked.ok().and_then(Result::ok).map(|answer| answer.live);
            link.generation = live.as_ref().map(|live| live.generation);
            link.disconnect();
            live.is_some_and(|live| live.content == target.server.content)
        }))
        .await;
        let mut applied = Applied {
            id: self.txn.clone(),
            complete: coordinator.is_live() && runs_plan.iter().all(|runs_plan| *runs_plan),
            stopped: false,
            foreign_lease: None,
            servers: Vec::new(),
            files_sent: 0,
            bytes_sent: 0,
        };
        for (member, target) in coordinator.members().iter().zip(&self.targets) {
            let link = target.link.lock().await;
            applied.files_sent += link.files_sent;
            applied.bytes_sent += link.bytes_sent;
            applied.foreign_lease = applied
                .foreign_lease
                .or_else(|| target.foreign_lease.get().cloned());
            applied.servers.push(ServerOutcome {
                name: member.name.clone(),
                standing: member.standing.clone(),
                generation: link.generation,
            });
        }
        applied
    }
}

impl Link {
    /// Sends a request. Connects first if there is no connection.
    async fn request<T: serde::de::DeserializeOwned>(
        &mut self,
        target: &Target<'_>,
        options: &InitializerOptions,
        request: &DeployRequest,
    ) -> Result<T, RequestError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(
                Connection::open(&target.server.name, target.server.address, options).await?,
            ),
        };
        connection.request(request).await
    }

    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.bytes_sent += connection.bytes_sent;
        }
    }
}
