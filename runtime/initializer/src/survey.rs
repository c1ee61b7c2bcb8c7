//! [`Survey`]: what is live on the servers, as far as they can be asked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection::{Connection, RequestError, Unreachable};
use super::desired::DesiredServer;
use super::{InitializerError, InitializerOptions, all_or_unreachable, join_all};
use deploy::manifest::Manifest;
use deploy::message::{
    DeployError, DeployErrorKind, DeployRequest, HistoryAnswer, MAX_MANIFEST_BYTES, ManifestAnswer,
    PROTOCOL, Past, StatusAnswer,
};

/// Between two attempts to reach a server that is waited for.
const PAUSE: Duration = Duration::from_millis(100);

/// A server, and what it said of itself.
#[derive(Debug)]
pub struct Seen {
    /// What it said.
    pub status: StatusAnswer,
    /// What it runs, where that is not what it should; `None` before the first apply too.
    pub manifest: Option<Manifest>,
}

impl Seen {
    /// What it runs, where it should run that.
    pub fn running<'a>(&'a self, desired: &'a DesiredServer) -> Option<&'a Manifest> {
        let same = self.status.live.content == desired.content;
        if same {
            Some(&desired.manifest)
        } else {
            self.manifest.as_ref()
        }
    }
}

/// What is live on each server, in their order; each that cannot be asked says why.
pub(super) async fn survey(
    servers: &[DesiredServer],
    options: &InitializerOptions,
) -> Vec<Result<Seen, Unreachable>> {
    let until = options.wait.map(|wait| Instant::now() + wait);
    join_all(servers.iter().map(|server| async move {
        let seen = again_until(until, || ask(server, options)).await;
        seen.map_err(|error| Unreachable::new(&server.name, server.address, error))
    }))
    .await
}

/// What servers say of themselves that are not brought to anything, as far as they are there.
pub(super) async fn ask_others(
    addresses: &[SocketAddr],
    options: &InitializerOptions,
) -> Vec<StatusAnswer> {
    let asked = addresses.iter().map(|address| async {
        let mut connection = Connection::open(*address, options).await.ok()?;
        connection
            .request::<StatusAnswer>(&DeployRequest::Status {})
            .await
            .ok()
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The same, where all have to answer.
pub(super) async fn ask_all(
    servers: &[DesiredServer],
    options: &InitializerOptions,
) -> Result<Vec<Seen>, InitializerError> {
    all_or_unreachable(survey(servers, options).await)
}

async fn ask(server: &DesiredServer, options: &InitializerOptions) -> Result<Seen, RequestError> {
    let mut connection = Connection::open(server.address, options).await?;
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
        return Ok(Seen {
            status,
            manifest: None,
        });
    }
    let manifest = fetch_manifest(&mut connection, None).await?;
    Ok(Seen {
        status,
        manifest: Some(manifest),
    })
}

/// The manifest of a generation that a server keeps, or of the live one.
pub(super) async fn fetch_manifest(
    connection: &mut Connection,
    generation: Option<u64>,
) -> Result<Manifest, RequestError> {
    let answer = connection
        .request::<ManifestAnswer>(&DeployRequest::Manifest { generation })
        .await?;
    let broken = |what: String| RequestError::Lost(format!("its manifest is broken: {what}"));
    let bytes = answer
        .packed
        .unpack(b"", MAX_MANIFEST_BYTES)
        .map_err(broken)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    manifest.validate().map_err(broken)?;
    Ok(manifest)
}

/// The generations that a server keeps, newest first.
pub(super) async fn fetch_history(
    address: SocketAddr,
    options: &InitializerOptions,
    until: Option<Instant>,
) -> Result<Vec<Past>, RequestError> {
    let fetch = || async {
        let mut connection = Connection::open(address, options).await?;
        connection
            .request::<HistoryAnswer>(&DeployRequest::History {})
            .await
            .map(|answer| answer.generations)
    };
    again_until(until, fetch).await
}

/// Asks again and again until then, where the server is not there.
async fn again_until<T, F: Future<Output = Result<T, RequestError>>>(
    until: Option<Instant>,
    ask: impl Fn() -> F,
) -> Result<T, RequestError> {
    loop {
        match ask().await {
            Err(RequestError::Lost(_)) if until.is_some_and(|until| Instant::now() < until) => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

fn refused(message: String) -> RequestError {
    RequestError::Refused(DeployError::new(DeployErrorKind::Refused, message))
}
