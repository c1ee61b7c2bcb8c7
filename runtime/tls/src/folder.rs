//! [`ClientFolder`]: the certificate of a program that connects to servers, read again when it
//! changes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client::ClientTls;
use crate::credentials::{Credentials, FolderStamp};
use crate::error::TlsError;
use crate::identity::Identity;

/// Minimum time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The certificate of a program that connects to servers. Before a connection, the files are looked
/// at; if they have changed, they are read again. If something is wrong with them, what was read
/// before stays in force.
#[derive(Debug)]
pub struct ClientFolder {
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    stamp: FolderStamp,
    looked_at: Instant,
    credentials: Arc<Credentials>,
    /// The settings for each server. Its sessions that can be resumed are in them.
    servers: HashMap<String, ClientTls>,
}

impl ClientFolder {
    /// Reads a folder.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub fn open(folder: &Path) -> Result<Self, TlsError> {
        let stamp = FolderStamp::of(folder);
        Ok(Self {
            loaded: Mutex::new(Loaded {
                stamp,
                looked_at: Instant::now(),
                credentials: Arc::new(Credentials::load(folder)?),
                servers: HashMap::new(),
            }),
        })
    }

    /// Returns the present certificate and whom it trusts.
    pub fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.lock().credentials)
    }

    /// Returns whom the certificate names.
    pub fn identity(&self) -> Identity {
        self.lock().credentials.identity().clone()
    }

    /// Returns the client's end of connections to the server of this name.
    ///
    /// # Errors
    /// Returns an error of rustls.
    pub fn to_server(&self, server: &str) -> Result<ClientTls, rustls::Error> {
        let mut loaded = self.lock();
        if loaded.looked_at.elapsed() >= LOOK_INTERVAL {
            loaded.look_again();
        }
        if let Some(tls) = loaded.servers.get(server) {
            return Ok(tls.clone());
        }
        let tls = ClientTls::new(&loaded.credentials, server)?;
        loaded.servers.insert(server.to_owned(), tls.clone());
        Ok(tls)
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loaded {
    fn look_again(&mut self) {
        self.looked_at = Instant::now();
        let folder = self.credentials.folder();
        let stamp = FolderStamp::of(folder);
        if stamp == self.stamp {
            return;
        }
        // A pair of files that is half replaced is read again after its next change.
        if let Ok(credentials) = Credentials::load(folder)
            && credentials.identity() == self.credentials.identity()
        {
            self.credentials = Arc::new(credentials);
            self.servers.clear();
        }
        self.stamp = stamp;
    }
}
