//! [`read_now`]: reads from a connection past the scheduler.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tls::Stream;
use tokio::net::TcpStream;

/// Number of plain bytes in the longest record of TLS.
const RECORD_BYTES: usize = 16 * 1024;

/// Reads what has come into the spare capacity of `bytes`, past the scheduler.
///
/// # Errors
/// Returns [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come, or no whole record of TLS;
/// otherwise the error of the operating system or of TLS.
pub(crate) fn read_now(stream: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    match stream {
        Stream::Plain(stream) => receive(stream, bytes),
        Stream::Tls(stream) => {
            let (socket, wire) = stream.wire();
            wire.reserve(RECORD_BYTES);
            if receive(socket, wire)? == 0 {
                return Ok(0);
            }
            let mut piece = [0; RECORD_BYTES];
            let room = piece.len().min(bytes.capacity() - bytes.len());
            let count = stream.open_bytes(&mut piece[..room])?;
            bytes.extend_from_slice(&piece[..count]);
            Ok(count)
        }
    }
}

/// Receives what has come into the spare capacity of `bytes`.
fn receive(socket: &TcpStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let (count, _) = recv(socket, spare_capacity(bytes), RecvFlags::DONTWAIT)?;
    Ok(count)
}
