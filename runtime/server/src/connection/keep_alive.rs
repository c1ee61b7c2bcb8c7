//! [`set`]: lets the kernel notice that a peer is gone.

use std::os::fd::AsFd;

use rustix::io::Result;
use rustix::net::sockopt;
use wire::keep_alive::KeepAlive;

/// Sets the options of a socket. Connections have those of the socket that listens.
///
/// # Errors
/// Returns the error of the operating system.
pub(crate) fn set(socket: impl AsFd, keep_alive: KeepAlive) -> Result<()> {
    let socket = socket.as_fd();
    sockopt::set_tcp_keepidle(socket, keep_alive.idle)?;
    sockopt::set_tcp_keepintvl(socket, keep_alive.interval)?;
    sockopt::set_tcp_keepcnt(socket, keep_alive.probes)?;
    sockopt::set_tcp_user_timeout(socket, keep_alive.user_timeout_ms)?;
    sockopt::set_socket_keepalive(socket, true)
}

/// Returns the options of a socket.
#[cfg(test)]
pub(crate) fn of(socket: impl AsFd) -> KeepAlive {
    let socket = socket.as_fd();
    assert!(sockopt::socket_keepalive(socket).expect("an option"));
    KeepAlive {
        idle: sockopt::tcp_keepidle(socket).expect("an option"),
        interval: sockopt::tcp_keepintvl(socket).expect("an option"),
        probes: sockopt::tcp_keepcnt(socket).expect("an option"),
        user_timeout_ms: sockopt::tcp_user_timeout(socket).expect("an option"),
    }
}
