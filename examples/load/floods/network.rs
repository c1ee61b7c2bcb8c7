//! The flooded network: a server process with two tenants, in its own folder.

use std::fs::DirBuilder;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The server's name in the file.
pub const SERVER: &str = "server1";

pub const INIT: &str = "\
name: load
network:
  deployers: [ops]
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    honest: { ip: 127.0.0.1 }
    hostile: { ip: 127.0.0.2 }
services:
  svc1:
    provider: server1
    tenants: [honest, hostile]
    rpcs:
      - { name: add, arguments: [int, int], returns: int, path: add.py }
      - { name: long, returns: str, path: long.py }
";

const ADD: &str = "def add(a: int, b: int) -> int:\n    return a + b\n";
const LONG: &str = "def long() -> str:\n    return \"x\" * 2_000_000\n";

/// A running server with its code. Dropping this kills the server and removes its folder.
pub struct Network {
    server: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Network {
    /// Starts a server. `certs` is the folder of certificates, if it speaks TLS.
    pub fn start(certs: Option<&Path>) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, content) in [("init.yaml", INIT), ("add.py", ADD), ("long.py", LONG)] {
            std::fs::write(folder.path().join(name), content)?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(runtime_folder(folder.path()))?;
        let mut server = part(folder.path(), "rpc-server")?;
        if let Some(certs) = certs {
            server.arg("--tls").arg(certs.join("servers").join(SERVER));
        }
        let mut server = server
            .args([
                "--listen",
                "127.0.0.1:0",
                "--data",
                "data",
                "--log-file",
                "server.log",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let address = address(&mut server)?;
        let network = Self {
            server,
            address,
            folder,
        };
        network.apply(certs)?;
        Ok(network)
    }

    fn apply(&self, certs: Option<&Path>) -> io::Result<()> {
        let server = format!("{SERVER}={}", self.address);
        let mut command = part(self.folder.path(), "initializer")?;
        command.args(["apply", "init.yaml", "--server", &server]);
        if let Some(certs) = certs {
            command
                .arg("--tls")
                .arg(certs.join("deployers").join("ops"));
        }
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!(
            "initializer apply: {}: {errors}",
            output.status
        )))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[expect(clippy::cast_precision_loss, reason = "no log has 2^52 bytes")]
    pub fn log_bytes(&self) -> io::Result<f64> {
        Ok(std::fs::metadata(self.folder.path().join("server.log"))?.len() as f64)
    }

    /// Returns the resident memory of the server's process, without its workers.
    pub fn resident_mib(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib =
            resident.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0)
            .ok_or_else(|| io::Error::other("the server has ended"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Returns a command that runs a program in the folder. Server and initializer find the deploy key
/// in the same runtime folder.
fn part(folder: &Path, program: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(program)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", runtime_folder(folder));
    Ok(command)
}

fn runtime_folder(folder: &Path) -> PathBuf {
    folder.join("runtime")
}

/// Reads the address from the server's line `listening on IP:PORT`.
fn address(server: &mut Child) -> io::Result<SocketAddr> {
    let stdout = server
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("no stdout"))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .and_then(|address| address.parse().ok());
    address.ok_or_else(|| io::Error::other("the server did not start"))
}
