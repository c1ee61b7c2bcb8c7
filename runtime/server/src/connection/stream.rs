//! [`read_now`]: reads from a connection past the scheduler.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tls::Stream;

/// Reads what has come into the spare capacity of `bytes`, past the scheduler.
///
/// # Errors
/// Returns [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come, or no whole record of TLS;
/// otherwise the error of the operating system or of TLS.
pub(crate) fn read_now(stream: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    match stream {
        Stream::Plain(socket) => {
            let (count, _) = recv(socket, spare_capacity(bytes), RecvFlags::DONTWAIT)?;
            Ok(count)
        }
        Stream::Tls(stream) => {
            let (socket, arrivals) = stream.wire();
            let (count, _) = recv(socket, arrivals.room(), RecvFlags::DONTWAIT)?;
            if count == 0 {
                return Ok(0);
            }
            arrivals.arrived(count);
            stream.open_bytes(|plain| {
                let count = plain.len().min(bytes.capacity() - bytes.len());
                bytes.extend_from_slice(&plain[..count]);
                count
            })
        }
    }
}
