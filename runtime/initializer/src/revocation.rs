//! [`bring_list`]: brings the list of revoked certificates to all servers.

use std::net::SocketAddr;
use std::path::Path;

use deploy::message::{DeployRequest, RevokeAnswer};

use crate::connection::Connection;
use crate::desired::declared_servers;
use crate::error::{InitializerError, RequestError, Unreachable};
use crate::join::join_all;
use crate::options::InitializerOptions;

/// A server, and the revocation list that is in force there now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListInForce {
    /// The server's name.
    pub server: String,
    /// The number of the list. It is larger than that of the brought list if the server had a newer
    /// one.
    pub number: u64,
    /// Number of revoked certificates in the list.
    pub revoked: u64,
}

/// Brings a revocation list, as PEM, to the servers of the file that the options select. Each takes
/// only a newer list than it has.
///
/// # Errors
/// [`InitializerError::File`], [`InitializerError::UnknownServer`], [`InitializerError::Address`].
/// A server that does not take the list is an error of its own.
pub async fn bring_list(
    init: &Path,
    list: &str,
    options: &InitializerOptions,
) -> Result<Vec<Result<ListInForce, Unreachable>>, InitializerError> {
    let servers = declared_servers(init, options)?;
    let brought = join_all(servers.into_iter().map(|(name, address)| async move {
        match bring(&name, address, list, options).await {
            Ok(RevokeAnswer { number, revoked }) => Ok(ListInForce {
                server: name,
                number,
                revoked,
            }),
            Err(error) => Err(Unreachable::new(&name, address, error)),
        }
    }));
    Ok(brought.await)
}

async fn bring(
    name: &str,
    address: SocketAddr,
    list: &str,
    options: &InitializerOptions,
) -> Result<RevokeAnswer, RequestError> {
    let mut connection = Connection::open(name, address, options).await?;
    let list = list.to_owned();
    connection.request(&DeployRequest::Revoke { list }).await
}
