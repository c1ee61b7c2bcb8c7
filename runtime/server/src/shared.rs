//! [`Shared`]: what all sessions of a server share.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::connection::budget::Budget;
use crate::connection::handshake::Handshakes;
use crate::connection::peers::Peers;
use crate::connection::room::Room;
use crate::deployment::Deployer;
use crate::limits::Limits;
use crate::registry::live::LiveRegistry;
use crate::trust::LiveTls;

/// What all sessions of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: LiveRegistry,
    pub(crate) deployer: Deployer,
    pub(crate) limits: Limits,
    /// Runs deployments, so that they do not hold up connections.
    pub(crate) background: Handle,
    /// Has one permit for each call that may be in flight.
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) peers: Peers,
    /// For the bytes of incomplete messages.
    pub(crate) room: Arc<Room>,
    /// Bytes of the arguments of calls in flight.
    pub(crate) arguments: Arc<Budget>,
    /// Bytes of answers that peers have not read.
    pub(crate) untaken: Arc<Budget>,
    /// The address at which initializers dial this server, if it differs from the address that the
    /// server listens on.
    pub(crate) advertise: Option<SocketAddr>,
    /// The certificates, if the server speaks TLS.
    pub(crate) tls: Option<Arc<LiveTls>>,
    /// The TLS handshakes that are under way.
    pub(crate) handshakes: Handshakes,
    /// Becomes true when the server begins to drain.
    pub(crate) drain: watch::Receiver<bool>,
}
