//! Opening a TLS connection, and what its failures mean to a caller.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use rustix::net::{SendFlags, send};

use ::tls::rustls::{self, ClientConnection};
use ::tls::{ClientFolder, TlsSession};

use crate::connect::{time_left, unreachable};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::explain::unavailable;

/// Begins a connection to a server.
fn begin(folder: &ClientFolder, server: &Endpoint) -> Result<ClientConnection, Error> {
    folder
        .to_server(&server.server)
        .and_then(|tls| tls.connect(server.address.ip()))
        .map_err(|error| refused(folder, server, &error))
}

/// Returns the error of a handshake that failed. Nothing was asked on the connection.
fn refused(folder: &ClientFolder, server: &Endpoint, error: &rustls::Error) -> Error {
    let why = ::tls::explain(error, &folder.identity());
    unavailable(format!("cannot connect to {server} by TLS: {why}"))
}

/// Shakes hands with a server over a socket of tokio.
#[cfg(feature = "async")]
pub(crate) async fn shake_hands_async(
    socket: tokio::net::TcpStream,
    folder: &ClientFolder,
    server: &Endpoint,
) -> Result<::tls::TlsStream, Error> {
    use ::tls::HandshakeError;
    let opened = ::tls::TlsStream::open(socket, begin(folder, server)?).await;
    opened.map_err(|error| match error {
        HandshakeError::Io(error) => unreachable(server, error),
        HandshakeError::Tls(error) => refused(folder, server, &error),
    })
}

/// Ends a session: tells the server that nothing is missing, as far as the kernel takes that at once.
pub(crate) fn end(socket: &TcpStream, session: &mut TlsSession) {
    session.seal_end();
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let _ = send(socket, session.unsent(), flags);
}

/// Shakes hands with a server over a socket. Waits until `deadline` at most. The last bytes of the
/// handshake may not be sent: they go out with the first request.
pub(crate) fn shake_hands(
    mut socket: &TcpStream,
    folder: &ClientFolder,
    server: &Endpoint,
    deadline: Instant,
) -> Result<TlsSession, Error> {
    let mut session = TlsSession::new(begin(folder, server)?);
    let failed = |error: io::Error| unreachable(server, error);
    while session.is_handshaking() {
        while !session.unsent().is_empty() {
            socket
                .set_write_timeout(Some(time_left(deadline)))
                .map_err(failed)?;
            let count = socket.write(session.unsent()).map_err(failed)?;
            if count == 0 {
                return Err(failed(io::ErrorKind::WriteZero.into()));
            }
            session.sent(count);
        }
        socket
            .set_read_timeout(Some(time_left(deadline)))
            .map_err(failed)?;
        let count = match socket.read(session.arrivals().room()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(failed)?,
        };
        if count == 0 {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        session.arrivals().arrived(count);
        if let Err(error) = session.shake_hands() {
            // The alert; the server may be gone.
            let _ = socket.write(session.unsent());
            return Err(refused(folder, server, &error));
        }
    }
    Ok(session)
}
