//! [`Link`]: two network namespaces with a link between them, which a test can take down.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Two network namespaces, one for a server and one for its clients. Dropping it deletes them.
pub struct Link {
    server: String,
    client: String,
}

impl Link {
    pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
    pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));

    /// Makes a link. Returns `None` if this machine does not allow it.
    pub fn make() -> Option<Self> {
        static LINKS: AtomicU8 = AtomicU8::new(0);
        let number = LINKS.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("rpc-{}-{number}-{side}", std::process::id());
        let link = Self {
            server: name("server"),
            client: name("client"),
        };
        let Self { server, client } = &link;
        ip(&format!("netns add {server}"))?;
        ip(&format!("netns add {client}"))?;
        ip(&format!(
            "-n {server} link add a type veth peer name b netns {client}"
        ))?;
        for (namespace, device, address) in
            [(server, "a", Self::SERVER), (client, "b", Self::CLIENT)]
        {
            ip(&format!(
                "-n {namespace} address add {address}/24 dev {device}"
            ))?;
            ip(&format!("-n {namespace} link set {device} up"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
        }
        Some(link)
    }

    /// Returns a command that runs a program on the server's side.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server, program]);
        command
    }

    /// Moves this thread to the clients' side: its new sockets are there.
    pub fn enter_client_side(&self) {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.client));
        let namespace = namespace.expect("a namespace");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("a move");
    }

    /// Takes the link down: neither side hears of the other any more.
    pub fn take_down(&self) {
        ip(&format!("-n {} link set b down", self.client)).expect("a link");
    }

    /// Returns an address to listen on at the server's side.
    pub fn listen() -> SocketAddr {
        SocketAddr::new(Self::SERVER, 7101)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for namespace in [&self.server, &self.client] {
            let _ = ip(&format!("netns delete {namespace}"));
        }
    }
}

/// Runs `ip` with these arguments. Returns `None` if it fails.
fn ip(arguments: &str) -> Option<()> {
    let mut command = Command::new("ip");
    command
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.status().ok()?;
    status.success().then_some(())
}
