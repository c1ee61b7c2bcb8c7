//! [`Script`]: an initializer that is played by hand, message by message.

use std::net::SocketAddr;

use rpc_runtime::deploy::packed::Packed;
use rpc_runtime::deploy::sha256_hex;
use serde_json::{Value, json};

use super::{Framing, Peer};

/// A connection on which `INIT-...` messages go to a server.
pub struct Script {
    peer: Peer,
    next_id: u64,
}

impl Script {
    /// A connection from 127.0.0.1.
    pub fn connect(address: SocketAddr) -> Self {
        Self { peer: Peer::connect(address, Framing::Framed), next_id: 1 }
    }

    /// Sends one message and waits for what it is answered: the result, or the value of the `INIT-EX`.
    #[track_caller]
    pub fn ask(&mut self, header: &str, mut value: Value) -> Result<Value, Value> {
        let id = self.next_id;
        self.next_id += 1;
        value["id"] = id.into();
        let mut answer = self.peer.call(json!({ "header": header, "value": value }));
        assert_eq!(answer["value"]["id"], id, "{answer}");
        match answer["header"].as_str() {
            Some("INIT-RES") => Ok(answer["value"]["result"].take()),
            Some("INIT-EX") => Err(answer["value"].take()),
            _ => panic!("no answer to {header}: {answer}"),
        }
    }

    /// What is live, and the manifest of it.
    #[track_caller]
    pub fn status(&mut self) -> (Value, Value) {
        let mut status = self.ask("INIT-STATUS", json!({})).expect("a status");
        let live = status["live"].take();
        let manifest = if live["generation"] == 0 { Value::Null } else { self.manifest(None) };
        (live, manifest)
    }

    /// The manifest of a generation that the server keeps, or of the live one.
    #[track_caller]
    pub fn manifest(&mut self, generation: Option<u64>) -> Value {
        let answer = self.ask("INIT-MANIFEST", json!({ "generation": generation })).expect("a manifest");
        let packed: Packed = serde_json::from_value(answer).expect("something packed");
        serde_json::from_slice(&packed.unpack(b"", 64 << 20).expect("whole")).expect("a manifest")
    }

    /// Begins a transaction on what is live.
    #[track_caller]
    pub fn begin(&mut self, txn: &str, lease_ms: u64, manifest: &Value) -> Result<Value, Value> {
        let (live, _) = self.status();
        let begin = json!({
            "txn": txn, "origin": { "at": 1, "by": "the test" }, "lease-ms": lease_ms, "expected": live,
            "manifest": manifest,
        });
        self.ask("INIT-BEGIN", begin)
    }

    /// Sends a file as a real initializer does.
    #[track_caller]
    pub fn put(&mut self, txn: &str, content: &[u8]) -> Result<Value, Value> {
        self.put_as(txn, &sha256_hex(content), content.len(), content)
    }

    /// Sends a file with a hash and a size that it need not have.
    #[track_caller]
    pub fn put_as(&mut self, txn: &str, sha256: &str, size: usize, content: &[u8]) -> Result<Value, Value> {
        let file = json!({ "sha256": sha256, "size": size, "zstd": base64(&stored_in_zstd(content)) });
        self.ask("INIT-PUT", json!({ "txn": txn, "files": [file] }))
    }

    /// A step that says nothing but its transaction.
    #[track_caller]
    pub fn step(&mut self, header: &str, txn: &str) -> Result<Value, Value> {
        self.ask(header, json!({ "txn": txn }))
    }

    /// Says one more step and is gone at once, with a reset instead of an end.
    pub fn step_and_reset(mut self, header: &str, txn: &str) {
        self.peer.send(json!({ "header": header, "value": { "txn": txn } }));
        self.peer.reset();
    }

    /// What became of a transaction.
    #[track_caller]
    pub fn outcome(&mut self, txn: &str) -> String {
        let answer = self.step("INIT-OUTCOME", txn).expect("an outcome");
        answer["outcome"]["state"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Begins a transaction that gives `service` another source for its first procedure, and brings it to prepared.
    #[track_caller]
    pub fn prepare_source(&mut self, txn: &str, service: &str, source: &str) {
        let manifest = self.manifest_with_source(service, source);
        self.begin(txn, 60_000, &manifest).expect("begun");
        self.put(txn, source.as_bytes()).expect("put");
        self.step("INIT-PREPARE", txn).expect("prepared");
    }

    /// The live manifest with another source for the first procedure of `service`.
    #[track_caller]
    pub fn manifest_with_source(&mut self, service: &str, source: &str) -> Value {
        let (_, mut manifest) = self.status();
        manifest["services"][service]["rpcs"][0]["source"]["sha256"] = sha256_hex(source.as_bytes()).into();
        manifest
    }
}

/// A Zstandard frame (RFC 8878) whose blocks are stored as they are.
fn stored_in_zstd(content: &[u8]) -> Vec<u8> {
    const MAX_BLOCK: usize = 128 << 10;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
    let count = content.len().div_ceil(MAX_BLOCK).max(1);
    for index in 0..count {
        let block = &content[index * MAX_BLOCK..content.len().min((index + 1) * MAX_BLOCK)];
        let is_last = u32::from(index + 1 == count);
        frame.extend_from_slice(&((block.len() as u32) << 3 | is_last).to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}
