//! Mutual TLS: who is let in, who may call and deploy what, and certificates that end.

mod cuts;
mod hostile;
mod identities;
mod lifetimes;
mod storms;
mod strangers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rpc_runtime::private::{AsyncTransport as _, Procedure, Transport as _};
use rpc_runtime::{Error, Network as Client, Topology};

use crate::harness::{Certificates, Network, PATIENCE, Witness};

static SEVEN: Procedure = Procedure::new("both", "seven", &[], &["int"]);
static ECHO: Procedure = Procedure::new("both", "echo", &["bytes"], &["bytes"]);
static MARK: Procedure = Procedure::new("both", "mark", &["int"], &["int"]);

/// `both` is for `one` and `two`, `his` for `two` alone.
const INIT: &str = "\
name: shop
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    one: { ip: 127.0.0.1 }
    two: { ip: 127.0.0.2 }
  deployers: [ops]
services:
  both:
    provider: server1
    tenants: [one, two]
    rpcs:
      - { name: seven, returns: int, path: seven.py }
      - { name: echo, arguments: [bytes], returns: bytes, path: echo.py }
      - { name: mark, arguments: [int], returns: int, path: mark.py }
  his:
    provider: server1
    tenants: [two]
    rpcs:
      - { name: seven, returns: int, path: seven.py }
";

/// A network whose server speaks TLS, and its certificates.
struct Shop {
    certificates: Certificates,
    network: Network,
}

impl Shop {
    /// Starts `server1` with these flags, and applies as `ops`.
    fn open(flags: &[&str]) -> Self {
        let shop = Self::before_apply(flags);
        shop.apply("deployer/ops").succeeds();
        shop
    }

    /// Starts `server1` with these flags, and applies. `mark` notes its runs.
    fn with_witness(witness: &Witness, flags: &[&str]) -> Self {
        let shop = Self::before_apply(flags);
        shop.network.write("mark.py", &witness.source("mark"));
        shop.apply("deployer/ops").succeeds();
        shop
    }

    fn before_apply(flags: &[&str]) -> Self {
        let certificates = Certificates::of("shop");
        let mut network = Network::new(INIT);
        network.write("seven.py", "def seven():\n    return 7\n");
        network.write("echo.py", "def echo(a):\n    return a\n");
        network.write("mark.py", "def mark(number):\n    return number\n");
        let folder = certificates.folder("server/server1");
        let tls = ["--tls", folder.to_str().expect("text")];
        network.start("server1", &[&tls, flags].concat());
        Self {
            certificates,
            network,
        }
    }

    fn folder(&self, role_and_name: &str) -> String {
        let folder = self.certificates.folder(role_and_name);
        folder.to_str().expect("text").to_owned()
    }

    fn apply(&self, deployer: &str) -> crate::harness::Finished {
        let folder = self.folder(deployer);
        self.network
            .initializer(&["apply", "init.yaml", "--allow-breaking", "--tls", &folder])
    }

    fn call(&self, client: &str, procedure: &str) -> crate::harness::Finished {
        let folder = self.folder(client);
        self.network
            .client(&["--init", "init.yaml", "--tls", &folder, "call", procedure])
    }

    fn address(&self) -> SocketAddr {
        self.network.server("server1").address()
    }

    /// Returns the library's client with the certificate of this folder.
    fn client(&self, role_and_name: &str) -> Result<Client, Error> {
        client_at(self.address(), &self.folder(role_and_name))
    }
}

fn client_at(address: SocketAddr, folder: &str) -> Result<Client, Error> {
    client_within(address, folder, PATIENCE)
}

fn client_within(address: SocketAddr, folder: &str, deadline: Duration) -> Result<Client, Error> {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let topology = Topology::new()
        .server("server1", address)
        .client("one", ip)
        .client("two", ip)
        .client("gone", ip)
        .service("both", "server1")
        .service("his", "server1");
    Client::builder(topology)
        .server("server1", address.to_string())
        .tls(folder)
        .deadline(deadline)
        .build()
}

/// Calls `both.seven` by all three clients of the library: blocking, asynchronous, by text.
fn seven_in_all_ways(client: &Client) -> [Result<i64, Error>; 3] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let text = client.call("both", "seven", &[]);
    [
        client.carry(&SEVEN, ()),
        runtime.block_on(client.carry_async(&SEVEN, ())),
        text.map(|answer| answer.return_values[0].get().parse().expect("a number")),
    ]
}

#[test]
fn a_network_is_deployed_and_called_by_certificates_alone() {
    let shop = Shop::open(&[]);
    let answer = shop.call("client/one", "both.seven").succeeds();
    assert_eq!(answer.stdout, "7\n");
    let client = shop.client("client/two").expect("a network");
    assert_eq!(client.client(), "two");
    for seven in seven_in_all_ways(&client) {
        assert_eq!(seven.expect("an answer"), 7);
    }
    for size in [0, 1, 20_000, 3 << 20] {
        let sent: Vec<u8> = (0..size).map(|at: usize| (at % 251) as u8).collect();
        let echo: Vec<u8> = client.carry(&ECHO, (sent.clone(),)).expect("an echo");
        assert!(echo == sent, "{size} bytes");
    }
    let server = shop.network.server("server1");
    server.logged(&["identified", "rpc://shop/client/two"]);
    server.logged(&["identified", "rpc://shop/deployer/ops"]);
    server.logged(&["closed", "(deployer ops)", "end of the connection"]);
    let history = shop.network.initializer(&[
        "history",
        "init.yaml",
        "--tls",
        &shop.folder("deployer/ops"),
    ]);
    let history = history.succeeds().stdout;
    assert!(history.contains(" by ops ("), "{history}");
}

#[test]
fn many_threads_share_sessions_over_tls() {
    let shop = Shop::open(&[]);
    let client = shop.client("client/one").expect("a network");
    std::thread::scope(|scope| {
        for thread in 0..16_usize {
            let client = &client;
            scope.spawn(move || {
                for call in 0..50_usize {
                    let sent = vec![thread as u8; call * 1000];
                    let echo: Vec<u8> = client.carry(&ECHO, (sent.clone(),)).expect("an echo");
                    assert!(echo == sent);
                }
            });
        }
    });
}

#[test]
fn who_speaks_plain_tcp_to_a_tls_server_is_told_so() {
    let shop = Shop::open(&[]);
    let finished = shop.network.initializer(&["status", "init.yaml"]);
    let status = finished.ends(1);
    assert!(
        status
            .stdout
            .contains("it speaks TLS; connect with a certificate"),
        "{}",
        status.stdout
    );
    let plain = shop
        .network
        .client(&["--init", "init.yaml", "--as", "one", "call", "both.seven"]);
    let stderr = plain.ends(1).stderr;
    assert!(stderr.contains("it speaks TLS"), "{stderr}");
    let client = Client::builder(
        Topology::new()
            .server("server1", shop.address())
            .client("one", IpAddr::V4(Ipv4Addr::LOCALHOST))
            .service("both", "server1"),
    )
    .server("server1", shop.address().to_string())
    .deadline(Duration::from_secs(20))
    .build()
    .expect("a network");
    for result in seven_in_all_ways(&client) {
        let error = result.expect_err("no TLS");
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}
