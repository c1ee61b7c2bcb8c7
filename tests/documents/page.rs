//! The reference page of `rpcgen doc`: runs its examples against running servers. All examples of a
//! procedure must make the same call.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Finished, Framing, Network, Peer, begin, finish, python};
use crate::protocol::demo_network;

/// One procedure's example in each language.
struct Examples {
    python: String,
    nc: String,
    rpc_client: String,
}

#[test]
fn every_example_of_the_demo_returns_the_same_values_in_each_language() {
    check(&demo_network(), &["server1", "server2"], 14);
}

/// Procedures with arguments of every type. Each returns the `repr` of the values that it received.
const TYPES: &str = r#"
network:
  servers: { server1: { ip: 127.0.0.1, port: 7101 } }
  clients: { client1: { ip: 127.0.0.1 }, client2: { ip: 127.0.0.2 }, twin: { ip: 127.0.0.2 } }
types:
  Level: [low, very_high]
  Tally: { candidate: str, level: "Optional[Level]", votes: int }
services:
  echo:
    provider: server1
    tenants: [client2]
    rpcs:
      - { name: plain, arguments: [int, float, bool, str, bytes, str], returns: str, path: echo.py }
      - { name: nested, arguments: ["List[List[str]]", "Dict[str, int]", "Dict[int, bool]"], returns: str, path: echo.py }
      - { name: nested, arguments: ["Optional[bytes]", "Tuple[int]", "Tuple[int, str]"], returns: str, path: echo.py }
      - { name: named, arguments: [Level, Tally, "List[Tally]"], returns: str, path: echo.py }
      - { name: nothing, path: echo.py }
"#;

#[test]
fn every_type_has_an_example_that_a_server_accepts() {
    let network = Network::new(TYPES);
    let define = |name| format!("def {name}(*values):\n    return repr(values)\n");
    let nothing = "def nothing():\n    return None\n";
    network.write(
        "echo.py",
        &(["plain", "nested", "named"].map(define).join("\n") + nothing),
    );
    check(&network.served(&[]), &["server1"], 5);
}

/// Runs every example of the page, in each language.
fn check(network: &Network, servers: &[&str], procedures: usize) {
    let page = page(network, servers);
    let [python, nc, rpc_client] =
        ["python", "nc", "rpc-client"].map(|language| examples(&page, language));
    assert_eq!(
        (python.len(), nc.len(), rpc_client.len()),
        (procedures, procedures, procedures)
    );
    for ((python, nc), rpc_client) in python.into_iter().zip(nc).zip(rpc_client) {
        Examples {
            python,
            nc,
            rpc_client,
        }
        .check(network);
    }
}

/// Returns the reference page for the network's `init.yaml`, with the ports of the running servers.
fn page(network: &Network, servers: &[&str]) -> String {
    let path = network.path().join("init.yaml");
    let mut init = std::fs::read_to_string(&path).expect("init.yaml");
    for (server, port) in servers.iter().zip(["7101", "7102"]) {
        init = init.replace(port, &network.server(server).address().port().to_string());
    }
    rpcgen::page(&rpc_schema::parse(&path, &init).expect("a good file"), None)
}

/// Returns the examples in one language, as a reader copies them from the page.
fn examples(page: &str, language: &str) -> Vec<String> {
    let code = |rest: &str| {
        let code = rest
            .split_once("<code>")
            .and_then(|(_, rest)| rest.split_once("</code>"));
        let code = code.expect("an example").0;
        code.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
    };
    page.split(&format!("<pre data-language=\"{language}\""))
        .skip(1)
        .map(code)
        .collect()
}

impl Examples {
    fn check(&self, network: &Network) {
        let python = self.run_python();
        assert_eq!(returned(&python), returned(&self.send_nc()), "{}", self.nc);
        assert_eq!(
            returned(&python),
            self.run_client(network),
            "{}",
            self.rpc_client
        );
    }

    fn run_python(&self) -> Value {
        let mut command = Command::new(python());
        command.args(["-c", &self.python]);
        let finished = finish(begin(command)).succeeds();
        serde_json::from_str(&finished.stdout).expect("an answer")
    }

    /// Sends what the command would send: not every machine has `nc`.
    fn send_nc(&self) -> Value {
        let (printf, nc) = self.nc.split_once(" | nc ").expect("a pipe");
        let ["-N", "-s", from, host, port] = nc.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{nc}");
        };
        let printed = shell(Command::new("sh"), printf).stdout;
        let request = printed.strip_suffix('\n').expect("one line");
        let IpAddr::V4(from) = from.parse().expect("an address") else {
            panic!("{from}")
        };
        let server = format!("{host}:{port}").parse().expect("an address");
        Peer::connect_from(from.octets(), server, Framing::Lines).call(request)
    }

    /// Runs the `rpc-client` command. It prints one value per line.
    fn run_client(&self, network: &Network) -> Vec<Value> {
        let programs = Path::new(env!("CARGO_BIN_EXE_rpc-client"))
            .parent()
            .expect("the folder of the programs");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = network.command("sh", &[]);
        command.env("PATH", format!("{}:{path}", programs.display()));
        shell(command, &self.rpc_client).json_lines()
    }
}

fn shell(mut sh: Command, command: &str) -> Finished {
    sh.args(["-c", command]);
    finish(begin(sh)).succeeds()
}

/// Returns the values of an answer, which must not be an exception.
#[track_caller]
fn returned(answer: &Value) -> Vec<Value> {
    let values = crate::harness::returned(answer).as_array();
    values.expect("values").clone()
}
