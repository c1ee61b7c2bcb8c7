//! Frames: however they come, they are the same; what is parsed is written again as the same bytes.

use crate::Decisions;
use wire::binary::{self, Bound, Frame, Hello, Request};
use wire::block::{Block, BlockKind, BlockPlace, GROWTH};
use wire::exception::{Exception, ExceptionType, Executed};
use wire::frame::FrameError;
use wire::inbox::{Inbox, READ_BYTES};
use wire::link::{Event, Link, LinkError};
use wire::outbox::Outbox;
use wire::value::Reader;

/// The longest frame that is taken.
const LIMIT: usize = 300_000;

/// Where the block of every long frame begins that is asked about.
const BLOCK: usize = 40;

const TEXTS: [&str; 5] = ["", "svc1", "List[int]", "é\u{10ffff}", "a\0b"];

/// What a stream comes to: its frames, and why it ends before its bytes do.
type Outcome = (Vec<Vec<u8>>, Option<String>);

/// Feeds frames that are nearly right in pieces of random lengths.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let bytes = stream(&mut decisions);
    let expected = whole(&bytes);
    let found = in_pieces(&bytes, &mut decisions);
    assert!(
        found == expected,
        "{:?} instead of {:?}",
        found.1,
        expected.1
    );
    for payload in &expected.0 {
        check_rewritten(payload);
    }
    link(bytes);
}

/// A few frames, most of them right.
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
    let (lowest, highest) = (decisions.half() as u16, decisions.half() as u16);
    let (max_frame, idle_timeout_ms) = (decisions.half(), decisions.half());
    Hello {
        lowest,
        highest,
        max_frame,
        idle_timeout_ms,
        name: decisions.any(&TEXTS),
    }
}

fn put_frame(decisions: &mut Decisions<'_>, out: &mut Outbox) {
    let texts = |decisions: &mut Decisions<'_>| -> Vec<&str> {
        (0..decisions.below(4))
            .map(|_| decisions.any(&TEXTS))
            .collect()
    };
    match decisions.below(11) {
        0 => binary::put_hello(&hello(decisions), out),
        1 => {
            let (slot, name) = (
                decisions.half(),
                (decisions.any(&TEXTS), decisions.any(&TEXTS)),
            );
            let (arguments, returns) = (texts(decisions), texts(decisions));
            let returns = decisions.once_in(2).then_some(&returns[..]);
            binary::put_bind(slot, name, &arguments, returns, out);
        }
        2 => {
            let (slot, generation, source) =
                (decisions.half(), decisions.word(), [decisions.byte(); 32]);
            binary::put_bound(
                &Bound {
                    slot,
                    generation,
                    source,
                },
                out,
            );
        }
        3 => binary::put_exception(decisions.word(), &exception(decisions), out),
        4 => binary::put_cancel(decisions.word(), out),
        5 => binary::put_ping(decisions.word(), out),
        6 => binary::put_pong(decisions.word(), out),
        7 => binary::put_drain(decisions.word(), out),
        kind => {
            let mark = if kind == 8 {
                binary::begin_result(decisions.word(), out)
            } else {
                let deadline_ms = decisions.once_in(2).then(|| decisions.half());
                binary::begin_request(
                    &Request {
                        call: decisions.word(),
                        slot: decisions.half(),
                        deadline_ms,
                    },
                    out,
                )
            };
            let length = decisions.any(&[
                0,
                1,
                8,
                300,
                8_000,
                33_000,
                70_000,
                290_000,
                LIMIT,
                LIMIT + 1,
            ]);
            out.push(Block::Bytes(vec![decisions.byte(); length]));
            out.end_frame(mark);
        }
    }
}

fn exception(decisions: &mut Decisions<'_>) -> Exception {
    let executed = decisions.any(&[Executed::No, Executed::Yes, Executed::Unknown]);
    let exception = Exception::new(ExceptionType::Execution, executed, decisions.any(&TEXTS));
    let own_kind = decisions
        .once_in(2)
        .then(|| decisions.any(&TEXTS).to_owned());
    let valid_signatures = (0..decisions.below(3))
        .map(|_| decisions.any(&TEXTS).to_owned())
        .collect();
    Exception {
        own_kind,
        valid_signatures,
        ..exception
    }
}

/// The frames of a stream that lies there whole.
fn whole(bytes: &[u8]) -> Outcome {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while let Some((prefix, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 {
            return (frames, Some(FrameError::Empty.to_string()));
        }
        if length > LIMIT {
            return (
                frames,
                Some(
                    FrameError::TooLong {
                        length,
                        limit: LIMIT,
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

/// The same where the stream comes in pieces, and the room to read to is lent, as a lane does.
fn in_pieces(bytes: &[u8], decisions: &mut Decisions<'_>) -> Outcome {
    let (mut inbox, mut fed, mut frames) = (Inbox::new(LIMIT), 0, Vec::new());
    let kind = if decisions.once_in(2) {
        BlockKind::Bytes
    } else {
        BlockKind::Words
    };
    let block = decisions.once_in(2).then_some(BlockPlace {
        offset: BLOCK,
        kind,
    });
    loop {
        loop {
            match inbox.next(|_| block) {
                Ok(Some(payload)) => {
                    assert!(
                        payload.block.is_none() || payload.head.len() == BLOCK,
                        "it begins elsewhere"
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
        if fed == bytes.len() {
            return (frames, None);
        }
        if decisions.once_in(4) {
            let (room, spare) = (inbox.release(), inbox.release_spare());
            inbox.lend(room);
            inbox.lend_spare(spare);
        }
        let target = inbox.target();
        let most = target.most();
        assert!(
            most > 0 && most <= GROWTH * READ_BYTES.max(fed),
            "room for what did not come"
        );
        let piece = decisions.any(&[READ_BYTES, 1, 3, 4, 5, 50, 8_191, 8_192, 33_000, usize::MAX]);
        let count = piece.min(most).min(bytes.len() - fed);
        target.put(&bytes[fed..fed + count]);
        inbox.came(count);
        fed += count;
        assert!(inbox.pending() <= fed);
    }
}

/// What is parsed and has one form is written as it came.
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
    // Whatever is not known to be `no` or `yes` is `unknown`.
    let is_unknown =
        matches!(&frame, Frame::Exception(_, exception) if exception.executed == Executed::Unknown);
    assert!(
        is_unknown || written == payload,
        "{} was written otherwise",
        frame.name()
    );
    assert_eq!(binary::parse(&written).map(|(again, _)| again), Ok(frame));
}

/// A whole session's worth of them ends with an error or in the middle of a frame, and answers each
/// PING.
fn link(bytes: Vec<u8>) {
    let mut link = Link::with_inbox(Inbox::with_bytes(LIMIT, bytes));
    let mut pings = 0;
    loop {
        match link.next(|_| None) {
            Ok(Some((Event::Settled, _))) => pings += 1,
            Ok(Some((Event::Hello(_), _))) => assert_eq!(pings, 0),
            Ok(Some((Event::Frame(frame, values), _))) => {
                assert!(!matches!(frame, Frame::Ping(_) | Frame::Hello(_)));
                let _: Reader<'_> = values;
            }
            Err(LinkError::Flood) => panic!("a flood of a few frames"),
            Ok(None) | Err(_) => break,
        }
    }
    assert_eq!(link.outbox.len(), pings * 13);
}
