//! Messages in JSON: they are found in any pieces, and a message that is accepted is one for every
//! other reader of JSON too.

use serde_json::Value;
use wire::exception::{Exception, ExceptionType, Executed};
use wire::frame::{Deframer, Framing, Step};
use wire::message::{self, AnswerId, Message, Request, RequestHead};

use crate::Decisions;

/// Maximum number of bytes of a message.
const LIMIT: usize = 2_000;

const TEXTS: [&str; 7] = [
    "",
    "svc1",
    "RPC-REQ",
    "é\u{10ffff}",
    "a\0\"\\",
    "int",
    "List[int]",
];

const TOKENS: [&str; 14] = [
    "null",
    "{",
    "}",
    "[[",
    "\"",
    ",",
    "\"id\":1,",
    "\"header\":\"RPC-REQ\",",
    "\"value\":{},",
    "1e999",
    "\\ud800",
    "\n",
    "\u{feff}",
    "18446744073709551616",
];

/// Feeds a few messages, most of them nearly valid, in random pieces.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let framing = decisions.choose(&[Framing::Lines, Framing::Framed]);
    let mut stream = Vec::new();
    for _ in 0..=decisions.below(4) {
        let message = any_message(&mut decisions);
        check_message(&message);
        framing.write(&message, &mut stream);
    }
    for _ in 0..decisions.below(3) {
        decisions.mutate(&mut stream);
    }
    let whole = messages(&stream, usize::MAX);
    for piece in [1, 7, 100] {
        let pieces = messages(&stream, piece);
        assert_eq!(pieces, whole, "pieces of {piece} bytes");
    }
}

/// Returns a message that is usually valid.
fn any_message(decisions: &mut Decisions<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match decisions.below(4) {
        0 => message::write_exception(&any_id(decisions), &any_exception(decisions), &mut out),
        1 => message::write_ping(decisions.u64(), &mut out),
        2 => {
            let id = any_id(decisions);
            let generation = decisions.u64();
            let source = decisions.choose(&TEXTS);
            let written = message::write_result(&id, generation, source, &mut out, |out| {
                out.extend_from_slice(b"1,\"x\"");
                Ok::<_, String>(())
            });
            written.expect("values");
        }
        _ => put_request(decisions, &mut out),
    }
    for _ in 0..decisions.below(4) {
        decisions.mutate(&mut out);
        if decisions.once_in(3) {
            let at = decisions.u32() as usize % (out.len() + 1);
            let token = decisions.choose(&TOKENS);
            out.splice(at..at, token.bytes());
        }
    }
    out
}

fn any_id(decisions: &mut Decisions<'_>) -> AnswerId {
    match decisions.below(3) {
        0 => AnswerId::Absent,
        1 => AnswerId::Null,
        _ => AnswerId::Json(decisions.u64().to_string().into()),
    }
}

fn any_exception(decisions: &mut Decisions<'_>) -> Exception {
    let executed = decisions.choose(&[Executed::No, Executed::Yes, Executed::Unknown]);
    Exception {
        raised_kind: decisions.once_in(2).then(|| "ValueError".to_owned()),
        valid_signatures: vec!["a".to_owned(); decisions.below(3)],
        ..Exception::new(ExceptionType::Execution, executed, decisions.choose(&TEXTS))
    }
}

/// Writes a request, and checks that it is read as it was written.
fn put_request(decisions: &mut Decisions<'_>, out: &mut Vec<u8>) {
    let types: Vec<&str> = (0..decisions.below(4))
        .map(|_| decisions.choose(&TEXTS))
        .collect();
    let return_types = decisions.once_in(2).then_some(&types[..]);
    let client = decisions.once_in(2).then(|| decisions.choose(&TEXTS));
    let head = RequestHead {
        service: decisions.choose(&TEXTS),
        rpc: decisions.choose(&TEXTS),
        argument_types: &types,
        return_types,
        client,
        id: decisions.once_in(2).then(|| decisions.u64()),
        deadline_ms: decisions.once_in(2).then(|| decisions.u64()),
    };
    let written = message::write_request(&head, out, |out| {
        out.extend_from_slice(b"[1,{\"a\":null}]");
        Ok::<_, String>(())
    });
    written.expect("arguments");
    let message = Message::parse(out).expect("a message");
    let request = Request::parse(&message.value).expect("a request");
    assert_eq!((&*request.service, &*request.rpc), (head.service, head.rpc));
    assert_eq!(request.client.as_deref(), head.client);
    assert_eq!(request.deadline_ms, head.deadline_ms);
    assert!(
        request
            .argument_types
            .iter()
            .map(|ty| &**ty)
            .eq(types.iter().copied())
    );
    assert_eq!(request.arguments.len(), 1);
}

/// Checks what is accepted against another reader of JSON.
fn check_message(bytes: &[u8]) {
    let parsed = Message::parse(bytes);
    if let Ok(message) = &parsed {
        let other: Value = match serde_json::from_slice(bytes) {
            Ok(other) => other,
            Err(error) if is_about_an_unread_value(&error) => return,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(other["header"], *message.header);
        assert!(other["value"].is_object());
        let id = message.id.map(|id| id.as_json().to_owned());
        let id: Option<Value> = id.map(|id| serde_json::from_str(&id).expect("JSON"));
        assert_eq!(other["value"].get("id"), id.as_ref());
        let _ = Request::parse(&message.value);
        let _ = message::parse_exception(&message.value);
    }
    let answer = Message::parse_answer(bytes);
    assert!(
        answer.is_ok() || parsed.is_err(),
        "a message is an answer too"
    );
}

/// Returns whether the other reader refuses a number, a nest or a text that nobody reads here.
fn is_about_an_unread_value(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    [
        "number out of range",
        "recursion limit exceeded",
        "hex escape",
        "surrogate",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Returns the messages of a stream that arrives in pieces, and the error that ends it.
fn messages(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<String>) {
    let mut deframer = Deframer::detecting(LIMIT);
    let mut found = Vec::new();
    let mut input: Vec<u8> = Vec::new();
    let mut rest = stream;
    loop {
        match deframer.step(&input, rest.is_empty()) {
            Ok(Step::Need(_)) if rest.is_empty() => {
                panic!("more bytes are needed, and none will come")
            }
            Ok(Step::Need(count)) => {
                assert!(count > 0);
                let (next, behind) = rest.split_at(piece.min(rest.len()));
                input.extend_from_slice(next);
                rest = behind;
            }
            Ok(Step::Message {
                start,
                end,
                consumed,
            }) => {
                assert!(start <= end && end <= consumed && consumed <= input.len());
                assert!(end - start <= LIMIT);
                found.push(input[start..end].to_vec());
                input.drain(..consumed);
            }
            Ok(Step::Skip(count)) => {
                assert!(count > 0 && count <= input.len());
                input.drain(..count);
            }
            Ok(Step::End) => return (found, None),
            Err(error) => return (found, Some(error.to_string())),
        }
    }
}
