//! The certificates of the contestants that speak TLS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use rpc_runtime_tls::issue::{Authority, Validity};
use rpc_runtime_tls::{CA_FILE, CERTIFICATE_FILE, KEY_FILE};

/// The name of the network in `init.yaml` and `native.yaml`.
const NETWORK: &str = "bench";

/// Makes an authority and a certificate for each program in this folder. Returns the folder.
pub fn make(folder: &Path) -> Result<PathBuf> {
    let (authority, _) = Authority::make(NETWORK, Validity::days(2))?;
    for (role, name, path) in [
        ("server", "server1", of_server(folder)),
        ("client", "client1", of_client(folder)),
        ("deployer", "bench", of_deployer(folder)),
    ] {
        let identity = format!("rpc://{NETWORK}/{role}/{name}").parse();
        let identity = identity.map_err(|_| anyhow!("`{name}` is no name"))?;
        let issued = authority.issue(&identity, &[], &[], Validity::days(1))?;
        std::fs::create_dir_all(&path)?;
        for (file, text) in [
            (CA_FILE, authority.certificate()),
            (CERTIFICATE_FILE, &*issued.certificate),
            (KEY_FILE, &*issued.key),
        ] {
            let file = path.join(file);
            std::fs::write(&file, text)?;
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(folder.to_owned())
}

/// Returns the folder of the server.
pub fn of_server(folder: &Path) -> PathBuf {
    folder.join("certs/server")
}

/// Returns the folder of the client.
pub fn of_client(folder: &Path) -> PathBuf {
    folder.join("certs/client")
}

/// Returns the folder of the deployer.
pub fn of_deployer(folder: &Path) -> PathBuf {
    folder.join("certs/deployer")
}
