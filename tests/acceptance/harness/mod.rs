//! A network on this machine: real server processes on free ports, a peer that speaks bytes, a
//! message builder.
//!
//! Every wait ends: at an event, or at [`PATIENCE`].

mod answer;
mod binary;
mod embedded;
mod far;
mod gate;
mod memory;
mod peer;
mod process;
mod program;
mod request;
mod script;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

pub use answer::{Raises, number, returned};
pub use binary::{BinaryPeer, Frames, HELLO, Reply};
pub use embedded::Embedded;
pub use far::{Far, Sent, scripted};
pub use gate::{Gate, Visitor};
pub use memory::peak_memory;
pub use peer::{Framing, Peer};
pub use process::{ServerProcess, python, runtime_folder};
pub use program::{Finished, begin, finish};
pub use request::{Request, request};
pub use script::{Script, txn};
use serde_json::Value;
use tempfile::TempDir;

/// No wait is longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that gives no sign of its own.
const PAUSE: Duration = Duration::from_millis(5);

/// Two servers with a service each: `svc1.value() -> int` in `one.py` on `server1`, and
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

/// A project folder and its running servers. Everything is gone when it is dropped.
pub struct Network {
    folder: TempDir,
    servers: BTreeMap<String, ServerProcess>,
}

impl Network {
    /// A folder with this `init.yaml` and nothing running. The ports in the file are of no matter:
    /// programs are told where the servers really are.
    pub fn new(init: &str) -> Self {
        let network = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            servers: BTreeMap::new(),
        };
        network.write("init.yaml", init);
        network
    }

    /// The usual network of the tests: `svc1.<name>` for each Python function, on `server1`, for
    /// `client1` at 127.0.0.1. A procedure is `(name, arguments, returns, source)`, the types as
    /// YAML lists without brackets.
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
            let (arguments, returns) = (quoted(arguments), quoted(returns));
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

    /// [`with_procedures`](Self::with_procedures), started and applied.
    pub fn serving(procedures: &[(&str, &str, &str, &str)]) -> Self {
        let mut network = Self::with_procedures(procedures);
        network.start("server1", &[]);
        network.apply().succeeds();
        network
    }

    /// [`TWO_SERVERS`] with nothing running; both values are 1.
    pub fn of_two_servers() -> Self {
        let network = Self::new(TWO_SERVERS);
        network.write_value("one.py", 1);
        network.write_value("two.py", 1);
        network
    }

    /// [`of_two_servers`](Self::of_two_servers), started and applied.
    pub fn serving_two() -> Self {
        let mut network = Self::of_two_servers();
        network.start("server1", &[]);
        network.start("server2", &[]);
        network.apply().succeeds();
        network
    }

    /// With a part of `init.yaml` written otherwise.
    #[track_caller]
    pub fn amended(self, old: &str, new: &str) -> Self {
        let init = std::fs::read_to_string(self.path().join("init.yaml")).expect("init.yaml");
        assert!(init.contains(old), "{old:?} is not in:\n{init}");
        self.write("init.yaml", &init.replace(old, new));
        self
    }

    /// With `server1` started and applied.
    #[track_caller]
    pub fn served(mut self, flags: &[&str]) -> Self {
        self.start("server1", flags);
        self.apply().succeeds();
        self
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

    /// Writes a source whose `value()` is this number, and returns its text.
    pub fn write_value(&self, name: &str, value: u64) -> String {
        let source = format!("def value():\n    return {value}\n");
        self.write(name, &source);
        source
    }

    /// The data folder of a server.
    pub fn data(&self, server: &str) -> PathBuf {
        self.path().join(format!("data-{server}"))
    }

    /// Starts a server with further flags and waits until it listens. A server of that name is
    /// replaced.
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

    /// A running server.
    pub fn server(&self, name: &str) -> &ServerProcess {
        &self.servers[name]
    }

    /// A running server, to stop it.
    pub fn server_mut(&mut self, name: &str) -> &mut ServerProcess {
        self.servers.get_mut(name).expect("a server of that name")
    }

    /// Takes a running server out of the network, for whoever stands between it and the rest.
    pub fn release(&mut self, name: &str) -> ServerProcess {
        self.servers.remove(name).expect("a server of that name")
    }

    /// Takes a running server back.
    pub fn adopt(&mut self, name: &str, server: ServerProcess) {
        self.servers.insert(name.to_owned(), server);
    }

    /// A connection from 127.0.0.1 to `server1`.
    pub fn peer(&self, framing: Framing) -> Peer {
        Peer::connect(self.server("server1").address(), framing)
    }

    /// A greeted binary session of `client1` with `server1`.
    #[track_caller]
    pub fn binary(&self) -> BinaryPeer {
        BinaryPeer::connect(self.server("server1").address())
    }

    /// A server's whole answer to one request, over a connection of its own.
    #[track_caller]
    pub fn ask(&self, server: &str, request: impl ToString) -> Value {
        Peer::connect(self.server(server).address(), Framing::Lines).call(request)
    }

    /// What `value()` of a server's service is, and the generation that answered: `svc1` on
    /// `server1`, and so on.
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

    /// An initializer that is played by hand, connected to a server.
    pub fn script(&self, server: &str) -> Script {
        Script::connect(self.server(server))
    }

    /// Runs `initializer apply init.yaml`.
    pub fn apply(&self) -> Finished {
        self.initializer(&["apply", "init.yaml"])
    }

    /// The same, with the sources checked by the servers alone.
    pub fn apply_unchecked(&self) -> Finished {
        self.initializer(&["apply", "init.yaml", "--no-sources"])
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

    /// Runs `rpc-server` in the project folder, to see it end.
    pub fn server_program(&self, arguments: &[&str]) -> Finished {
        self.run(env!("CARGO_BIN_EXE_rpc-server"), arguments)
    }

    /// Begins `initializer` in the project folder; [`finish`] waits for it.
    pub fn begin_initializer(&self, arguments: &[&str]) -> Child {
        begin(self.command(env!("CARGO_BIN_EXE_initializer"), arguments))
    }

    /// A program in the project folder that knows where the servers are, for tests that let it run.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("RPC_CLIENT")
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

/// Looks again and again, until there is something.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(PAUSE);
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
    parts
        .into_iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
