//! [`read_now`] reads from a connection past the scheduler, and [`make_room`] makes room for what
//! is read.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tls::Stream;
use wire::block::READ_BYTES;

/// Number of bytes of one connection after which no more are read before others have their turn.
pub(crate) const MAX_READ_PER_TURN: usize = 1 << 20;

/// Makes room for the bytes that come next. While there is some, the memory stays where it is: to move
/// it copies all of its capacity, which then is in use. A peer that sends slowly would cost that much
/// for a few bytes.
pub(crate) fn make_room(bytes: &mut Vec<u8>) {
    const LEAST: usize = READ_BYTES / 4;
    if bytes.capacity() - bytes.len() < LEAST {
        bytes.reserve(READ_BYTES);
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_come_one_by_one_do_not_move_the_memory() {
        let mut bytes = Vec::new();
        make_room(&mut bytes);
        let place = bytes.as_ptr();
        for _ in 0..READ_BYTES / 2 {
            bytes.push(7);
            make_room(&mut bytes);
        }
        assert_eq!((bytes.as_ptr(), bytes.capacity()), (place, READ_BYTES));
        bytes.resize(READ_BYTES, 7);
        make_room(&mut bytes);
        assert!(bytes.capacity() - bytes.len() >= READ_BYTES / 4);
    }
}
