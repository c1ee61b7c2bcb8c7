//! Asks servers what is live on them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::desired::DesiredServer;
use crate::error::{InitializerError, RequestError, Unreachable};
use crate::join::{all_or_unreachable, join_all};
use crate::options::InitializerOptions;
use crate::progress::ApplyEvent;
use deploy::manifest::Manifest;
use deploy::message::{
    DeployError, DeployErrorKind, DeployRequest, HistoryAnswer, KeptGeneration, MAX_MANIFEST_BYTES,
    ManifestAnswer, PROTOCOL, StatusAnswer,
};

/// Pause between two attempts to reach a server.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Pause before the servers are asked again whether another apply is under way.
const LEASE_PAUSE: Duration = Duration::from_millis(300);

/// What is live on a server.
#[derive(Debug)]
#[non_exhaustive]
pub struct LiveServer {
    /// The server's status.
    pub status: StatusAnswer,
    /// The live manifest, if it differs from the desired manifest; `None` also before the first
    /// apply.
    pub manifest: Option<Manifest>,
}

impl LiveServer {
    /// Returns the live manifest of a server that should run `desired`; `None` before the first
    /// apply.
    pub fn running<'a>(&'a self, desired: &'a DesiredServer) -> Option<&'a Manifest> {
        let is_as_desired = self.status.live.content == desired.content;
        if is_as_desired {
            Some(&desired.manifest)
        } else {
            self.manifest.as_ref()
        }
    }
}

/// Returns what is live on each server, in the order of `servers`. A server that cannot be asked
/// becomes an error.
pub(super) async fn survey(
    servers: &[DesiredServer],
    options: &InitializerOptions,
) -> Vec<Result<LiveServer, Unreachable>> {
    let until = options.wait.map(|wait| Instant::now() + wait);
    join_all(servers.iter().map(|server| async move {
        let seen = retry_until(until, || ask(server, options)).await;
        seen.map_err(|error| Unreachable::new(&server.name, server.address, error))
    }))
    .await
}

/// Returns the status of servers that will not change. Skips servers that cannot be asked.
pub(super) async fn ask_others(
    servers: &[(String, SocketAddr)],
    options: &InitializerOptions,
) -> Vec<StatusAnswer> {
    let asked = servers.iter().map(|(name, address)| async {
        let mut connection = Connection::open(name, *address, options).await.ok()?;
        connection
            .request::<StatusAnswer>(&DeployRequest::Status {})
            .await
            .ok()
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Returns what is live on each server, in the order of `servers`. Fails unless all servers answer.
/// Waits for applies that are under way, if the options say so: these change what is live.
pub(super) async fn ask_all(
    servers: &[DesiredServer],
    options: &InitializerOptions,
) -> Result<Vec<LiveServer>, InitializerError> {
    let until = options.wait.map(|wait| Instant::now() + wait);
    loop {
        let seen = all_or_unreachable(survey(servers, options).await)?;
        let lease = seen.iter().find_map(|seen| seen.status.lease.as_ref());
        let Some(lease) = lease.filter(|_| until.is_some_and(|until| Instant::now() < until))
        else {
            return Ok(seen);
        };
        let holder = &lease.holder;
        options.progress.report(ApplyEvent::Waiting { holder });
        tokio::time::sleep(LEASE_PAUSE).await;
    }
}

async fn ask(
    server: &DesiredServer,
    options: &InitializerOptions,
) -> Result<LiveServer, RequestError> {
    let mut connection = Connection::open(&server.name, server.address, options).await?;
    let status = connection
        .request::<StatusAnswer>(&DeployRequest::Status {})
        .await?;
    if status.protocol < PROTOCOL {
        let version = &status.version;
        return Err(refused(format!(
            "it runs rpc-server {version}, which is older than this initializer: update it"
        )));
    }
    if let Some(name) = status.server.as_ref().filter(|name| **name != server.name) {
        return Err(refused(format!("this is server `{name}`")));
    }
    if status.live.generation == 0 || status.live.content == server.content {
        return Ok(LiveServer {
            status,
            manifest: None,
        });
    }
    let manifest = fetch_manifest(&mut connection, None).await?;
    Ok(LiveServer {
        status,
        manifest: Some(manifest),
    })
}

/// Returns the manifest of a generation that the server keeps; `None` means the live generation.
pub(super) async fn fetch_manifest(
    connection: &mut Connection,
    generation: Option<u64>,
) -> Result<Manifest, RequestError> {
    let answer = connection
        .request::<ManifestAnswer>(&DeployRequest::Manifest { generation })
        .await?;
    let broken = |what: String| RequestError::Lost(format!("it sent an invalid manifest: {what}"));
    let bytes = answer
        .packed
        .unpack(b"", MAX_MANIFEST_BYTES)
        .map_err(broken)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    manifest.validate().map_err(broken)?;
    Ok(manifest)
}

/// Returns the generations that a server keeps, newest first.
pub(super) async fn fetch_history(
    name: &str,
    address: SocketAddr,
    options: &InitializerOptions,
    until: Option<Instant>,
) -> Result<Vec<KeptGeneration>, RequestError> {
    let fetch = || async {
        let mut connection = Connection::open(name, address, options).await?;
        connection
            .request::<HistoryAnswer>(&DeployRequest::History {})
            .await
            .map(|answer| answer.generations)
    };
    retry_until(until, fetch).await
}

/// Repeats a request until the time `until`, as long as the server cannot be reached.
async fn retry_until<T, F: Future<Output = Result<T, RequestError>>>(
    until: Option<Instant>,
    ask: impl Fn() -> F,
) -> Result<T, RequestError> {
    loop {
        match ask().await {
            Err(RequestError::Lost(_)) if until.is_some_and(|until| Instant::now() < until) => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

fn refused(message: String) -> RequestError {
    RequestError::Refused(DeployError::new(DeployErrorKind::Refused, message))
}
