//! Between the socket and the core: reading to where the inbox wants it, writing what the outbox has.
//!
//! The room for what comes is the lane's: an idle session holds none.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BufMut as _;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::net::TcpStream;

use wire::block::{Spare, Target};
use wire::inbox::Inbox;
use wire::outbox::{MAX_SLICES, Outbox};

/// Room for more than this is given back.
const MAX_KEPT: usize = 4 << 20;

/// Room that the sessions of a lane share, each for the time of its turn.
#[derive(Default)]
struct Room {
    short: Vec<u8>,
    long: Spare,
    output: Vec<u8>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    Some,
    /// The peer sends no more.
    End,
    Nothing,
}

/// Gives a session the lane's room for the time of its turn.
pub(super) fn lend_room(inbox: &mut Inbox, outbox: &mut Outbox) {
    ROOM.with_borrow_mut(|room| {
        inbox.lend(std::mem::take(&mut room.short));
        inbox.lend_spare(std::mem::take(&mut room.long));
        outbox.lend(std::mem::take(&mut room.output));
    });
}

/// Takes the lane's room back.
pub(super) fn take_room(inbox: &mut Inbox, outbox: &mut Outbox) {
    ROOM.with_borrow_mut(|room| {
        keep(&mut room.short, inbox.release());
        room.long.keep_all(inbox.release_spare().trimmed(MAX_KEPT));
        room.long.keep_all(outbox.take_spare().trimmed(MAX_KEPT));
        keep(&mut room.output, outbox.release());
    });
}

fn keep(kept: &mut Vec<u8>, room: Vec<u8>) {
    if room.capacity() > kept.capacity() && room.capacity() <= MAX_KEPT {
        *kept = room;
    }
}

/// Reads what has come, as far as the inbox wants it.
pub(super) fn read(stream: &mut TcpStream, inbox: &mut Inbox, cx: &mut Context<'_>) -> io::Result<Came> {
    let polled = match inbox.target() {
        Target::Append { bytes, most } => pin!(stream.read_buf(&mut bytes.limit(most))).poll(cx),
        Target::Fill(room) => pin!(stream.read(room)).poll(cx),
    };
    match polled {
        Poll::Ready(Ok(0)) => Ok(Came::End),
        Poll::Ready(Ok(count)) => {
            inbox.came(count);
            Ok(Came::Some)
        }
        Poll::Ready(Err(error)) => Err(error),
        Poll::Pending => Ok(Came::Nothing),
    }
}

/// Writes what there is, as far as the kernel takes it. The answer: how much.
pub(super) fn write(stream: &mut TcpStream, outbox: &mut Outbox, cx: &mut Context<'_>) -> io::Result<usize> {
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
