//! Carrying out a plan: the coordinator's commands, each as messages to one server.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::sync::Mutex;

use super::connection::{Connection, RequestError};
use super::desired::Desired;
use super::plan::{Plan, ServerPlan};
use super::{InitializerOptions, join_all};
use crate::deploy::coordinator::{Command, Coordinator, Event, Standing};
use crate::deploy::manifest::Manifest;
use crate::deploy::message::{BeginAnswer, DeployRequest, LiveAnswer, OutcomeAnswer, PutFile, StatusAnswer};
use crate::deploy::participant::Live;
use crate::deploy::random_id;

/// How much longer a server keeps what it prepared than another one may take to answer.
const LEASE_RESERVE: Duration = Duration::from_mins(1);

/// Files are sent in messages of about this many packed bytes, or of half a server's frame limit.
const BATCH_BYTES: usize = 4 << 20;

/// How often, and with what pause, a server is asked what became of a commit whose answer was lost.
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
struct Target {
    address: SocketAddr,
    expected: Live,
    frame_limit: usize,
    manifest: Manifest,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    files_sent: usize,
    bytes_sent: u64,
}

struct Apply<'a> {
    txn: String,
    targets: Vec<Target>,
    files: &'a BTreeMap<String, Vec<u8>>,
    options: &'a InitializerOptions,
}

pub(super) async fn apply(
    plan: &Plan,
    desired: &Desired,
    options: &InitializerOptions,
) -> io::Result<Applied> {
    let txn = random_id()?;
    let changing: Vec<&ServerPlan> = plan.servers.iter().filter(|server| server.changes).collect();
    let targets = changing.iter().map(|server| Target::new(server, &txn)).collect();
    let apply = Arc::new(Apply { txn, targets, files: &desired.files, options });
    let members = changing.iter().map(|server| (server.name.clone(), server.gains())).collect();
    let (mut coordinator, commands) = Coordinator::new(members);
    apply.carry_out(&mut coordinator, commands).await;
    Ok(apply.report(&coordinator).await)
}

impl Target {
    fn new(server: &ServerPlan, txn: &str) -> Self {
        Self {
            address: server.address,
            expected: server.live.clone(),
            frame_limit: usize::try_from(server.frame_limit).unwrap_or(usize::MAX),
            manifest: Manifest { apply: txn.to_owned(), ..server.manifest.clone() },
            link: Mutex::default(),
        }
    }
}

impl Apply<'_> {
    /// Runs commands side by side until the coordinator has no more.
    async fn carry_out(&self, coordinator: &mut Coordinator, commands: Vec<(usize, Command)>) {
        let start = |(index, command)| async move { (index, self.obey(index, command).await) };
        let mut running: FuturesUnordered<_> = commands.into_iter().map(start).collect();
        while let Some((index, event)) = running.next().await {
            running.extend(coordinator.on(index, event).into_iter().map(start));
        }
    }

    async fn obey(&self, index: usize, command: Command) -> Event {
        let target = &self.targets[index];
        let mut link = target.link.lock().await;
        let txn = self.txn.clone();
        let result = match command {
            Command::Prepare => self.prepare(target, &mut link).await,
            Command::Commit => {
                self.tell::<LiveAnswer>(target, &mut link, DeployRequest::Commit { txn }).await
            }
            Command::RollBack => {
                self.tell::<LiveAnswer>(target, &mut link, DeployRequest::Rollback { txn }).await
            }
            Command::Abort => {
                self.tell::<OutcomeAnswer>(target, &mut link, DeployRequest::Abort { txn }).await
            }
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

    async fn prepare(&self, target: &Target, link: &mut Link) -> Result<(), RequestError> {
        let begin = DeployRequest::Begin {
            txn: self.txn.clone(),
            holder: format!("apply {}", self.txn),
            lease_ms: u64::try_from((self.options.timeout + LEASE_RESERVE).as_millis()).unwrap_or(u64::MAX),
            expected: target.expected.clone(),
            manifest: Box::new(target.manifest.clone()),
        };
        let BeginAnswer { missing } = link.request(target, self.options, &begin).await?;
        let batch_bytes = BATCH_BYTES.min(target.frame_limit / 2);
        for files in batches(&missing, self.files, batch_bytes)? {
            link.files_sent += files.len();
            let put = DeployRequest::Put { txn: self.txn.clone(), files };
            link.request::<Value>(target, self.options, &put).await?;
        }
        let prepare = DeployRequest::Prepare { txn: self.txn.clone() };
        link.request::<Value>(target, self.options, &prepare).await.map(drop)
    }

    async fn tell<T: serde::de::DeserializeOwned>(
        &self,
        target: &Target,
        link: &mut Link,
        request: DeployRequest,
    ) -> Result<(), RequestError> {
        link.request::<T>(target, self.options, &request).await.map(drop)
    }

    async fn ask_outcome(&self, target: &Target, link: &mut Link) -> Event {
        let mut last = String::new();
        for _ in 0..OUTCOME_TRIES {
            let request = DeployRequest::Outcome { txn: self.txn.clone() };
            match link.request::<OutcomeAnswer>(target, self.options, &request).await {
                Ok(answer) => return Event::Outcome(answer.outcome),
                Err(RequestError::Refused(error)) => return Event::Refused(error.to_string()),
                Err(RequestError::Lost(error)) => last = error,
            }
            link.hang_up();
            tokio::time::sleep(OUTCOME_PAUSE).await;
        }
        Event::Lost(format!("{last}; whether its commit took place cannot be told"))
    }

    /// Where every server stands, after asking each what is live.
    async fn report(&self, coordinator: &Coordinator) -> Applied {
        let live = join_all(self.targets.iter().map(|target| async {
            let mut link = target.link.lock().await;
            link.request::<StatusAnswer>(target, self.options, &DeployRequest::Status {}).await.ok()
        }))
        .await;
        let mut applied = Applied {
            id: self.txn.clone(),
            complete: coordinator.is_committed(),
            servers: Vec::new(),
            files_sent: 0,
            bytes_sent: 0,
        };
        for ((member, target), live) in coordinator.members().iter().zip(&self.targets).zip(live) {
            let mut link = target.link.lock().await;
            link.hang_up();
            applied.files_sent += link.files_sent;
            applied.bytes_sent += link.bytes_sent;
            let generation = live.as_ref().map(|live| live.live.generation);
            let wanted = target.manifest.content_hash();
            applied.complete &= live.is_some_and(|live| live.live.content == wanted);
            let (name, standing) = (member.name.clone(), member.standing.clone());
            applied.servers.push(ServerOutcome { name, standing, generation });
        }
        applied
    }
}

impl Link {
    /// Sends a request, over a fresh connection where there is none.
    async fn request<T: serde::de::DeserializeOwned>(
        &mut self,
        target: &Target,
        options: &InitializerOptions,
        request: &DeployRequest,
    ) -> Result<T, RequestError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(Connection::open(target.address, options).await?),
        };
        connection.request(request).await
    }

    fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.bytes_sent += connection.sent;
        }
    }
}

/// The missing files, packed, in messages of a bounded size.
fn batches(
    missing: &[String],
    files: &BTreeMap<String, Vec<u8>>,
    batch_bytes: usize,
) -> Result<Vec<Vec<PutFile>>, RequestError> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for sha256 in missing {
        let lost = |what: String| RequestError::Lost(format!("file {sha256}: {what}"));
        let content =
            files.get(sha256).ok_or_else(|| lost("the server asks for what was not offered".to_owned()))?;
        let packed = zstd::bulk::compress(content, 3).map_err(|error| lost(error.to_string()))?;
        let zstd = base64::engine::general_purpose::STANDARD.encode(packed);
        bytes += zstd.len();
        batch.push(PutFile { sha256: sha256.clone(), size: content.len() as u64, zstd });
        if bytes >= batch_bytes {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    Ok(batches)
}
