//! Connecting from the caller's declared address.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::net::{RecvFlags, recv};
use socket2::{Domain, SockAddr, Socket, Type};
use wire::calls::failure::Disconnect;

use crate::endpoint::{Caller, Endpoint};
use crate::error::Error;
use crate::explain::unavailable;

/// How much longer than the deadline a caller waits, so that the server's own exception about the
/// deadline can arrive.
pub(crate) const DEADLINE_GRACE: Duration = Duration::from_millis(250);

/// Minimum timeout of the kernel that is set: zero means no limit there.
pub(crate) const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// Connects to a server. Waits until `deadline` at most.
pub(crate) fn connect(
    server: &Endpoint,
    caller: &Caller,
    deadline: Instant,
) -> Result<TcpStream, Error> {
    let socket = bind(server.address, caller)?;
    let address = SockAddr::from(server.address);
    socket
        .connect_timeout(&address, time_left(deadline))
        .and_then(|()| socket.set_tcp_nodelay(true))
        .map_err(|error| unreachable(server, error))?;
    Ok(socket.into())
}

/// Returns a socket that calls from the caller's declared address.
pub(crate) fn bind(address: SocketAddr, caller: &Caller) -> Result<Socket, Error> {
    let no_socket = |error: io::Error| {
        unavailable(format!("cannot make a socket: {error}")).caused_by(Some(&error.into()))
    };
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(no_socket)?;
    // With this option the kernel chooses the port when it knows the server's address. Without it,
    // `bind` would reserve the port for all servers.
    nix::sys::socket::setsockopt(&socket, IpBindAddressNoPort, &true)
        .map_err(|error| no_socket(error.into()))?;
    socket
        .bind(&SockAddr::from(SocketAddr::new(caller.ip, 0)))
        .map_err(|error| {
            let Caller { name, ip } = caller;
            let message = format!(
                "client `{name}` calls from {ip}, which is not an address of this machine: {error}"
            );
            Error::configuration(message).caused_by(Some(&error.into()))
        })?;
    Ok(socket)
}

/// Returns the error of a server that cannot be connected to.
pub(crate) fn unreachable(server: &Endpoint, error: io::Error) -> Error {
    unavailable(format!("cannot reach {server}: {}", describe(&error)))
        .caused_by(Some(&error.into()))
}

/// Returns whether nothing can be read: neither bytes nor the end of the connection.
pub(crate) fn is_quiet(stream: &TcpStream) -> bool {
    let mut byte = [0];
    let peeked = recv(stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(peeked, Err(rustix::io::Errno::AGAIN))
}

/// Returns the time until the deadline, but at least [`MIN_TIMEOUT`].
pub(crate) fn time_left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .max(MIN_TIMEOUT)
}

/// Returns how a connection ended that this error ended.
pub(crate) fn disconnect(error: io::Error) -> Disconnect {
    let reason = describe(&error);
    Disconnect::by(error, reason)
}

/// Describes an error of the operating system to a caller.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused (is it running?)".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timed out".to_owned(),
        io::ErrorKind::UnexpectedEof => "end of the connection".to_owned(),
        _ => error.to_string(),
    }
}
