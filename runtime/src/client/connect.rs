//! Connecting from the caller's declared address.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, SockAddr, Socket, Type};

use super::Caller;
use crate::error::{Error, ErrorKind};
use crate::wire::exception::{ExceptionType, Executed};

/// Connects to a server, until that time.
pub(super) fn connect(
    server: &str,
    address: SocketAddr,
    caller: &Caller,
    until: Instant,
) -> Result<TcpStream, Error> {
    let unreachable = |error: io::Error| {
        unavailable(format!("cannot reach server `{server}` at {address}: {}", describe(&error)))
    };
    let socket = bind(address, caller)?;
    socket.connect_timeout(&SockAddr::from(address), left(until)).map_err(unreachable)?;
    socket.set_tcp_nodelay(true).map_err(unreachable)?;
    Ok(socket.into())
}

/// A socket that calls from the caller's declared address.
pub(super) fn bind(address: SocketAddr, caller: &Caller) -> Result<Socket, Error> {
    let no_socket = |error: io::Error| unavailable(format!("cannot make a socket: {error}"));
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(no_socket)?;
    // The port is chosen with the server's address in mind: else there are only so many, however many servers.
    nix::sys::socket::setsockopt(&socket, IpBindAddressNoPort, &true)
        .map_err(|error| no_socket(error.into()))?;
    socket.bind(&SockAddr::from(SocketAddr::new(caller.ip, 0))).map_err(|error| {
        let Caller { name, ip } = caller;
        Error::configuration(format!("client `{name}` calls from {ip}, and this machine cannot: {error}"))
    })?;
    Ok(socket)
}

/// The time left, never zero, which the kernel takes for no limit at all.
pub(super) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// A failure before anything ran.
pub(super) fn unavailable(message: String) -> Error {
    Error::local(ErrorKind::Exception(ExceptionType::Unavailable), Executed::No, message)
}

/// What the operating system says, in words for a caller.
pub(super) fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused (is it running?)".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timed out".to_owned(),
        io::ErrorKind::UnexpectedEof => "end of the connection".to_owned(),
        _ => error.to_string(),
    }
}
