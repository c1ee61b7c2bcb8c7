//! Connecting from the caller's declared address, if it has one.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::net::{RecvFlags, recv, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};
use wire::calls::failure::{Disconnect, SessionLoss};
use wire::keep_alive::KeepAlive;

use crate::endpoint::{Caller, Endpoint};
use crate::error::Error;
use crate::explain::unavailable;

/// How much longer than the deadline a caller waits, so that the server's own exception about the
/// deadline can arrive.
pub(crate) const DEADLINE_GRACE: Duration = Duration::from_millis(250);

/// Minimum timeout of the kernel that is set: zero means no limit there.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// Connects to a server. Waits until `deadline` at most.
fn connect(server: &Endpoint, caller: &Caller, deadline: Instant) -> Result<TcpStream, Error> {
    let socket = bind(server.address, caller)?;
    let address = SockAddr::from(server.address);
    socket
        .connect_timeout(&address, time_left(deadline))
        .and_then(|()| socket.set_tcp_nodelay(true))
        .map_err(|error| unreachable(server, error))?;
    Ok(socket.into())
}

/// A connection to a server, on which nothing was asked.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) socket: TcpStream,
    /// The TLS session over the socket, if the caller has a certificate.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tls::TlsSession>,
}

/// Connects to a server as [`connect`] does, and shakes hands if the caller has a certificate.
pub(crate) fn open(
    server: &Endpoint,
    caller: &Caller,
    deadline: Instant,
) -> Result<Connected, Error> {
    let socket = connect(server, caller, deadline)?;
    #[cfg(feature = "tls")]
    let tls = match &caller.tls {
        Some(folder) => {
            let shaken = crate::tls_connect::shake_hands(&socket, folder, server, deadline);
            Some(shaken?)
        }
        None => None,
    };
    Ok(Connected {
        socket,
        #[cfg(feature = "tls")]
        tls,
    })
}

/// Returns a socket that calls from the caller's declared address, if that matters. Otherwise, the
/// kernel chooses the address.
pub(crate) fn bind(address: SocketAddr, caller: &Caller) -> Result<Socket, Error> {
    let no_socket = |error: io::Error| {
        unavailable(format!("cannot make a socket: {error}")).caused_by(Some(&error.into()))
    };
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(no_socket)?;
    set_keep_alive(&socket, caller.keep_alive).map_err(no_socket)?;
    let Some(ip) = caller.own_address() else {
        return Ok(socket);
    };
    // With this option the kernel chooses the port when it knows the server's address. Without it,
    // `bind` would reserve the port for all servers.
    nix::sys::socket::setsockopt(&socket, IpBindAddressNoPort, &true)
        .map_err(|error| no_socket(error.into()))?;
    socket
        .bind(&SockAddr::from(SocketAddr::new(ip, 0)))
        .map_err(|error| {
            let name = &caller.name;
            let message = format!(
                "client `{name}` calls from {ip}, which is not an address of this machine: {error}"
            );
            Error::configuration(message).caused_by(Some(&error.into()))
        })?;
    Ok(socket)
}

/// Lets the kernel notice that the server is gone.
fn set_keep_alive(socket: &Socket, keep_alive: KeepAlive) -> io::Result<()> {
    sockopt::set_tcp_keepidle(socket, keep_alive.idle)?;
    sockopt::set_tcp_keepintvl(socket, keep_alive.interval)?;
    sockopt::set_tcp_keepcnt(socket, keep_alive.probes)?;
    sockopt::set_tcp_user_timeout(socket, keep_alive.user_timeout_ms)?;
    Ok(sockopt::set_socket_keepalive(socket, true)?)
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

/// Sets `timeout` to the time left, or a little less, and returns whether the kernel must be told.
/// Small differences are ignored, since the change costs a system call. If the timeout passes
/// before `until`, the caller asks the kernel again.
pub(crate) fn adjust_timeout(timeout: &mut Duration, now: Instant, until: Instant) -> bool {
    let left = until.saturating_duration_since(now).max(MIN_TIMEOUT);
    let must_change = *timeout > left || *timeout < left / 8 * 7;
    if must_change {
        *timeout = (left / 16 * 15).max(MIN_TIMEOUT);
    }
    must_change
}

/// Returns whether the kernel is asked again after this error, unless the deadline has passed: its
/// timeout has ended, or a signal has arrived.
pub(crate) fn is_to_be_repeated(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Returns how a session ended that this error ended.
pub(crate) fn loss(error: io::Error) -> SessionLoss {
    #[cfg(feature = "tls")]
    if let Some(refusal) = tls::rustls_error(&error).filter(|error| tls::is_refusal(error)) {
        let reason = tls::explain_refusal(refusal);
        return SessionLoss::Refused(Disconnect::by(error, reason));
    }
    SessionLoss::Connection(disconnect(error))
}

/// Returns how a connection ended that this error ended.
fn disconnect(error: io::Error) -> Disconnect {
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn a_caller_calls_from_its_address_or_from_any() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let server = Endpoint {
            server: "server1".to_owned(),
            address: listener.local_addr().expect("its address"),
        };
        let second = IpAddr::from([127, 0, 0, 2]);
        for (ip, expected) in [
            (None, IpAddr::from(Ipv4Addr::LOCALHOST)),
            (Some(second), second),
        ] {
            let caller = Caller {
                name: "ci".to_owned(),
                keep_alive: KeepAlive::default(),
                ip,
                #[cfg(feature = "tls")]
                tls: None,
            };
            let deadline = Instant::now() + Duration::from_mins(1);
            let _stream = connect(&server, &caller, deadline).expect("a connection");
            let (_, from) = listener.accept().expect("a connection");
            assert_eq!(from.ip(), expected);
        }
    }

    #[test]
    fn the_kernel_notices_that_a_server_is_gone() {
        let keep_alive = KeepAlive::within(Duration::from_secs(16));
        let caller = Caller {
            name: "client1".to_owned(),
            keep_alive,
            ip: None,
            #[cfg(feature = "tls")]
            tls: None,
        };
        let socket = bind(SocketAddr::from(([127, 0, 0, 1], 1)), &caller).expect("a socket");
        let set = KeepAlive {
            idle: sockopt::tcp_keepidle(&socket).expect("an option"),
            interval: sockopt::tcp_keepintvl(&socket).expect("an option"),
            probes: sockopt::tcp_keepcnt(&socket).expect("an option"),
            user_timeout_ms: sockopt::tcp_user_timeout(&socket).expect("an option"),
        };
        assert_eq!(set, keep_alive);
        assert!(sockopt::socket_keepalive(&socket).expect("an option"));
    }

    #[test]
    fn the_timeout_of_the_kernel_never_ends_after_the_deadline() {
        let start = Instant::now();
        let until = start + Duration::from_secs(32);
        let mut timeout = Duration::ZERO;
        let mut now = start;
        let mut changes = 0;
        while now < until {
            changes += usize::from(adjust_timeout(&mut timeout, now, until));
            assert!(timeout >= MIN_TIMEOUT && now + timeout <= until.max(now + MIN_TIMEOUT));
            now += timeout;
        }
        assert!(changes <= 6, "{changes} system calls until the deadline");
        assert!(now <= until + MIN_TIMEOUT);
    }

    #[test]
    fn a_call_with_the_same_deadline_changes_no_timeout() {
        let start = Instant::now();
        let deadline = Duration::from_secs(30);
        let mut timeout = Duration::ZERO;
        assert!(adjust_timeout(&mut timeout, start, start + deadline));
        for late in [0, 100, 900].map(Duration::from_millis) {
            assert!(!adjust_timeout(
                &mut timeout,
                start + late,
                start + deadline
            ));
        }
        assert!(adjust_timeout(&mut timeout, start, start + deadline / 2));
        assert!(adjust_timeout(&mut timeout, start, start + deadline));
    }
}
