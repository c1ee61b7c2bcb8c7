//! A network on this machine: real server processes on free ports, a peer that speaks bytes, a message builder.
//!
//! Every wait ends: at an event, or at [`PATIENCE`].

mod peer;
mod process;
mod request;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

pub use peer::{Framing, Peer};
pub use process::ServerProcess;
pub use request::{Request, request};
use tempfile::TempDir;

/// No wait is longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A project folder and its running servers. Everything is gone when it is dropped.
pub struct Network {
    folder: TempDir,
    servers: BTreeMap<String, ServerProcess>,
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Finished {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Network {
    /// A folder with this `init.yaml` and nothing running. The ports in the file are of no matter: programs are told
    /// where the servers really are.
    pub fn new(init: &str) -> Self {
        let network = Self { folder: tempfile::tempdir().expect("a temporary folder"), servers: BTreeMap::new() };
        network.write("init.yaml", init);
        network
    }

    /// The usual network of the tests: `svc1.<name>` for each Python function, on `server1`, for `client1` at
    /// 127.0.0.1. A procedure is `(name, arguments, returns, source)`, the types as YAML lists without brackets.
    pub fn with_procedures(procedures: &[(&str, &str, &str, &str)]) -> Self {
        let mut init = String::from(
            "network:\n  servers:\n    server1: { ip: 127.0.0.1, port: 1 }\n  clients:\n    client1: { ip: 127.0.0.1 }\n\
             services:\n  svc1:\n    provider: server1\n    tenants: [client1]\n    rpcs:\n",
        );
        let quoted = |types: &str| -> String {
            split_types(types).iter().map(|ty| format!("\"{ty}\"")).collect::<Vec<_>>().join(", ")
        };
        for (index, (name, arguments, returns, _)) in procedures.iter().enumerate() {
            let (arguments, returns) = (quoted(arguments), quoted(returns));
            init += &format!(
                "      - {{ name: {name}, arguments: [{arguments}], returns: [{returns}], path: p{index}.py }}\n"
            );
        }
        let network = Self::new(&init);
        for (index, (.., source)) in procedures.iter().enumerate() {
            network.write(&format!("p{index}.py"), source);
        }
        network
    }

    /// [`with_procedures`](Self::with_procedures), started and applied.
    pub fn serving(procedures: &[(&str, &str, &str, &str)]) -> Self {
        let mut network = Self::with_procedures(procedures);
        network.start("server1", &[]);
        network.apply().succeeds();
        network
    }

    /// The project folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, content).expect("a written file");
        path
    }

    /// The data folder of a server.
    pub fn data(&self, server: &str) -> PathBuf {
        self.path().join(format!("data-{server}"))
    }

    /// Starts a server with further flags and waits until it listens. A server of that name is replaced.
    pub fn start(&mut self, server: &str, flags: &[&str]) -> SocketAddr {
        self.servers.remove(server);
        let process = ServerProcess::start(&self.data(server), flags);
        let address = process.address();
        self.servers.insert(server.to_owned(), process);
        address
    }

    /// A running server.
    pub fn server(&self, name: &str) -> &ServerProcess {
        &self.servers[name]
    }

    /// A running server, to stop it.
    pub fn server_mut(&mut self, name: &str) -> &mut ServerProcess {
        self.servers.get_mut(name).expect("a server of that name")
    }

    /// A connection from 127.0.0.1 to `server1`.
    pub fn peer(&self, framing: Framing) -> Peer {
        Peer::connect(self.server("server1").address(), framing)
    }

    /// Runs `initializer apply init.yaml`.
    pub fn apply(&self) -> Finished {
        self.initializer(&["apply", "init.yaml"])
    }

    /// Runs `initializer plan init.yaml`.
    pub fn plan(&self) -> Finished {
        self.initializer(&["plan", "init.yaml"])
    }

    /// Runs `initializer` in the project folder.
    pub fn initializer(&self, arguments: &[&str]) -> Finished {
        self.run(env!("CARGO_BIN_EXE_initializer"), arguments)
    }

    /// Runs `rpc-client` in the project folder.
    pub fn client(&self, arguments: &[&str]) -> Finished {
        self.run(env!("CARGO_BIN_EXE_rpc-client"), arguments)
    }

    /// A program in the project folder that knows where the servers are, for tests that let it run.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env_remove("RPC_CLIENT").env("NO_COLOR", "1");
        for (name, server) in &self.servers {
            command.env(format!("RPC_SERVER_{}", name.to_uppercase()), server.address().to_string());
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Finished {
        self.command(program, arguments).output().expect("a program that runs").into()
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Finished {
    /// Asserts that it ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.ends(0)
    }

    /// Asserts its exit status.
    #[track_caller]
    pub fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it printed this, to either stream.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "{text}\n{self:#?}");
        self
    }
}

/// Splits at the commas outside brackets.
fn split_types(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("a part").push(c);
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
