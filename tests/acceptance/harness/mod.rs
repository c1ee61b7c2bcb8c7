//! The test harness: real server processes on free ports, scripted peers, and message builders.
//!
//! Every wait ends at an event, or fails after [`PATIENCE`].

mod answer;
mod binary;
mod caller;
mod certificates;
mod embedded;
mod gate;
mod help;
mod link;
mod memory;
mod peer;
mod procedures;
mod process;
mod program;
mod relay;
mod request;
mod script;
mod scripted_server;
mod size;
mod sockets;
mod tls_peer;
mod witness;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

pub use answer::{Raises, number, returned};
pub use binary::{BinaryPeer, Frames, HELLO, Reply};
pub use caller::{Caller, Skin};
pub use certificates::Certificates;
pub use embedded::EmbeddedServer;
pub use gate::{Gate, Visitor};
pub use help::{HelpFlag, flags_under};
pub use link::Link;
pub use memory::peak_memory;
pub use peer::{Framing, Peer};
pub use procedures::{ADD, COUNT};
pub use process::{
    ServerProcess, continue_process, python, runtime_folder, send_signal, stop_process,
};
pub use program::{Finished, begin, begin_with_stdout, finish};
pub use relay::{Ending, Flow, FlowGate, Flows, Relay};
pub use request::{Request, request};
pub use script::{Script, txn};
pub use scripted_server::{ClientFrame, ScriptedServer, scripted, scripted_on};
use serde_json::Value;
pub use size::{left_out, sized};
pub use sockets::ClientSockets;
use tempfile::TempDir;
pub use tls_peer::{TlsPeer, with_certificate, without_certificate};
pub use witness::Witness;

/// Maximum length of a wait.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Time between two checks of a condition that cannot be waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// Two servers with one service each: `svc1.value() -> int` in `one.py` on `server1`, and
/// `svc2.value() -> int` in `two.py` on `server2`, for `client1` at 127.0.0.1.
pub const TWO_SERVERS: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
    server2: { ip: 127.0.0.1, port: 2 }
  clients:
    client1: { ip: 127.0.0.1 }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: value, returns: int, path: one.py }
  svc2:
    provider: server2
    tenants: [client1]
    rpcs:
      - { name: value, returns: int, path: two.py }
";

/// A project folder and its running servers. Dropping it kills the servers and deletes the folder.
pub struct Network {
    folder: TempDir,
    servers: BTreeMap<String, ServerProcess>,
}

impl Network {
    /// Creates a folder with this `init.yaml` and starts nothing. The ports in the file do not
    /// matter: programs get the real addresses of the servers from the environment.
    pub fn new(init: &str) -> Self {
        process::catch_ignored_signals();
        let network = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            servers: BTreeMap::new(),
        };
        network.write("init.yaml", init);
        network
    }

    /// Creates the usual network of the tests: `svc1.<name>` for each Python function, on
    /// `server1`, for `client1` at 127.0.0.1. A procedure is `(name, arguments, returns, source)`.
    /// The types are YAML lists without brackets.
    pub fn with_procedures(procedures: &[(&str, &str, &str, &str)]) -> Self {
        let mut init = String::from(
            "network:\n  servers:\n    server1: { ip: 127.0.0.1, port: 1 }\n  clients:\n    client1: { ip: 127.0.0.1 }\n\
             services:\n  svc1:\n    provider: server1\n    tenants: [client1]\n    rpcs:\n",
        );
        let quoted = |types: &str| -> String {
            split_types(types)
                .iter()
                .map(|ty| format!("\"{ty}\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (index, (name, arguments, returns, _)) in procedures.iter().enumerate() {
            let arguments = quoted(arguments);
            let returns = quoted(returns);
            let types = format!("arguments: [{arguments}], returns: [{returns}]");
            init += &[
                "      - { name: ",
                name,
                ", ",
                &types,
                &format!(", path: p{index}.py }}\n"),
            ]
            .concat();
        }
        let network = Self::new(&init);
        for (index, (.., source)) in procedures.iter().enumerate() {
            network.write(&format!("p{index}.py"), source);
        }
        network
    }

    /// Creates [`with_procedures`](Self::with_procedures), starts `server1` and applies.
    pub fn serving(procedures: &[(&str, &str, &str, &str)]) -> Self {
        let mut network = Self::with_procedures(procedures);
        network.start("server1", &[]);
        network.apply().succeeds();
        network
    }

    /// Creates [`TWO_SERVERS`] and starts nothing. Both values are 1.
    pub fn of_two_servers() -> Self {
        let network = Self::new(TWO_SERVERS);
        network.write_value("one.py", 1);
        network.write_value("two.py", 1);
        network
    }

    /// Creates [`of_two_servers`](Self::of_two_servers), starts both servers and applies.
    pub fn serving_two() -> Self {
        let mut network = Self::of_two_servers();
        network.start("server1", &[]);
        network.start("server2", &[]);
        network.apply().succeeds();
        network
    }

    /// Replaces a text in `init.yaml`.
    #[track_caller]
    pub fn amended(self, old: &str, new: &str) -> Self {
        let init = std::fs::read_to_string(self.path().join("init.yaml")).expect("init.yaml");
        assert!(init.contains(old), "{old:?} is not in:\n{init}");
        self.write("init.yaml", &init.replace(old, new));
        self
    }

    /// Starts `server1` with these flags and applies.
    #[track_caller]
    pub fn served(mut self, flags: &[&str]) -> Self {
        self.start("server1", flags);
        self.apply().succeeds();
        self
    }

    /// Returns the project folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file in the project folder.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, content).expect("a written file");
        path
    }

    /// Writes a source whose `value()` returns this number. Returns the text of the source.
    pub fn write_value(&self, name: &str, value: u64) -> String {
        let source = format!("def value():\n    return {value}\n");
        self.write(name, &source);
        source
    }

    /// Returns the data folder of a server.
    pub fn data(&self, server: &str) -> PathBuf {
        self.path().join(format!("data-{server}"))
    }

    /// Starts a server with these flags and waits until it listens. Kills a running server of that
    /// name first.
    pub fn start(&mut self, server: &str, flags: &[&str]) -> SocketAddr {
        self.servers.remove(server);
        let process = ServerProcess::start(&self.data(server), flags);
        let address = process.address();
        self.servers.insert(server.to_owned(), process);
        address
    }

    /// Starts a server that finds no Python.
    pub fn start_without_python(&mut self, server: &str) {
        self.servers.remove(server);
        let process = ServerProcess::start_without_python(&self.data(server));
        self.servers.insert(server.to_owned(), process);
    }

    /// Returns a running server.
    pub fn server(&self, name: &str) -> &ServerProcess {
        &self.servers[name]
    }

    /// Returns a running server, mutable so that the test can stop it.
    pub fn server_mut(&mut self, name: &str) -> &mut ServerProcess {
        self.servers.get_mut(name).expect("a server of that name")
    }

    /// Removes a running server from the network, for example to put a proxy before it.
    pub fn release(&mut self, name: &str) -> ServerProcess {
        self.servers.remove(name).expect("a server of that name")
    }

    /// Adds a running server to the network.
    pub fn adopt(&mut self, name: &str, server: ServerProcess) {
        self.servers.insert(name.to_owned(), server);
    }

    /// Opens a connection from 127.0.0.1 to `server1`.
    pub fn peer(&self, framing: Framing) -> Peer {
        Peer::connect(self.server("server1").address(), framing)
    }

    /// Opens a binary session of `client1` with `server1` and exchanges HELLOs.
    #[track_caller]
    pub fn binary(&self) -> BinaryPeer {
        BinaryPeer::connect(self.server("server1").address())
    }

    /// Sends one request over its own connection and returns the whole answer.
    #[track_caller]
    pub fn ask(&self, server: &str, request: impl ToString) -> Value {
        Peer::connect(self.server(server).address(), Framing::Lines).call(request)
    }

    /// Calls `value()` of the service with the server's number, such as `svc1` on `server1`.
    /// Returns the generation that answered, and the value.
    #[track_caller]
    pub fn value(&self, server: &str) -> (u64, u64) {
        let answer = self.ask(server, request(&server.replace("server", "svc"), "value"));
        let value = &answer["value"];
        let returned = value["return-values"][0].as_u64();
        (
            value["generation"].as_u64().unwrap_or_default(),
            returned.unwrap_or_else(|| panic!("{answer}")),
        )
    }

    /// Connects a scripted initializer to a server.
    pub fn script(&self, server: &str) -> Script {
        Script::connect(self.server(server))
    }

    /// Runs `initializer apply init.yaml --allow-breaking`.
    pub fn apply(&self) -> Finished {
        self.initializer(&["apply", "init.yaml", "--allow-breaking"])
    }

    /// Runs `initializer apply init.yaml --allow-breaking --no-sources`: only the servers check the sources.
    pub fn apply_unchecked(&self) -> Finished {
        self.initializer(&["apply", "init.yaml", "--allow-breaking", "--no-sources"])
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

    /// Runs `rpc-server` in the project folder and waits for its end.
    pub fn server_program(&self, arguments: &[&str]) -> Finished {
        self.run(env!("CARGO_BIN_EXE_rpc-server"), arguments)
    }

    /// Starts `initializer` in the project folder. [`finish`] waits for its end.
    pub fn begin_initializer(&self, arguments: &[&str]) -> Child {
        begin(self.command(env!("CARGO_BIN_EXE_initializer"), arguments))
    }

    /// Returns a command that runs a program in the project folder, with the addresses of the
    /// servers in its environment.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("RPC_CLIENT")
            .env_remove("RPC_TLS")
            .env_remove("RPC_DEPLOY_KEY_FILE")
            .env("NO_COLOR", "1");
        command.env("XDG_RUNTIME_DIR", runtime_folder(self.path()));
        for (name, server) in &self.servers {
            command.env(
                format!("RPC_SERVER_{}", name.to_uppercase()),
                server.address().to_string(),
            );
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Finished {
        finish(begin(self.command(program, arguments)))
    }
}

/// Calls `check` again and again until it returns a value. Fails after [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(PAUSE);
    }
}

/// Splits a list of types at the commas outside brackets.
fn split_types(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
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
    parts
        .into_iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
