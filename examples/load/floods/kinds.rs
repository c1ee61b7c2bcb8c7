//! The kinds of floods: what an attacker sends.

use std::net::Ipv4Addr;
use std::path::Path;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::certs::{self, Holder};

/// The address of the client `hostile`.
const HOSTILE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Number of connections of an attacker at the same time, unless its kind needs another number.
const CONNECTIONS: usize = 8;

/// Number of connections that send slowly.
const SLOW_CONNECTIONS: usize = 5000;

/// Maximum length of a message that a server accepts by default.
const MAX_MESSAGE_BYTES: u32 = 16 << 20;

/// Number of messages in one write of a flood.
const BATCH: u64 = 64;

/// A kind of flood. The command line and the tables use its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Lines that are not JSON.
    Malformed,
    /// HTTP requests, each over its own connection.
    Http,
    /// Requests for a service that does not exist.
    Refused,
    /// Requests with types that the procedure does not take.
    Invalid,
    /// Requests for a service that does not exist, from an address of no client. Over TLS, handshakes
    /// without a certificate.
    Strangers,
    /// Connections that are closed at once.
    Connects,
    /// TLS hellos, each over its own connection, which is closed at once.
    Hellos,
    /// Connections that send the longest message without its last byte, and stay open.
    Partial,
    /// Calls with long answers that are never read, from another client than the honest one.
    Unread,
    /// Wrong proofs of the deploy key.
    Proofs,
    /// Pings of the text protocol.
    Pings,
    /// 5,000 connections that send a byte of a request each second, from another client than the
    /// honest one.
    Slow,
}

/// What an attacker does, on each of its connections.
#[derive(Debug)]
pub struct Plan {
    /// The attacker's own address.
    pub from: Ipv4Addr,
    pub connections: usize,
    pub payload: Vec<u8>,
    pub then: Then,
    /// Whether its bytes go as they are, even to a server that speaks TLS.
    pub is_raw: bool,
}

/// What an attacker does after the payload. It connects again whenever a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Sends the payload again. Reads answers.
    Repeat,
    /// Shuts down its sending side. Reads answers.
    EndSending,
    /// Closes the connection.
    Close,
    /// Sends nothing more. Reads answers.
    Stay,
    /// Sends nothing more. Reads no answer.
    Ignore,
    /// Sends the payload byte by byte, one each second. Reads answers.
    Drip,
}

impl Kind {
    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    pub fn plan(self) -> Plan {
        let pipelined = |payload| Plan::new(payload, Then::Repeat);
        let no_service =
            || batch(|id| framed(&request(id, "nobody", "add", &json!(["int", "int"]))));
        match self {
            Self::Malformed => pipelined(b"hello\n".repeat(1000)),
            Self::Http => Plan::new(
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
                Then::EndSending,
            ),
            Self::Refused => pipelined(no_service()),
            Self::Invalid => pipelined(batch(|id| {
                framed(&request(id, "svc1", "add", &json!(["int", "str"])))
            })),
            Self::Strangers => Plan {
                from: Ipv4Addr::new(127, 0, 0, 77),
                ..pipelined(no_service())
            },
            Self::Connects => Plan {
                is_raw: true,
                ..Plan::new(Vec::new(), Then::Close)
            },
            Self::Hellos => Plan {
                is_raw: true,
                ..Plan::new(tls_hello(), Then::Close)
            },
            Self::Partial => Plan {
                connections: 60,
                ..Plan::new(cut_off(), Then::Stay)
            },
            Self::Unread => Plan {
                from: HOSTILE,
                connections: 1,
                ..Plan::new((1..=18).flat_map(long_answer).collect(), Then::Ignore)
            },
            Self::Proofs => pipelined(batch(wrong_proof)),
            Self::Pings => pipelined(batch(|id| {
                line(&json!({ "header": "RPC-PING", "value": { "id": id } }))
            })),
            Self::Slow => Plan {
                from: HOSTILE,
                connections: SLOW_CONNECTIONS,
                ..Plan::new(long_answer(1), Then::Drip)
            },
        }
    }
}

impl Plan {
    fn new(payload: Vec<u8>, then: Then) -> Self {
        Self {
            from: Ipv4Addr::LOCALHOST,
            connections: CONNECTIONS,
            payload,
            then,
            is_raw: false,
        }
    }

    /// Returns whose certificate the attacker shows over TLS.
    pub fn holder(&self) -> Holder {
        match self.from {
            Ipv4Addr::LOCALHOST => Holder::Honest,
            HOSTILE => Holder::Hostile,
            _ => Holder::Stranger,
        }
    }
}

/// Returns what a client sends first.
fn tls_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    let server = (Ipv4Addr::LOCALHOST, 1).into();
    let connection = certs::client(Path::new(""), Holder::Stranger)
        .and_then(|config| certs::connect(&config, server));
    if let Ok(mut connection) = connection {
        // Writing to memory always succeeds.
        let _ = connection.write_tls(&mut hello);
    }
    hello
}

/// Returns [`BATCH`] messages with the ids 1, 2, ...
fn batch(message: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    (1..=BATCH).flat_map(message).collect()
}

fn request(id: u64, service: &str, rpc: &str, types: &Value) -> Value {
    json!({ "header": "RPC-REQ", "value": {
        "id": id, "service": service, "rpc": rpc, "argument-types": types, "arguments": [2, 3],
    }})
}

fn long_answer(id: u64) -> Vec<u8> {
    framed(&json!({ "header": "RPC-REQ", "value": {
        "id": id, "service": "svc1", "rpc": "long", "argument-types": [], "arguments": [],
    }}))
}

/// Returns a challenge and a wrong proof.
fn wrong_proof(id: u64) -> Vec<u8> {
    // Fibonacci hashing gives digits that look random.
    let digits = format!("{:016x}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4);
    let challenge = json!({ "header": "INIT-CHALLENGE", "value": { "id": id } });
    let proof = json!({ "header": "INIT-PROVE", "value": { "id": id, "proof": digits } });
    [line(&challenge), line(&proof)].concat()
}

/// Returns a message of the maximum length without its last byte.
fn cut_off() -> Vec<u8> {
    let mut payload = MAX_MESSAGE_BYTES.to_be_bytes().to_vec();
    payload.extend_from_slice(br#"{"header":"RPC-REQ","value":{"service":""#);
    payload.resize(MAX_MESSAGE_BYTES as usize + 3, b'x');
    payload
}

fn line(message: &Value) -> Vec<u8> {
    format!("{message}\n").into_bytes()
}

fn framed(message: &Value) -> Vec<u8> {
    let message = message.to_string();
    // The cast is safe: these messages are short.
    [&(message.len() as u32).to_be_bytes(), message.as_bytes()].concat()
}
