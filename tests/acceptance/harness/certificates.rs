//! [`Certificates`]: a certificate authority of a test, and the folders that it makes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tls::issue::{Authority, Issued, Validity};
use tls::{CA_FILE, CERTIFICATE_FILE, Credentials, Identity, KEY_FILE, LIST_FILE};

/// The certificates of a network. Dropping this deletes their folders.
pub struct Certificates {
    network: String,
    authority: Authority,
    folder: TempDir,
}

impl Certificates {
    /// Makes the authority of a network.
    pub fn of(network: &str) -> Self {
        let (authority, _) = Authority::make(network, Validity::days(10)).expect("an authority");
        Self {
            network: network.to_owned(),
            authority,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Returns the folder of this role and name, such as `client/client1`. Makes it first if it is
    /// missing.
    pub fn folder(&self, role_and_name: &str) -> PathBuf {
        let path = self.folder.path().join(role_and_name);
        if !path.exists() {
            self.renew(role_and_name, Validity::days(10));
        }
        path
    }

    /// Puts a new certificate into a folder.
    pub fn renew(&self, role_and_name: &str, validity: Validity) {
        let uri = format!("rpc://{}/{role_and_name}", self.network);
        let identity: Identity = uri.parse().expect("an identity");
        let issued = self.authority.issue(&identity, &[], &[], validity);
        self.write(
            &self.folder.path().join(role_and_name),
            &issued.expect("a certificate"),
        );
    }

    fn write(&self, folder: &Path, issued: &Issued) {
        std::fs::create_dir_all(folder).expect("a folder");
        for (file, text) in [
            (CA_FILE, self.authority.certificate()),
            (KEY_FILE, &issued.key),
            (CERTIFICATE_FILE, &issued.certificate),
        ] {
            let path = folder.join(file);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("set");
        }
    }

    /// Returns the list with this number that revokes these folders' present certificates.
    pub fn list(&self, number: u64, revoked: &[&str]) -> String {
        let serials: Vec<String> = revoked
            .iter()
            .map(|name| {
                let credentials = Credentials::load(&self.folder(name)).expect("good files");
                credentials.certificate().serial.clone()
            })
            .collect();
        let serials = serials.iter().map(String::as_str);
        self.authority.revoke(number, serials).expect("a list")
    }

    /// Puts a revocation list into a folder.
    pub fn put_list(&self, role_and_name: &str, list: &str) {
        std::fs::write(self.folder(role_and_name).join(LIST_FILE), list).expect("written");
    }
}
