//! `docs/protocol-vectors.json`: every hex text decodes to what its entry says, and encodes to the
//! same bytes again.

use std::process::Command;
use std::sync::LazyLock;

use rpc_schema::Type;
use serde_json::{Value, json};
use wire::binary::{self, Frame};
use wire::check::check;
use wire::inbox::Inbox;
use wire::json;
use wire::outbox::Outbox;
use wire::value::Reader;

use crate::fence::fences;
use crate::harness::{begin, finish, python};

const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// The parsed `docs/protocol-vectors.json`.
pub static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/protocol-vectors.json")).expect("JSON")
});

/// Returns the bytes of an entry's `hex`.
#[track_caller]
pub fn bytes(entry: &Value) -> Vec<u8> {
    from_hex(entry["hex"].as_str().expect("a `hex`"))
}

/// Returns the entries of a list.
#[track_caller]
pub fn entries(list: &Value) -> &[Value] {
    list.as_array().expect("a list")
}

/// Returns the bytes of hexadecimal digits with white space between them.
fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(digits).expect("hexadecimal digits")
}

/// Returns every entry that describes the frame of its bytes.
fn described_frames() -> impl Iterator<Item = &'static Value> {
    let dialogues = entries(&VECTORS["dialogues"]);
    let steps = dialogues
        .iter()
        .flat_map(|dialogue| entries(&dialogue["steps"]));
    entries(&VECTORS["frames"])
        .iter()
        .chain(steps)
        .filter(|entry| entry.get("frame").is_some())
}

/// Parses the types that a text or a list of texts names.
fn types(texts: &Value) -> Vec<Type> {
    let texts = texts
        .as_array()
        .map_or_else(|| vec![texts], |texts| texts.iter().collect());
    let text = |text: &Value| Type::parse(text.as_str().expect("a type")).expect("a type");
    texts.into_iter().map(text).collect()
}

fn encode(types: &[Type], values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (ty, value) in types.iter().zip(values) {
        json::to_binary(ty, &value.to_string(), &mut out).expect("a value of its type");
    }
    out
}

fn decode(types: &[Type], bytes: &[u8]) -> Value {
    let mut reader = Reader::new(bytes);
    let mut text = b"[".to_vec();
    json::list_from_binary(types, &mut reader, &mut text).expect("values");
    reader.finish().expect("nothing left over");
    text.push(b']');
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn every_value_encodes_to_its_bytes_and_decodes_from_no_others() {
    for entry in entries(&VECTORS["values"]) {
        let types = types(&entry["type"]);
        let bytes = bytes(entry);
        assert_eq!(encode(&types, &[entry["json"].clone()]), bytes, "{entry}");
        assert_eq!(decode(&types, &bytes), json!([entry["json"]]), "{entry}");
        assert_eq!(check(&types, &bytes), Ok(()), "{entry}");
        for cut in 0..bytes.len() {
            assert!(
                check(&types, &bytes[..cut]).is_err(),
                "{entry} cut at {cut}"
            );
        }
        assert!(
            check(&types, &[&bytes[..], &[0]].concat()).is_err(),
            "{entry} with one byte more"
        );
    }
}

#[test]
fn no_invalid_value_passes() {
    for entry in entries(&VECTORS["invalid-values"]) {
        assert!(
            check(&types(&entry["type"]), &bytes(entry)).is_err(),
            "{entry}"
        );
    }
}

#[test]
fn every_frame_decodes_to_its_description_and_encodes_to_the_same_bytes() {
    assert!(described_frames().count() > 50);
    for entry in described_frames() {
        let bytes = bytes(entry);
        let mut inbox = Inbox::with_bytes(1 << 20, bytes.clone());
        let payload = inbox.next(|_| None).expect("a frame").expect("all of it");
        let (frame, values) =
            binary::parse(payload.head).unwrap_or_else(|what| panic!("{entry}: {what}"));
        let expected = &entry["frame"];
        assert_eq!(describe(&frame, values, &types_of(expected)), *expected);
        assert_eq!(write(&frame, values), bytes, "{entry}");
    }
    let kinds: std::collections::BTreeSet<_> = described_frames()
        .map(|entry| entry["frame"]["kind"].to_string())
        .collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

#[test]
fn no_invalid_frame_passes() {
    for entry in entries(&VECTORS["invalid-frames"]) {
        let mut inbox = Inbox::with_bytes(1 << 20, bytes(entry));
        let payload = inbox.next(|_| None);
        let passes =
            payload.is_ok_and(|payload| binary::parse(payload.expect("all of it").head).is_ok());
        assert!(!passes, "{entry}");
    }
}

fn types_of(frame: &Value) -> Vec<Type> {
    frame.get("types").map(types).unwrap_or_default()
}

/// Describes a frame as the file does.
pub fn describe(frame: &Frame<'_>, values: &[u8], types: &[Type]) -> Value {
    let kind = frame.name();
    let texts = || {
        types
            .iter()
            .map(|ty| rpc_schema::Expanded(ty).to_string())
            .collect::<Vec<_>>()
    };
    match frame {
        Frame::Hello(hello) => {
            json!({ "kind": kind, "lowest": hello.lowest, "highest": hello.highest,
            "max-frame": hello.max_frame, "idle-timeout-ms": hello.idle_timeout_ms, "name": hello.name })
        }
        Frame::Bind(bind) => {
            json!({ "kind": kind, "slot": bind.slot, "service": bind.service, "rpc": bind.rpc,
            "arguments": bind.arguments, "returns": bind.returns })
        }
        Frame::Bound(bound) => {
            let source = hex::encode(bound.source);
            json!({ "kind": kind, "slot": bound.slot, "generation": bound.generation, "source": source })
        }
        Frame::Request(request) => {
            json!({ "kind": kind, "call": request.call, "slot": request.slot,
            "deadline-ms": request.deadline_ms, "types": texts(), "values": decode(types, values) })
        }
        Frame::Returned(call) => {
            json!({ "kind": kind, "call": call, "types": texts(), "values": decode(types, values) })
        }
        Frame::Exception(call, exception) => json!({ "kind": kind, "call": call,
            "exception-type": exception.kind.as_str(), "executed": exception.executed.as_str(),
            "exception-message": exception.message, "exception-kind": exception.raised_kind,
            "valid-signatures": exception.valid_signatures }),
        Frame::Cancel(call) => json!({ "kind": kind, "call": call }),
        Frame::Ping(number) | Frame::Pong(number) => json!({ "kind": kind, "number": number }),
        Frame::Drain(last) => json!({ "kind": kind, "last-call": last }),
    }
}

/// Encodes a frame, with its length prefix.
fn write(frame: &Frame<'_>, values: &[u8]) -> Vec<u8> {
    let mut out = Outbox::default();
    let finish = |mark, out: &mut Outbox| {
        out.bytes().extend_from_slice(values);
        out.end_frame(mark);
    };
    match frame {
        Frame::Hello(hello) => binary::put_hello(hello, &mut out),
        Frame::Bind(bind) => {
            let names = (bind.service, bind.rpc);
            let returns = bind.returns.as_deref();
            binary::put_bind(bind.slot, names, &bind.arguments, returns, &mut out);
        }
        Frame::Bound(bound) => binary::put_bound(bound, &mut out),
        Frame::Request(request) => finish(binary::begin_request(request, &mut out), &mut out),
        Frame::Returned(call) => finish(binary::begin_result(*call, &mut out), &mut out),
        Frame::Exception(call, exception) => binary::put_exception(*call, exception, &mut out),
        Frame::Cancel(call) => binary::put_cancel(*call, &mut out),
        Frame::Ping(number) => binary::put_ping(*number, &mut out),
        Frame::Pong(number) => binary::put_pong(*number, &mut out),
        Frame::Drain(last) => binary::put_drain(*last, &mut out),
    }
    out.into_bytes()
}

#[test]
fn every_frame_on_the_page_is_in_the_file() {
    let known: Vec<_> = described_frames().map(bytes).collect();
    let fences = fences(PROTOCOL);
    let shown = fences.iter().filter(|fence| fence.language == "hex");
    let shown = shown.inspect(|fence| {
        let digits = fence.text.lines().filter_map(|line| line.split('#').next());
        let bytes = from_hex(&digits.collect::<String>());
        assert!(known.contains(&bytes), "PROTOCOL.md:{}", fence.line);
    });
    assert!(shown.count() >= 10);
}

/// Python script that decodes and encodes every value with the client of `docs`. The client has no
/// records and no enumerations: the script reads a record as a tuple and an enumeration as a
/// number.
const READ_AND_WRITE: &str = r#"
import io, json, re, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "docs")
import binary_client as client

def plain(named):
    fields = [part.split(":")[1] for part in named[1].split(",")] if ":" in named[1] else []
    return f"Tuple[{','.join(fields)}]" if fields else "COUNT"

def type_of(text):
    while text != (text := re.sub(r"\w+\{([^{}]*)\}", plain, text)): pass
    text = re.sub(r"\b(int|float|bool|str|bytes)\b", lambda name: name[0].upper(), text)
    return eval(text.replace("[", "(").replace("]", ")"), vars(client))

for entry in json.load(open("docs/protocol-vectors.json"))["values"]:
    of, data = type_of(entry["type"]), bytes.fromhex(entry["hex"])
    stream = io.BytesIO(data)
    value = of.get(stream)
    assert stream.read() == b"" and of.put(value) == data, (entry, value)
    print(value)
"#;

#[test]
fn the_python_client_reads_and_writes_every_value() {
    let mut command = Command::new(python());
    command
        .args(["-c", READ_AND_WRITE])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let printed = finish(begin(command)).succeeds().stdout;
    assert_eq!(printed.lines().count(), entries(&VECTORS["values"]).len());
    assert!(
        printed.contains("\n{'a': 2, 'b': 1}\n") && printed.contains("\n(7, 'a')\n"),
        "{printed}"
    );
}
