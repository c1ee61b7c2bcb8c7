//! [`LiveTls`]: the server's certificates, read again when they change, and the connections that end
//! when a certificate does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tls::rustls::pki_types::CertificateDer;
use tls::rustls::pki_types::pem::PemObject as _;
use tls::{Accepting, Credentials, FolderStamp, Refusal, RevocationList, ServerTls, rustls};
use tokio::sync::watch;

use crate::options::StartError;

/// Interval at which a connection checks that its certificate has not expired. A revoked one is cut
/// off at once.
const EXPIRY_CHECK: Duration = Duration::from_mins(1);

/// The server's certificates, as they are at present.
#[derive(Debug)]
pub(crate) struct LiveTls {
    folder: PathBuf,
    current: ArcSwap<TlsState>,
    /// The folder as it was when it was last read, whether that succeeded or not. Locked while the
    /// certificates or the list change, so that neither change undoes the other.
    stamp: Mutex<FolderStamp>,
    /// Notified when the certificates or the list have changed.
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct TlsState {
    credentials: Credentials,
    server: ServerTls,
}

impl TlsState {
    fn new(credentials: Credentials) -> Arc<Self> {
        let server = ServerTls::new(&credentials);
        Arc::new(Self {
            credentials,
            server,
        })
    }
}

impl LiveTls {
    /// Reads the certificates, and the list that deployers have brought before.
    ///
    /// # Errors
    /// Returns what is wrong with the folder.
    pub(crate) fn open(folder: PathBuf, list_path: &Path) -> Result<Self, StartError> {
        let stamp = FolderStamp::of(&folder);
        let credentials = Credentials::load(&folder).map_err(StartError::Tls)?;
        let identity = credentials.identity();
        if !identity.role.serves() {
            return Err(StartError::NotAServer(folder, identity.clone()));
        }
        tracing::info!(event = "certificate", identity = %identity,
            until = %credentials.certificate().not_after);
        let credentials = with_brought_list(credentials, list_path);
        Ok(Self {
            folder,
            current: ArcSwap::new(TlsState::new(credentials)),
            stamp: Mutex::new(stamp),
            changes: watch::channel(()).0,
        })
    }

    /// Returns the settings for one connection that is accepted.
    ///
    /// # Errors
    /// Returns an error of rustls.
    pub(crate) fn accept(&self) -> Result<Accepting, rustls::Error> {
        self.current.load().server.accept()
    }

    /// Returns the name of this server, as its certificate has it.
    pub(crate) fn server_name(&self) -> String {
        self.current.load().credentials.identity().name.clone()
    }

    /// Reads the folder again if it has changed. If something is wrong with it, what was read before
    /// stays in force.
    pub(crate) fn reload_if_changed(&self) {
        let stamp = FolderStamp::of(&self.folder);
        let mut known = self.lock_stamp();
        if *known == stamp {
            return;
        }
        *known = stamp;
        let before = self.current.load_full();
        match Credentials::load(&self.folder) {
            Ok(credentials) if credentials.identity() == before.credentials.identity() => {
                tracing::info!(event = "certificates read again", identity = %credentials.identity(),
                    until = %credentials.certificate().not_after);
                let credentials = match before.credentials.trust().list() {
                    Some(list) => credentials.with_list(list.clone()),
                    None => credentials,
                };
                self.replace(credentials);
            }
            Ok(credentials) => {
                let note = "the certificates from before stay in force; restart the server to give it another name";
                tracing::error!(event = "certificates refused", identity = %credentials.identity(), note);
            }
            Err(error) => {
                let note = "the certificates from before stay in force";
                tracing::error!(event = "certificates refused", error = %error, note);
            }
        }
    }

    /// Takes a revocation list that a deployer brings, as PEM, and keeps it. Returns the list that
    /// is in force: an older one changes nothing.
    ///
    /// # Errors
    /// Returns why the list is refused, or why it cannot be kept.
    pub(crate) fn take_list(
        &self,
        pem: &str,
        keep: impl FnOnce() -> io::Result<()>,
    ) -> Result<RevocationList, String> {
        let _changing = self.lock_stamp();
        let before = self.current.load_full();
        let list = read_list(&before.credentials, pem.as_bytes())?;
        if let Some(present) = before.credentials.trust().list()
            && present.number() >= list.number()
        {
            return Ok(present.clone());
        }
        keep().map_err(|error| format!("the list cannot be kept: {error}"))?;
        self.replace(before.credentials.clone().with_list(list.clone()));
        Ok(list)
    }

    fn replace(&self, credentials: Credentials) {
        if let Some(list) = credentials.trust().list() {
            tracing::info!(
                event = "revocation list",
                number = list.number(),
                revoked = list.len()
            );
        }
        self.current.store(TlsState::new(credentials));
        self.changes.send_replace(());
    }

    /// Returns what tells of changes from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits until the certificate of a peer is no longer valid, which was accepted after `changes`
    /// began. Returns why.
    pub(crate) async fn wait_for_end(
        &self,
        chain: &[CertificateDer<'static>],
        mut changes: watch::Receiver<()>,
    ) -> Refusal {
        loop {
            tokio::select! {
                // Cannot fail: `self` holds the sender.
                _ = changes.changed() => {}
                () = tokio::time::sleep(EXPIRY_CHECK) => {}
            }
            if let Err(refusal) = self.current.load().credentials.trust().check_again(chain) {
                return refusal;
            }
        }
    }

    fn lock_stamp(&self) -> MutexGuard<'_, FolderStamp> {
        self.stamp.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the list that deployers have brought before, if it is newer.
fn with_brought_list(credentials: Credentials, path: &Path) -> Credentials {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return credentials,
        Err(error) => {
            tracing::error!(event = "data damaged", file = %path.display(), error = %error);
            return credentials;
        }
    };
    match read_list(&credentials, &bytes) {
        Ok(list) => credentials.with_list(list),
        Err(error) => {
            tracing::error!(event = "data damaged", file = %path.display(), error);
            credentials
        }
    }
}

fn read_list(credentials: &Credentials, pem: &[u8]) -> Result<RevocationList, String> {
    let der = rustls::pki_types::CertificateRevocationListDer::from_pem_slice(pem)
        .map_err(|error| format!("it has no revocation list: {error}"))?;
    credentials.verify_list(der.to_vec())
}
