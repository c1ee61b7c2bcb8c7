//! [`Script`]: a scripted initializer, message by message.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use deploy::packed::Packed;
use deploy::proof::{Challenge, Prover};
use deploy::{is_txn, sha256_hex};
use serde_json::{Value, json};

use super::{Framing, Peer, ServerProcess};

/// A connection that sends `INIT-...` messages to a server. A test names transactions freely;
/// [`txn`] turns each name into the id that is sent.
pub struct Script {
    peer: Peer,
    next_id: u64,
    /// The token of each transaction, by the name that the test uses.
    tokens: BTreeMap<String, u64>,
}

/// The nonce that every scripted initializer sends.
const INITIALIZER_NONCE: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// Returns the id of the transaction that a test calls `name`. A valid id is returned unchanged.
pub fn txn(name: &str) -> String {
    if is_txn(name) {
        name.to_owned()
    } else {
        sha256_hex(name.as_bytes())[..16].to_owned()
    }
}

impl Script {
    /// Connects from 127.0.0.1 and proves knowledge of the server's deploy key.
    #[track_caller]
    pub fn connect(server: &ServerProcess) -> Self {
        let mut script = Self::stranger(server.address());
        script
            .prove(&server.deploy_key(), server.address())
            .expect("proven");
        script
    }

    /// Connects from 127.0.0.1 and proves nothing.
    pub fn stranger(address: SocketAddr) -> Self {
        Self {
            peer: Peer::connect(address, Framing::Framed),
            next_id: 1,
            tokens: BTreeMap::new(),
        }
    }

    /// Proves knowledge of a key, for a connection to the address `dialled`.
    #[track_caller]
    pub fn prove(&mut self, key: &[u8], dialled: SocketAddr) -> Result<Value, Value> {
        let nonce = self.challenge();
        self.prove_nonce(key, dialled, &nonce)
    }

    /// Asks for a nonce of the server.
    #[track_caller]
    pub fn challenge(&mut self) -> String {
        let answer = self
            .ask("INIT-CHALLENGE", json!({ "nonce": INITIALIZER_NONCE }))
            .expect("a nonce");
        answer["nonce"].as_str().expect("a text").to_owned()
    }

    /// Proves knowledge of a key with a given nonce of the server.
    #[track_caller]
    pub fn prove_nonce(
        &mut self,
        key: &[u8],
        dialled: SocketAddr,
        server_nonce: &str,
    ) -> Result<Value, Value> {
        let challenge = Challenge {
            address: dialled,
            initializer_nonce: INITIALIZER_NONCE,
            server_nonce,
        };
        self.ask(
            "INIT-PROVE",
            json!({ "proof": challenge.prove(key, Prover::Initializer) }),
        )
    }

    /// Waits for the end of the connection.
    #[track_caller]
    pub fn expect_end(&mut self) {
        self.peer.expect_end();
    }

    /// Sends one message and waits for the answer. Returns the result, or the value of the
    /// `INIT-EX` as an error.
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
            _ => panic!("not an answer to {header}: {answer}"),
        }
    }

    /// Sends a text as one message, and waits for the answer.
    #[track_caller]
    pub fn ask_text(&mut self, message: &str) -> Value {
        self.peer.call(message)
    }

    /// Returns the live generation and its manifest, which is null if nothing is deployed.
    #[track_caller]
    pub fn status(&mut self) -> (Value, Value) {
        let mut status = self.ask("INIT-STATUS", json!({})).expect("a status");
        let live = status["live"].take();
        let manifest = if live["generation"] == 0 {
            Value::Null
        } else {
            self.manifest(None)
        };
        (live, manifest)
    }

    /// Returns the manifest of a generation that the server keeps. `None` means the live one.
    #[track_caller]
    pub fn manifest(&mut self, generation: Option<u64>) -> Value {
        let answer = self
            .ask("INIT-MANIFEST", json!({ "generation": generation }))
            .expect("a manifest");
        let packed: Packed = serde_json::from_value(answer).expect("something packed");
        serde_json::from_slice(&packed.unpack(b"", 64 << 20).expect("whole")).expect("a manifest")
    }

    /// Begins a transaction that expects the live generation.
    #[track_caller]
    pub fn begin(&mut self, txn: &str, lease_ms: u64, manifest: &Value) -> Result<Value, Value> {
        let (live, _) = self.status();
        let begin = json!({
            "txn": self::txn(txn), "origin": { "at": 1, "by": "the test" }, "lease-ms": lease_ms, "expected": live,
            "manifest": manifest,
        });
        let answer = self.ask("INIT-BEGIN", begin)?;
        self.tokens
            .insert(txn.to_owned(), answer["token"].as_u64().expect("a token"));
        Ok(answer)
    }

    /// Returns the members that every step of a transaction has. If this connection did not begin
    /// the transaction, the token is 0, which no transaction has.
    fn step_of(&self, txn: &str) -> Value {
        json!({ "txn": self::txn(txn), "token": self.tokens.get(txn).copied().unwrap_or_default() })
    }

    /// Sends a file with its true hash and size.
    #[track_caller]
    pub fn put(&mut self, txn: &str, content: &[u8]) -> Result<Value, Value> {
        self.put_as(txn, &sha256_hex(content), content.len(), content)
    }

    /// Sends a file with any hash and size, true or false.
    #[track_caller]
    pub fn put_as(
        &mut self,
        txn: &str,
        sha256: &str,
        size: usize,
        content: &[u8],
    ) -> Result<Value, Value> {
        let file =
            json!({ "sha256": sha256, "size": size, "zstd": base64(&stored_in_zstd(content)) });
        let mut put = self.step_of(txn);
        put["files"] = json!([file]);
        self.ask("INIT-PUT", put)
    }

    /// Sends a file, INIT-PREPARE and INIT-COMMIT without waiting in between. Returns the headers
    /// of the three answers, in the order of the steps.
    #[track_caller]
    pub fn put_prepare_and_commit_at_once(&mut self, txn: &str, content: &[u8]) -> [String; 3] {
        let zstd = base64(&stored_in_zstd(content));
        let file = json!({ "sha256": sha256_hex(content), "size": content.len(), "zstd": zstd });
        let headers = ["INIT-PUT", "INIT-PREPARE", "INIT-COMMIT"];
        let messages = headers.into_iter().enumerate().map(|(place, header)| {
            let mut value = self.step_of(txn);
            value["id"] = place.into();
            if header == "INIT-PUT" {
                value["files"] = json!([file]);
            }
            self.peer
                .framed(&json!({ "header": header, "value": value }).to_string())
        });
        let bytes = messages.collect::<Vec<_>>().concat();
        self.peer.send_bytes(&bytes);
        let mut answers = [const { String::new() }; 3];
        for _ in 0..3 {
            let answer = self.peer.receive();
            let place = answer["value"]["id"].as_u64().expect("a number") as usize;
            answer["header"]
                .as_str()
                .expect("a header")
                .clone_into(&mut answers[place]);
        }
        answers
    }

    /// Sends a step that has no members besides its transaction.
    #[track_caller]
    pub fn step(&mut self, header: &str, txn: &str) -> Result<Value, Value> {
        let step = self.step_of(txn);
        self.ask(header, step)
    }

    /// Sends a step and closes the connection at once, with a reset.
    pub fn step_and_reset(mut self, header: &str, txn: &str) {
        let step = self.step_of(txn);
        self.peer.send(json!({ "header": header, "value": step }));
        self.peer.reset();
    }

    /// Returns the outcome of a transaction.
    #[track_caller]
    pub fn outcome(&mut self, txn: &str) -> String {
        let answer = self.step("INIT-OUTCOME", txn).expect("an outcome");
        answer["outcome"]["state"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// Takes over a transaction that another connection began, by its token.
    pub fn resume(&mut self, txn: &str, token: u64) {
        self.tokens.insert(txn.to_owned(), token);
    }

    /// Begins and prepares a transaction that replaces the source of the first procedure of
    /// `service`. Returns its token.
    #[track_caller]
    pub fn prepare_source(&mut self, txn: &str, service: &str, source: &str) -> u64 {
        let manifest = self.manifest_with_source(service, source);
        self.begin(txn, 60_000, &manifest).expect("begun");
        self.put(txn, source.as_bytes()).expect("put");
        self.step("INIT-PREPARE", txn).expect("prepared");
        self.tokens[txn]
    }

    /// Returns the live manifest with another source for the first procedure of `service`.
    #[track_caller]
    pub fn manifest_with_source(&mut self, service: &str, source: &str) -> Value {
        let (_, mut manifest) = self.status();
        manifest["services"][service]["rpcs"][0]["source"]["sha256"] =
            sha256_hex(source.as_bytes()).into();
        manifest
    }
}

/// Returns a Zstandard frame (RFC 8878) with `content` in uncompressed blocks.
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

/// Encodes bytes in Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    text
}
