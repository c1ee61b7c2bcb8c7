//! Carrying out a plan: the coordinator's commands, each as messages to one server.

use std::io;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::sync::Mutex;

use super::connection::{Connection, RequestError};
use super::progress::Happening;
use super::{DesiredServer, Initializer, InitializerOptions, Seen, ServerPlan, join_all};
use deploy::coordinator::{Command, Coordinator, Event, Standing};
use deploy::manifest::Manifest;
use deploy::message::{
    BeginAnswer, DeployRequest, LiveAnswer, ManifestPatch, OutcomeAnswer, ProbeAnswer, PutFile,
    StatusAnswer,
};
use deploy::packed::Packed;
use deploy::participant::{Live, MAX_LEASE, Outcome};
use deploy::random_id;

/// How much longer a server keeps what it prepared than another one may take to answer.
const LEASE_RESERVE: Duration = Duration::from_mins(1);

/// Files are sent in messages of about this many packed bytes, or of half a server's frame limit.
const BATCH_BYTES: usize = 4 << 20;

/// Of a message's bytes, so many are for what stands around a file.
const MESSAGE_RESERVE: usize = 4096;

/// How often, and with what pause, a server is asked what became of a commit whose answer was lost,
/// or whether it is well.
const OUTCOME_TRIES: u32 = 10;
const OUTCOME_PAUSE: Duration = Duration::from_millis(300);

/// How an apply ended.
#[derive(Debug)]
pub struct Applied {
    /// Its id.
    pub id: String,
    /// Whether every server runs what the file says.
    pub complete: bool,
    /// What became of each server that was to change.
    pub servers: Vec<ServerOutcome>,
    /// How many files were sent.
    pub files_sent: usize,
    /// How many bytes were sent.
    pub bytes_sent: u64,
}

/// What became of one server.
#[derive(Debug)]
pub struct ServerOutcome {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub standing: Standing,
    /// The generation it is on, where it said so at the end.
    pub generation: Option<u64>,
}

/// A server of the transaction, as its commands see it.
struct Target<'a> {
    server: &'a DesiredServer,
    /// What is live there.
    live: &'a Live,
    /// The manifest of that, if this side knows it.
    base: Option<&'a Manifest>,
    plan: &'a ServerPlan,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    /// The token of the transaction's lease there.
    token: Option<u64>,
    files_sent: usize,
    bytes_sent: u64,
    /// The generation that it was on when it was last asked.
    generation: Option<u64>,
}

struct Apply<'a> {
    txn: String,
    targets: Vec<Target<'a>>,
    initializer: &'a Initializer,
}

pub(super) async fn apply(initializer: &Initializer) -> io::Result<Applied> {
    let txn = random_id()?;
    let Initializer {
        servers,
        seen,
        plan,
        ..
    } = initializer;
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
        initializer,
    };
    let (mut coordinator, commands) = Coordinator::new(members);
    apply.carry_out(&mut coordinator, commands).await;
    Ok(apply.report(&coordinator).await)
}

impl<'a> Target<'a> {
    fn new(server: &'a DesiredServer, seen: &'a Seen, plan: &'a ServerPlan) -> Self {
        let (live, base) = (&seen.status.live, seen.running(server));
        Self {
            server,
            live,
            base,
            plan,
            link: Mutex::default(),
        }
    }

    /// What it should run, as what that is made of what it runs.
    fn patch(&self) -> io::Result<ManifestPatch> {
        let (base, bytes) = match self.base {
            Some(base) => (self.live.content.clone(), base.content()),
            None => (String::new(), Vec::new()),
        };
        Ok(ManifestPatch {
            base,
            packed: Packed::pack(&self.server.manifest.content(), &bytes)?,
        })
    }
}

impl Apply<'_> {
    /// Runs commands side by side until the coordinator has no more. Servers that wait for others
    /// keep their leases.
    async fn carry_out(&self, coordinator: &mut Coordinator, commands: Vec<(usize, Command)>) {
        let start = |(index, command)| async move { (index, self.obey(index, command).await) };
        let mut running: FuturesUnordered<_> = commands.into_iter().map(start).collect();
        let renewing = async {
            loop {
                tokio::time::sleep(self.lease() / 3).await;
                join_all(self.targets.iter().map(|target| self.renew(target))).await;
            }
        };
        let mut renewing = std::pin::pin!(renewing);
        loop {
            tokio::select! {
                ended = running.next() => match ended {
                    Some((index, event)) => running.extend(coordinator.on(index, event).into_iter().map(start)),
                    None => return,
                },
                () = &mut renewing => {}
            }
        }
    }

    /// How long a server keeps what it prepared.
    fn lease(&self) -> Duration {
        (self.initializer.options.timeout + LEASE_RESERVE).min(MAX_LEASE)
    }

    /// Begins the lease of a server again that waits for others. One that is at work on a step has
    /// done so itself.
    async fn renew(&self, target: &Target<'_>) {
        let Ok(mut link) = target.link.try_lock() else {
            return;
        };
        if link.connection.is_some()
            && let Some(token) = link.token
        {
            let renew = DeployRequest::Renew {
                txn: self.txn.clone(),
                token,
            };
            // Where it is no longer under way, the next step will be told.
            let renewed = link
                .request::<Value>(target, &self.initializer.options, &renew)
                .await;
            if let Err(RequestError::Lost(_)) = renewed {
                link.hang_up();
            }
        }
    }

    async fn obey(&self, index: usize, command: Command) -> Event {
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
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => {
                link.hang_up();
                Event::Lost(error)
            }
        }
    }

    async fn prepare(&self, target: &Target<'_>, link: &mut Link) -> Result<(), RequestError> {
        let options = &self.initializer.options;
        let lost = |error: io::Error| {
            RequestError::Lost(format!("its manifest cannot be packed: {error}"))
        };
        let begin = DeployRequest::Begin {
            txn: self.txn.clone(),
            origin: self.initializer.origin.clone(),
            lease_ms: u64::try_from(self.lease().as_millis()).unwrap_or(u64::MAX),
            expected: target.live.clone(),
            manifest: None,
            patch: Some(target.patch().map_err(lost)?),
        };
        let BeginAnswer { token, missing } = link.request(target, options, &begin).await?;
        link.token = Some(token);
        self.send(target, link, token, &missing).await?;
        let prepare = DeployRequest::Prepare {
            txn: self.txn.clone(),
            token,
        };
        link.request::<Value>(target, options, &prepare).await?;
        options.progress.tell(Happening::Prepared {
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
        let (mut left, mut sent, mut all) = (missing, 0, target.plan.load.bytes);
        while !left.is_empty() {
            let (mut files, mut bytes) = (Vec::new(), 0);
            while let Some((sha256, rest)) = left.split_first() {
                let packed = self.packed(sha256)?;
                if packed.zstd.len() + MESSAGE_RESERVE > frame_limit {
                    let what = format!("the file {sha256} takes {} bytes", packed.zstd.len());
                    return Err(RequestError::Lost(format!(
                        "{what}, and it takes messages of {frame_limit}: see its --max-frame"
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
                left = rest;
            }
            all = all.max(sent + bytes as u64);
            options
                .progress
                .tell(Happening::Sending { server, sent, all });
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
                .tell(Happening::Sending { server, sent, all });
        }
        Ok(())
    }

    /// A file, packed as it travels.
    fn packed(&self, sha256: &str) -> Result<Packed, RequestError> {
        if let Some(packed) = self.initializer.packed.get(sha256) {
            return Ok(packed.clone());
        }
        let lost = |what: String| RequestError::Lost(format!("file {sha256}: {what}"));
        let bytes = self.initializer.files.get(sha256);
        let bytes = bytes.ok_or_else(|| lost("the server lacks what only it had".to_owned()))?;
        Packed::pack(bytes, b"").map_err(|error| lost(error.to_string()))
    }

    async fn commit(&self, target: &Target<'_>, link: &mut Link) -> Result<(), RequestError> {
        let not_begun = || RequestError::Lost("the transaction has not begun there".to_owned());
        let token = link.token.ok_or_else(not_begun)?;
        let commit = DeployRequest::Commit {
            txn: self.txn.clone(),
            token,
        };
        link.request::<LiveAnswer>(target, &self.initializer.options, &commit)
            .await?;
        self.initializer
            .options
            .progress
            .tell(Happening::Committed {
                server: &target.server.name,
            });
        Ok(())
    }

    /// Looks whether a server runs what it committed. One that was lost is asked again.
    async fn probe(&self, target: &Target<'_>, link: &mut Link) -> Event {
        let probe = DeployRequest::Probe {};
        match self.ask_again::<ProbeAnswer>(target, link, &probe).await {
            Ok(ProbeAnswer { live, .. }) if live.content != target.server.content => {
                let found = live.generation;
                Event::Refused(format!(
                    "generation {found} is live there, which is something else"
                ))
            }
            Ok(ProbeAnswer { sick, .. }) if sick.is_empty() => Event::Done,
            Ok(ProbeAnswer { sick, .. }) => Event::Refused(sick.join("; ")),
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => Event::Lost(error),
        }
    }

    /// Asks something that may be asked again, over other connections where one is lost.
    async fn ask_again<T: serde::de::DeserializeOwned>(
        &self,
        target: &Target<'_>,
        link: &mut Link,
        request: &DeployRequest,
    ) -> Result<T, RequestError> {
        let mut last = String::new();
        for _ in 0..OUTCOME_TRIES {
            match link
                .request::<T>(target, &self.initializer.options, request)
                .await
            {
                Err(RequestError::Lost(error)) => last = error,
                answer => return answer,
            }
            link.hang_up();
            tokio::time::sleep(OUTCOME_PAUSE).await;
        }
        Err(RequestError::Lost(last))
    }

    /// Makes the content before live again. Where the answer is lost, what became of the
    /// transaction tells whether it was done.
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
                link.hang_up();
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

    /// Drops a transaction; one that was committed meanwhile says so.
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
                link.hang_up();
                Event::Lost(error)
            }
        }
    }

    async fn ask_outcome(&self, target: &Target<'_>, link: &mut Link) -> Event {
        let request = DeployRequest::Outcome {
            txn: self.txn.clone(),
        };
        match self
            .ask_again::<OutcomeAnswer>(target, link, &request)
            .await
        {
            Ok(answer) => Event::Outcome(answer.outcome),
            Err(RequestError::Refused(error)) => Event::Refused(error.to_string()),
            Err(RequestError::Lost(error)) => Event::Lost(format!(
                "{error}; whether its commit took place cannot be told"
            )),
        }
    }

    /// Where every server stands, after asking each what is live.
    async fn report(&self, coordinator: &Coordinator) -> Applied {
        let asked = join_all(self.targets.iter().map(|target| async {
            let mut link = target.link.lock().await;
            let status = DeployRequest::Status {};
            let answer = link
                .request::<StatusAnswer>(target, &self.initializer.options, &status)
                .await;
            link.generation = answer.as_ref().ok().map(|status| status.live.generation);
            link.hang_up();
            answer.is_ok_and(|status| status.live.content == target.server.content)
        }))
        .await;
        let mut applied = Applied {
            id: self.txn.clone(),
            complete: coordinator.is_live() && asked.iter().all(|as_planned| *as_planned),
            servers: Vec::new(),
            files_sent: 0,
            bytes_sent: 0,
        };
        for (member, target) in coordinator.members().iter().zip(&self.targets) {
            let link = target.link.lock().await;
            applied.files_sent += link.files_sent;
            applied.bytes_sent += link.bytes_sent;
            let (name, standing, generation) = (
                member.name.clone(),
                member.standing.clone(),
                link.generation,
            );
            applied.servers.push(ServerOutcome {
                name,
                standing,
                generation,
            });
        }
        applied
    }
}

impl Link {
    /// Sends a request, over a fresh connection where there is none.
    async fn request<T: serde::de::DeserializeOwned>(
        &mut self,
        target: &Target<'_>,
        options: &InitializerOptions,
        request: &DeployRequest,
    ) -> Result<T, RequestError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(Connection::open(target.server.address, options).await?),
        };
        connection.request(request).await
    }

    fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.bytes_sent += connection.sent;
        }
    }
}
