//! [`Layout`]: which folder belongs to whom.
//!
//! ```text
//! certs/ca/                 ca.pem            key.pem  crl.pem
//! certs/servers/server1/    ca.pem  cert.pem  key.pem  crl.pem
//! certs/clients/client1/    the same
//! certs/deployers/ops/      the same
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rpc_schema::Name;
use tls::{CA_FILE, CERTIFICATE_FILE, Identity, KEY_FILE, LIST_FILE, Role};

use super::words::{failure, shown};

/// All files that a folder may have.
pub(super) const FILES: [&str; 4] = [CA_FILE, CERTIFICATE_FILE, KEY_FILE, LIST_FILE];

/// Which section of the file names a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Server,
    Client,
    Deployer,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub(super) const ALL: [Self; 3] = [Self::Server, Self::Client, Self::Deployer];

    /// Returns the role of its certificates.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Server => Role::Server,
            Self::Client => Role::Client,
            Self::Deployer => Role::Deployer,
        }
    }

    /// Returns the folder of all holders of this kind.
    fn folder(self) -> &'static str {
        match self {
            Self::Server => "servers",
            Self::Client => "clients",
            Self::Deployer => "deployers",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.role().word())
    }
}

/// The owner of a certificate: a server, a client or a deployer. The name follows the rule for names of
/// `init.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl Holder {
    /// Returns whom its certificate names.
    pub(super) fn identity(&self, network: &str) -> Identity {
        Identity {
            network: network.to_owned(),
            role: self.kind.role(),
            name: self.name.clone(),
        }
    }
}

/// A holder as people read it, such as `client1 (client)`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.kind)
    }
}

/// The folder of all certificates of a network.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of the CA.
    pub(super) fn authority(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// Returns the folder of all holders of a kind.
    pub(super) fn kind(&self, kind: Kind) -> PathBuf {
        self.root.join(kind.folder())
    }

    /// Returns the folder of a holder.
    pub(super) fn holder(&self, holder: &Holder) -> PathBuf {
        self.kind(holder.kind).join(&holder.name)
    }

    /// Returns the holders that have a place in the folder, in order. Entries with other names are
    /// not ours.
    pub(super) fn holders(&self) -> Result<Vec<Holder>, String> {
        let mut holders = Vec::new();
        for kind in Kind::ALL {
            let folder = self.kind(kind);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                    let place = shown(&folder);
                    return Err(format!("`{place}` is not a folder; move it away"));
                }
                Err(error) => return Err(failure("read", &folder, &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| failure("read", &folder, &error))?;
                let name = entry.file_name();
                if let Some(name) = name.to_str().and_then(|name| Name::new(name).ok()) {
                    let name = name.to_string();
                    holders.push(Holder { kind, name });
                }
            }
        }
        holders.sort();
        Ok(holders)
    }
}
