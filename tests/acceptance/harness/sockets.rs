//! [`ClientSockets`]: the connections to a server, as the kernel sees them.

use std::net::SocketAddr;

/// The number of connections to a server, by the state of the client's socket.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientSockets {
    /// Neither end has closed the connection.
    pub open: usize,
    /// The server has closed its end, and the client has not.
    pub closed_by_server: usize,
}

impl ClientSockets {
    /// Returns the connections to an IPv4 address.
    pub fn to(address: SocketAddr) -> Self {
        const ESTABLISHED: &str = "01";
        const CLOSE_WAIT: &str = "08";
        let SocketAddr::V4(address) = address else {
            panic!("{address} is not an IPv4 address");
        };
        let ip = u32::from_ne_bytes(address.ip().octets());
        let remote = format!("{ip:08X}:{:04X}", address.port());
        let mut sockets = Self::default();
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of sockets");
        for line in table.lines() {
            let columns: Vec<&str> = line.split_whitespace().collect();
            match columns[2..4] {
                [peer, ESTABLISHED] if peer == remote => sockets.open += 1,
                [peer, CLOSE_WAIT] if peer == remote => sockets.closed_by_server += 1,
                _ => {}
            }
        }
        sockets
    }
}
