//! [`notify`]: tells the service manager, such as systemd, what state the server is in.
//!
//! The protocol is that of
//! [`sd_notify`](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html): datagrams of
//! lines `NAME=VALUE` to the Unix socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The environment variable with the path of the socket. A `@` at its beginning stands for the zero
/// byte of an abstract name.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tells the service manager the state, if one has started this process: `READY=1`, `STOPPING=1`.
///
/// # Errors
/// Returns the error of the operating system.
pub(crate) fn notify(state: &str) -> io::Result<()> {
    match std::env::var_os(SOCKET) {
        Some(socket) if !socket.is_empty() => send(&socket, state),
        _ => Ok(()),
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_sent_to_a_path_or_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let abstract_name = format!("rpc-server-test-{}", std::process::id());
        let sockets = [
            (
                UnixDatagram::bind(&path).expect("a socket"),
                path.into_os_string(),
            ),
            (
                UnixDatagram::bind_addr(
                    &SocketAddr::from_abstract_name(&abstract_name).expect("a name"),
                )
                .expect("a socket"),
                format!("@{abstract_name}").into(),
            ),
        ];
        for (socket, name) in sockets {
            send(&name, "READY=1").expect("sent");
            let mut bytes = [0; 64];
            let count = socket.recv(&mut bytes).expect("a datagram");
            assert_eq!(&bytes[..count], b"READY=1");
        }
        assert!(send(OsStr::new("/nonexistent/notify"), "READY=1").is_err());
    }
}
