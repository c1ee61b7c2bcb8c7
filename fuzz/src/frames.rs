//! Frames: the size of the received pieces does not change them. A parsed frame is written as the
//! same bytes.

use crate::Decisions;
use wire::binary::{self, Bound, Frame, Hello, Request};
use wire::block::{Block, BlockKind, BlockPlace, GROWTH};
use wire::exception::{Exception, ExceptionType, Executed};
use wire::frame::FrameError;
use wire::inbox::{Inbox, READ_BYTES};
use wire::link::{Event, Link, LinkError};
use wire::outbox::Outbox;
use wire::value::Reader;

/// Maximum number of bytes of a frame that is accepted.
const MAX_FRAME: usize = 300_000;

/// Where the block of every long frame begins, if the frame has one.
const BLOCK_OFFSET: usize = 40;

/// The first two bytes of an alert of TLS.
const TLS_ALERT: usize = 0x1503;

const TEXTS: [&str; 5] = ["", "svc1", "List[int]", "é\u{10ffff}", "a\0b"];

/// The frames of a stream, and the error that ends it early, if there is one.
type Outcome = (Vec<Vec<u8>>, Option<String>);

/// Feeds nearly valid frames in pieces of random lengths.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let bytes = stream(&mut decisions);
    let expected = split_whole(&bytes);
    let found = split_in_pieces(&bytes, &mut decisions);
    assert!(
        found == expected,
        "the stream ended with {:?} instead of {:?}",
        found.1,
        expected.1
    );
    for payload in &expected.0 {
        check_rewritten(payload);
    }
    check_link(bytes);
}

/// Returns a few frames, most of them valid.
fn stream(decisions: &mut Decisions<'_>) -> Vec<u8> {
    let mut out = Outbox::default();
    binary::put_hello(&hello(decisions), &mut out);
    for _ in 0..decisions.below(12) {
        put_frame(decisions, &mut out);
    }
    let mut bytes = out.into_bytes();
    for _ in 0..decisions.below(4) {
        decisions.mutate(&mut bytes);
    }
    bytes
}

fn hello(decisions: &mut Decisions<'_>) -> Hello<'static> {
    let lowest = decisions.u32() as u16;
    let highest = decisions.u32() as u16;
    let max_frame = decisions.u32();
    let idle_timeout_ms = decisions.u32();
    Hello {
        lowest,
        highest,
        max_frame,
        idle_timeout_ms,
        name: decisions.choose(&TEXTS),
    }
}

fn put_frame(decisions: &mut Decisions<'_>, out: &mut Outbox) {
    let texts = |decisions: &mut Decisions<'_>| -> Vec<&str> {
        (0..decisions.below(4))
            .map(|_| decisions.choose(&TEXTS))
            .collect()
    };
    match decisions.below(11) {
        0 => binary::put_hello(&hello(decisions), out),
        1 => {
            let slot = decisions.u32();
            let name = (decisions.choose(&TEXTS), decisions.choose(&TEXTS));
            let arguments = texts(decisions);
            let returns = texts(decisions);
            let returns = decisions.once_in(2).then_some(&returns[..]);
            binary::put_bind(slot, name, &arguments, returns, out);
        }
        2 => {
            let slot = decisions.u32();
            let generation = decisions.u64();
            let source = [decisions.byte(); 32];
            binary::put_bound(
                &Bound {
                    slot,
                    generation,
                    source,
                },
                out,
            );
        }
        3 => binary::put_exception(decisions.u64(), &exception(decisions), out),
        4 => binary::put_cancel(decisions.u64(), out),
        5 => binary::put_ping(decisions.u64(), out),
        6 => binary::put_pong(decisions.u64(), out),
        7 => binary::put_drain(decisions.u64(), out),
        kind => {
            let mark = if kind == 8 {
                binary::begin_result(decisions.u64(), out)
            } else {
                let deadline_ms = decisions.once_in(2).then(|| decisions.u32());
                binary::begin_request(
                    &Request {
                        call: decisions.u64(),
                        slot: decisions.u32(),
                        deadline_ms,
                    },
                    out,
                )
            };
            let length = decisions.choose(&[
                0,
                1,
                8,
                300,
                8_000,
                33_000,
                70_000,
                290_000,
                MAX_FRAME,
                MAX_FRAME + 1,
            ]);
            out.push(Block::Bytes(vec![decisions.byte(); length]));
            out.end_frame(mark);
        }
    }
}

fn exception(decisions: &mut Decisions<'_>) -> Exception {
    let executed = decisions.choose(&[Executed::No, Executed::Yes, Executed::Unknown]);
    let exception = Exception::new(ExceptionType::Execution, executed, decisions.choose(&TEXTS));
    let raised_kind = decisions
        .once_in(2)
        .then(|| decisions.choose(&TEXTS).to_owned());
    let valid_signatures = (0..decisions.below(3))
        .map(|_| decisions.choose(&TEXTS).to_owned())
        .collect();
    Exception {
        raised_kind,
        valid_signatures,
        ..exception
    }
}

/// Returns the frames of a stream that is complete in memory.
fn split_whole(bytes: &[u8]) -> Outcome {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some((prefix, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 {
            return (frames, Some(FrameError::Empty.to_string()));
        }
        if length >> 16 == TLS_ALERT {
            return (frames, Some(FrameError::TlsAlert.to_string()));
        }
        if length > MAX_FRAME {
            return (
                frames,
                Some(
                    FrameError::TooLong {
                        length,
                        limit: MAX_FRAME,
                    }
                    .to_string(),
                ),
            );
        }
        let Some((payload, behind)) = behind.split_at_checked(length) else {
            break;
        };
        frames.push(payload.to_vec());
        rest = behind;
    }
    (frames, None)
}

/// Returns the frames of a stream that arrives in pieces. The buffers are released and lent again,
/// as a server does.
fn split_in_pieces(bytes: &[u8], decisions: &mut Decisions<'_>) -> Outcome {
    let mut inbox = Inbox::new(MAX_FRAME);
    let mut sent = 0;
    let mut frames = Vec::new();
    let kind = if decisions.once_in(2) {
        BlockKind::Bytes
    } else {
        BlockKind::Words
    };
    let block = decisions.once_in(2).then_some(BlockPlace {
        offset: BLOCK_OFFSET,
        kind,
    });
    loop {
        loop {
            match inbox.next(|_| block) {
                Ok(Some(payload)) => {
                    assert!(
                        payload.block.is_none() || payload.head.len() == BLOCK_OFFSET,
                        "the block begins at another place"
                    );
                    frames.push(
                        [
                            payload.head,
                            payload.block.as_ref().map_or(&[], Block::as_bytes),
                        ]
                        .concat(),
                    );
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
        if sent == bytes.len() {
            return (frames, None);
        }
        if decisions.once_in(4) {
            let buffer = inbox.release();
            let spare = inbox.release_spare();
            inbox.lend(buffer);
            inbox.lend_spare(spare);
        }
        let target = inbox.target();
        let most = target.most();
        assert!(
            most > 0 && most <= GROWTH * READ_BYTES.max(sent),
            "the buffer is larger than the received bytes allow"
        );
        let piece =
            decisions.choose(&[READ_BYTES, 1, 3, 4, 5, 50, 8_191, 8_192, 33_000, usize::MAX]);
        let count = piece.min(most).min(bytes.len() - sent);
        target.put(&bytes[sent..sent + count]);
        inbox.received(count);
        sent += count;
        assert!(inbox.pending_bytes() <= sent);
    }
}

/// Parses a payload, writes the frame again, and compares the bytes.
fn check_rewritten(payload: &[u8]) {
    let Ok((frame, rest)) = binary::parse(payload) else {
        return;
    };
    let mut out = Outbox::default();
    match &frame {
        Frame::Hello(hello) => binary::put_hello(hello, &mut out),
        Frame::Bind(bind) => {
            let name = (bind.service, bind.rpc);
            binary::put_bind(
                bind.slot,
                name,
                &bind.arguments,
                bind.returns.as_deref(),
                &mut out,
            );
        }
        Frame::Bound(bound) => binary::put_bound(bound, &mut out),
        Frame::Request(request) => {
            let mark = binary::begin_request(request, &mut out);
            out.end_frame(mark);
        }
        Frame::Returned(call) => {
            let mark = binary::begin_result(*call, &mut out);
            out.end_frame(mark);
        }
        Frame::Exception(call, exception) => binary::put_exception(*call, exception, &mut out),
        Frame::Cancel(call) => binary::put_cancel(*call, &mut out),
        Frame::Ping(number) => binary::put_ping(*number, &mut out),
        Frame::Pong(number) => binary::put_pong(*number, &mut out),
        Frame::Drain(last) => binary::put_drain(*last, &mut out),
    }
    let written = [&out.into_bytes()[4..], rest].concat();
    // Every other value of `executed` is parsed as `unknown`, so it is not written as it was
    // received.
    let is_unknown =
        matches!(&frame, Frame::Exception(_, exception) if exception.executed == Executed::Unknown);
    assert!(
        is_unknown || written == payload,
        "{} was written as other bytes",
        frame.name()
    );
    assert_eq!(binary::parse(&written).map(|(again, _)| again), Ok(frame));
}

/// Checks that a link answers every PING until an error or the end of the bytes.
fn check_link(bytes: Vec<u8>) {
    let mut link = Link::with_inbox(Inbox::with_bytes(MAX_FRAME, bytes));
    let mut pings = 0;
    loop {
        match link.next(|_| None) {
            Ok(Some((Event::Handled, _))) => pings += 1,
            Ok(Some((Event::Hello(_), _))) => assert_eq!(pings, 0),
            Ok(Some((Event::Frame(frame, values), _))) => {
                assert!(!matches!(frame, Frame::Ping(_) | Frame::Hello(_)));
                let _: Reader<'_> = values;
            }
            Err(LinkError::Flood) => panic!("a few frames were counted as a flood"),
            Ok(None) | Err(_) => break,
        }
    }
    assert_eq!(link.outbox.len(), pings * 13);
}
