//! Reads into the inbox.
//!
//! The memory for input and output belongs to the lane: an idle session holds none.

use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BufMut as _;
use tokio::io::AsyncReadExt as _;
use wire::block::{MAX_KEPT_BYTES, Spare, Target};
use wire::inbox::Inbox;
use wire::outbox::Outbox;

use tls::Stream;

/// Memory that the sessions of a lane share, each during its turn.
#[derive(Default)]
struct LaneMemory {
    short: Vec<u8>,
    long: Spare,
    output: Vec<u8>,
}

thread_local! {
    static LANE_MEMORY: RefCell<LaneMemory> = RefCell::default();
}

/// The outcome of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// This many bytes have come.
    Data(usize),
    /// The peer sends no more.
    End,
    /// There is nothing to read at present.
    Nothing,
}

/// Lends a session the lane's memory for its turn.
pub(super) fn lend_memory(inbox: &mut Inbox, outbox: &mut Outbox) {
    LANE_MEMORY.with_borrow_mut(|memory| {
        inbox.lend(std::mem::take(&mut memory.short));
        inbox.lend_spare(std::mem::take(&mut memory.long));
        outbox.lend(std::mem::take(&mut memory.output));
    });
}

/// Takes the lane's memory back.
pub(super) fn take_memory(inbox: &mut Inbox, outbox: &mut Outbox) {
    LANE_MEMORY.with_borrow_mut(|memory| {
        keep(&mut memory.short, inbox.release());
        memory
            .long
            .keep_all(inbox.release_spare().trimmed(MAX_KEPT_BYTES));
        memory
            .long
            .keep_all(outbox.take_spare().trimmed(MAX_KEPT_BYTES));
        keep(&mut memory.output, outbox.release());
    });
}

fn keep(kept: &mut Vec<u8>, memory: Vec<u8>) {
    if memory.capacity() > kept.capacity() && memory.capacity() <= MAX_KEPT_BYTES {
        *kept = memory;
    }
}

/// Reads what has come, as far as the inbox wants it.
pub(super) fn read(
    stream: &mut Stream,
    inbox: &mut Inbox,
    cx: &mut Context<'_>,
) -> io::Result<ReadOutcome> {
    let polled = match inbox.target() {
        Target::Append { bytes, most } => pin!(stream.read_buf(&mut bytes.limit(most))).poll(cx),
        Target::Fill(room) => pin!(stream.read(room)).poll(cx),
    };
    match polled {
        Poll::Ready(Ok(0)) => Ok(ReadOutcome::End),
        Poll::Ready(Ok(count)) => {
            inbox.received(count);
            Ok(ReadOutcome::Data(count))
        }
        Poll::Ready(Err(error)) => Err(error),
        Poll::Pending => Ok(ReadOutcome::Nothing),
    }
}
