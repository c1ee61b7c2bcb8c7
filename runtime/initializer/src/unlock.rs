//! Breaks the lease of an apply whose initializer is gone.

use std::net::SocketAddr;
use std::path::Path;

use deploy::message::{DeployRequest, StatusAnswer, UnlockAnswer};
use deploy::participant::{Lease, Outcome};

use crate::connection::Connection;
use crate::desired::declared_servers;
use crate::error::{InitializerError, RequestError, Unreachable};
use crate::history::check_id_digits;
use crate::join::join_all;
use crate::options::InitializerOptions;
use crate::origin;

/// An apply whose leases were broken.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unlocked {
    /// The id of the apply.
    pub txn: String,
    /// Who applied, in words.
    pub holder: String,
    /// The result for each server, in the order of the file.
    pub servers: Vec<Result<UnlockedServer, Unreachable>>,
}

/// A server that was asked to break the lease of an apply.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnlockedServer {
    /// The server's name.
    pub name: String,
    /// Whether the apply held the lease of this server.
    pub held_lease: bool,
    /// The outcome of the apply on this server.
    pub outcome: Outcome,
}

/// A server's name and address, and the lease on it.
type ServerLease = (String, SocketAddr, Result<Option<Lease>, RequestError>);

impl Unlocked {
    /// Breaks the leases of an apply on all servers of the file. `txn` is the id of the apply, or
    /// the first digits of the id.
    ///
    /// # Errors
    /// [`InitializerError::Lease`] if no server has a lease of such an apply, or if several applies
    /// have one. Nothing has changed on any server.
    pub async fn unlock(
        init: &Path,
        txn: &str,
        options: &InitializerOptions,
    ) -> Result<Self, InitializerError> {
        let servers = declared_servers(init, options)?;
        let leases = join_all(servers.into_iter().map(|(name, address)| async move {
            let lease = ask_lease(&name, address, options).await;
            (name, address, lease)
        }))
        .await;
        let Lease { txn, holder, .. } = find_lease(&leases, txn)?;
        let origin = origin::origin_after([], "");
        let servers = join_all(leases.into_iter().map(|(name, address, lease)| {
            let unlock = DeployRequest::Unlock {
                txn: txn.clone(),
                origin: origin.clone(),
            };
            async move {
                let answer = match lease {
                    Ok(_) => break_lease(&name, address, &unlock, options).await,
                    Err(error) => Err(error),
                };
                match answer {
                    Ok(UnlockAnswer { holder, outcome }) => Ok(UnlockedServer {
                        name,
                        held_lease: holder.is_some(),
                        outcome,
                    }),
                    Err(error) => Err(Unreachable::new(&name, address, error)),
                }
            }
        }))
        .await;
        Ok(Self {
            txn,
            holder,
            servers,
        })
    }
}

async fn ask_lease(
    name: &str,
    address: SocketAddr,
    options: &InitializerOptions,
) -> Result<Option<Lease>, RequestError> {
    let mut connection = Connection::open(name, address, options).await?;
    let status = DeployRequest::Status {};
    let answer: StatusAnswer = connection.request(&status).await?;
    Ok(answer.lease)
}

async fn break_lease(
    name: &str,
    address: SocketAddr,
    unlock: &DeployRequest,
    options: &InitializerOptions,
) -> Result<UnlockAnswer, RequestError> {
    let mut connection = Connection::open(name, address, options).await?;
    connection.request(unlock).await
}

/// Returns the one lease whose apply begins with these digits.
fn find_lease(leases: &[ServerLease], txn: &str) -> Result<Lease, InitializerError> {
    let failed = |message: String| Err(InitializerError::Lease(message));
    check_id_digits(txn).map_err(InitializerError::Lease)?;
    let held = || {
        leases
            .iter()
            .filter_map(|(_, _, lease)| lease.as_ref().ok()?.as_ref())
    };
    let mut found = held().filter(|lease| lease.txn.starts_with(txn));
    let Some(first) = found.next() else {
        let not_asked: Vec<String> = leases
            .iter()
            .filter_map(|(name, address, lease)| {
                let error = lease.as_ref().err()?;
                Some(format!("\nnot asked: {name} ({address}): {error}"))
            })
            .collect();
        let reason = match held().next() {
            Some(other) => format!("; the lease is held by {}", other.holder),
            None if not_asked.is_empty() => "; no apply is under way".to_owned(),
            None => String::new(),
        };
        return failed(format!(
            "no server has a lease of an apply `{txn}`{reason}{}",
            not_asked.concat()
        ));
    };
    if let Some(other) = found.find(|lease| lease.txn != first.txn) {
        return failed(format!(
            "{} and {} both begin with `{txn}`; give more digits of the id",
            first.txn, other.txn
        ));
    }
    Ok(first.clone())
}
