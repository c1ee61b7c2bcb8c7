//! [`NetworkStatus`]: what is live on each server, compared with the file.

use std::path::Path;

use crate::desired::Desired;
use crate::error::{InitializerError, Unreachable};
use crate::native;
use crate::options::InitializerOptions;
use crate::plan::ServerPlan;
use crate::plan::plan_server;
use crate::survey::survey;
use deploy::message::StatusAnswer;

/// What is live on each server, compared with the file.
#[derive(Debug)]
#[non_exhaustive]
pub struct NetworkStatus {
    /// Every server of the file, in its order.
    pub servers: Vec<Result<ServerStatus, Unreachable>>,
}

/// The status of a server, and how it differs from the file.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerStatus {
    /// The server's own status.
    pub status: StatusAnswer,
    /// What an apply of the file would change.
    pub drift: ServerPlan,
    /// Further notes, such as that the server has a native service that the file does not name.
    pub notes: Vec<String>,
}

impl NetworkStatus {
    /// Reads the file and its sources, and asks every server.
    ///
    /// # Errors
    /// Fails if the file or a source cannot be read. A server that cannot be asked is an error in
    /// `servers` instead.
    pub async fn ask(init: &Path, options: &InitializerOptions) -> Result<Self, InitializerError> {
        let desired = Desired::read(init, options)?;
        let seen = survey(&desired.servers, options).await;
        let services = &desired.document.schema.services;
        let answered = desired.servers.iter().zip(seen).map(|(server, seen)| {
            seen.map(|seen| ServerStatus {
                drift: plan_server(server, &seen),
                notes: native::note_unknown(services, server, &seen.status),
                status: seen.status,
            })
        });
        Ok(Self {
            servers: answered.collect(),
        })
    }

    /// Returns whether every server answers and runs what the file says.
    pub fn is_as_declared(&self) -> bool {
        self.servers
            .iter()
            .all(|server| server.as_ref().is_ok_and(|server| !server.drift.changes))
    }
}
