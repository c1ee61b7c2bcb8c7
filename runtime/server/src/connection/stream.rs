//! [`read_now`] reads from a connection past the scheduler, [`make_room`] makes room for what is read,
//! and [`write`] writes what an outbox has.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tls::Stream;
use tokio::io::AsyncWrite as _;
use wire::block::READ_BYTES;
use wire::outbox::{MAX_SLICES, Outbox};

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

/// Writes as much as the kernel takes. Returns how many bytes it took.
pub(crate) fn write(
    stream: &mut Stream,
    outbox: &mut Outbox,
    cx: &mut Context<'_>,
) -> io::Result<usize> {
    let mut written = 0;
    while !outbox.is_empty() {
        let polled = if outbox.has_blocks() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = outbox.slices(&mut slices);
            Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..count])
        } else {
            Pin::new(&mut *stream).poll_write(cx, outbox.front())
        };
        match polled {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(count)) => {
                outbox.advance(count);
                written += count;
            }
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => break,
        }
    }
    Ok(written)
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
