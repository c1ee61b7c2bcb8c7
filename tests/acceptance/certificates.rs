//! `initializer cert`: certificates of a network, in files.

mod list;
mod make;
mod refused;
mod renew;
mod revoke;
mod usage;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use tls::issue::{Authority, Issued, Validity};
use tls::stored::StoredCertificate;
use tls::{Certificate, Credentials, Identity, Time};

use crate::harness::{Finished, Network};

/// Two servers, one of them on loopback, two clients and two deployers. `ada` is one of each.
const SHOP: &str = "\
name: shop
network:
  servers:
    server1: { ip: 127.0.0.1, port: 7101 }
    server2: { ip: 192.0.2.7, port: 7102 }
  clients:
    client1: { ip: 127.0.0.1 }
    ada: { ip: 127.0.0.1 }
  deployers: [ops, ada]
services: {}
";

/// The folders of [`SHOP`], and whom the certificate in each names.
const FOLDERS: [(&str, &str); 6] = [
    ("servers/server1", "rpc://shop/server/server1"),
    ("servers/server2", "rpc://shop/server/server2"),
    ("clients/client1", "rpc://shop/client/client1"),
    ("clients/ada", "rpc://shop/client/ada"),
    ("deployers/ops", "rpc://shop/deployer/ops"),
    ("deployers/ada", "rpc://shop/deployer/ada"),
];

const DAY: u64 = 24 * 3600;

/// A project folder with [`SHOP`], and what the tests do with its certificates.
struct Shop {
    network: Network,
}

impl Shop {
    fn empty() -> Self {
        Self {
            network: Network::new(SHOP),
        }
    }

    /// Returns a shop whose certificates have been made.
    fn open() -> Self {
        let shop = Self::empty();
        shop.cert("init.yaml").succeeds();
        shop
    }

    /// Runs `initializer cert` with these words.
    fn cert(&self, words: &str) -> Finished {
        let words: Vec<&str> = ["cert"].into_iter().chain(words.split(' ')).collect();
        self.network.initializer(&words)
    }

    /// Runs `initializer cert` after these commands of a shell.
    fn cert_after(&self, commands: &str, words: &str) -> Finished {
        let program = env!("CARGO_BIN_EXE_initializer");
        let line = format!("{commands}; exec {program} cert {words}");
        let command = self.network.command("sh", &["-c", &line]);
        crate::harness::finish(crate::harness::begin(command))
    }

    /// Returns a path below `certs`.
    fn path(&self, path: &str) -> PathBuf {
        self.network.path().join("certs").join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect(path)
    }

    fn write(&self, path: &str, text: &str) {
        self.network.write(&format!("certs/{path}"), text);
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o600)).expect(path);
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).expect(path);
    }

    /// Replaces a text of `init.yaml`.
    fn amend(&self, old: &str, new: &str) {
        let init = fs::read_to_string(self.network.path().join("init.yaml")).expect("the file");
        assert!(init.contains(old), "{old}");
        self.network.write("init.yaml", &init.replace(old, new));
    }

    fn stored(&self, path: &str) -> StoredCertificate {
        StoredCertificate::read(&self.path(path)).expect(path)
    }

    /// Returns the certificate in a folder.
    fn certificate(&self, folder: &str) -> Certificate {
        let stored = self.stored(&format!("{folder}/cert.pem"));
        stored.certificate().clone()
    }

    fn serial(&self, folder: &str) -> String {
        self.certificate(folder).serial
    }

    /// Loads a folder as a program does that gets it with `--tls`.
    fn load(&self, folder: &str) -> Result<Credentials, String> {
        Credentials::load(&self.path(folder)).map_err(|error| error.to_string())
    }

    /// Returns the number of the list in a folder, and what it revokes, in order.
    fn revoked(&self, folder: &str) -> (u64, Vec<String>) {
        let ca = self.stored("ca/ca.pem");
        let list = ca.read_list(&self.path(&format!("{folder}/crl.pem")));
        let list = list.expect("a good list").expect("a list");
        let mut serials: Vec<String> = list.serials().map(str::to_owned).collect();
        serials.sort();
        (list.number(), serials)
    }

    /// Returns every file below `certs` with its content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.network.path().join("certs"), &mut files);
        files
    }

    /// Returns the CA, to make certificates that the program would not make.
    fn authority(&self) -> Authority {
        let issued = Issued {
            certificate: self.read("ca/ca.pem"),
            key: self.read("ca/key.pem"),
        };
        Authority::load("shop", issued).expect("the CA")
    }

    /// Puts a certificate of the CA into a folder that is valid for so many days, of which so many are
    /// over.
    fn age(&self, folder: &str, uri: &str, days: u64, over: u64) {
        let start = Time::now().0 - over * DAY;
        let validity = Validity {
            not_before: Time(start),
            not_after: Time(start + days * DAY),
        };
        let issued = self
            .authority()
            .issue(&identity(uri), &[], &[], validity)
            .expect("a certificate");
        self.write(&format!("{folder}/cert.pem"), &issued.certificate);
        self.write(&format!("{folder}/key.pem"), &issued.key);
    }

    /// Makes a CA with this validity in the place where the program looks for one.
    fn place_authority(&self, network: &str, validity: Validity) {
        let (authority, issued) = Authority::make(network, validity).expect("a CA");
        self.write("ca/ca.pem", &issued.certificate);
        self.write("ca/key.pem", &issued.key);
        self.write("ca/crl.pem", &authority.revoke(1, []).expect("a list"));
    }
}

fn identity(uri: &str) -> Identity {
    uri.parse().expect("an identity")
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(path).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else {
            let content = fs::read(&path).unwrap_or_default();
            files.insert(path, content);
        }
    }
}

/// Returns the bytes in a PEM file.
fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let text: String = lines.collect();
    let engine = base64::engine::general_purpose::STANDARD;
    engine.decode(text).expect("base64")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).expect("an existing file");
    metadata.permissions().mode() & 0o777
}
