//! The server's end of sessions: a server in this process, over loopback, against any frames and
//! messages. It answers each call at most once and with its own answer, ends every connection in
//! time, and goes on to serve others.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use rpc_runtime::NativeService;
use rpc_runtime::initializer::{Initializer, InitializerOptions};
use rpc_runtime::server::{Limits, Server, ServerOptions};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wire::binary::{self, Frame, Hello, Request};
use wire::outbox::Outbox;
use wire::procedure::Procedure;
use wire::value::Value as _;

use crate::Decisions;

/// Maximum time of a read and of a write.
const PATIENCE: Duration = Duration::from_secs(4);

const INIT: &str = "\
network:
  servers: { server1: { ip: 127.0.0.1, port: 1 } }
  clients: { client1: { ip: 127.0.0.1 } }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: echo, arguments: [bytes], returns: bytes, native: true }
      - { name: wait, arguments: [int], returns: int, native: true }
";

static ECHO: Procedure = Procedure::new("svc1", "echo", &["bytes"], &["bytes"]);
static WAIT: Procedure = Procedure::new("svc1", "wait", &["int"], &["int"]);

/// A server that serves `echo` and `wait`.
struct ServedNetwork {
    address: SocketAddr,
    _runtime: Runtime,
    _folder: TempDir,
}

/// Opens a session, and closes it after a few frames or messages, most of them valid.
pub fn run(input: &[u8]) {
    static NETWORK: OnceLock<ServedNetwork> = OnceLock::new();
    let network = NETWORK.get_or_init(ServedNetwork::start);
    let mut decisions = Decisions::new(input);
    if decisions.once_in(4) {
        TextSession::default().run(network.address, &mut decisions);
    } else {
        BinarySession::default().run(network.address, &mut decisions);
    }
}

impl ServedNetwork {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let init = folder.path().join("init.yaml");
        std::fs::write(&init, INIT).expect("written");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut options = ServerOptions::new(listen, folder.path().join("data"));
        options.key_folder = Some(folder.path().join("keys"));
        // Nobody is slowed down: an input shall end soon.
        let mut limits = Limits::default();
        limits.refusals = u64::MAX;
        limits.session_calls = 8;
        options.limits = limits;
        options.native = vec![service()];
        let server = runtime.block_on(Server::start(options)).expect("a server");
        let address = server.local_addr().expect("its address");
        runtime.spawn(server.run(std::future::pending()));
        let mut options = InitializerOptions::default();
        options.servers = [("server1".to_owned(), address)].into();
        options.key_folder = Some(folder.path().join("keys"));
        let applied = runtime.block_on(async {
            let initializer = Initializer::plan(&init, options).await.expect("a plan");
            initializer.apply().await.expect("an apply")
        });
        assert!(applied.complete, "{applied:?}");
        Self {
            address,
            _runtime: runtime,
            _folder: folder,
        }
    }
}

fn service() -> NativeService {
    NativeService::new("svc1")
        .method(&ECHO, |_, (bytes,): (Vec<u8>,)| async move { Ok(bytes) })
        .method(&WAIT, |_, (milliseconds,): (i64,)| async move {
            tokio::time::sleep(Duration::from_millis(milliseconds.unsigned_abs() % 4)).await;
            Ok(milliseconds)
        })
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&local.into()).expect("a port");
    socket.connect(&address.into()).expect("a connection");
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).expect("a socket option");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a socket option");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("a socket option");
    stream
}

/// Sends bytes in pieces, closes the sending half, and returns all that the server sends. Bytes may
/// be missing if the server has ended the connection before it had read everything.
fn exchange(address: SocketAddr, bytes: &[u8], decisions: &mut Decisions<'_>) -> Vec<u8> {
    let stream = connect(address);
    let piece = decisions.choose(&[usize::MAX, 1000, 60, 1]);
    let mut sender = stream.try_clone().expect("a descriptor");
    for piece in bytes.chunks(piece.min(bytes.len().max(1))).take(4000) {
        if sender.write_all(piece).is_err() {
            break;
        }
    }
    let _ = sender.shutdown(Shutdown::Write);
    let mut received = Vec::new();
    match (&stream).read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection is still open: {error}"),
    }
    received
}

/// A binary session, and what its server may answer.
#[derive(Default)]
struct BinarySession {
    /// The bytes that each call of `echo` sent, and `None` for any other call.
    calls: BTreeMap<u64, Option<Vec<u8>>>,
    pings: BTreeSet<u64>,
    is_garbled: bool,
}

impl BinarySession {
    fn run(mut self, address: SocketAddr, decisions: &mut Decisions<'_>) {
        let bytes = self.stream(decisions);
        let received = exchange(address, &bytes, decisions);
        self.check(&received);
    }

    fn stream(&mut self, decisions: &mut Decisions<'_>) -> Vec<u8> {
        let mut out = Outbox::default();
        let name = decisions.choose(&["client1", "client1", "client1", "client2"]);
        let hello = Hello {
            lowest: 1,
            highest: 1,
            max_frame: decisions.choose(&[1 << 20, 1 << 20, 200]),
            idle_timeout_ms: 0,
            name,
        };
        binary::put_hello(&hello, &mut out);
        binary::put_bind(0, ("svc1", "echo"), &["bytes"], Some(&["bytes"]), &mut out);
        binary::put_bind(1, ("svc1", "wait"), &["int"], None, &mut out);
        let mut last = 0;
        for _ in 0..decisions.below(24) {
            match decisions.below(10) {
                0..5 => {
                    last += 1 + decisions.below(3) as u64;
                    self.put_call(last, decisions, &mut out);
                }
                5 => binary::put_cancel(last, &mut out),
                6 => {
                    let number = decisions.u64();
                    self.pings.insert(number);
                    binary::put_ping(number, &mut out);
                }
                7 => binary::put_pong(decisions.u64(), &mut out),
                8 => {
                    let rpc = decisions.choose(&["echo", "nothing", ""]);
                    binary::put_bind(
                        decisions.below(4) as u32,
                        ("svc1", rpc),
                        &[],
                        None,
                        &mut out,
                    );
                }
                _ => {}
            }
        }
        let mut bytes = out.into_bytes();
        if decisions.once_in(2) {
            self.is_garbled = true;
            for _ in 0..=decisions.below(3) {
                decisions.mutate(&mut bytes);
            }
        }
        bytes
    }

    fn put_call(&mut self, call: u64, decisions: &mut Decisions<'_>, out: &mut Outbox) {
        let slot = decisions.choose(&[0, 0, 1, 2]);
        let request = Request {
            call,
            slot,
            deadline_ms: decisions.once_in(8).then_some(0),
        };
        let mark = binary::begin_request(&request, out);
        let mut sent = None;
        if slot == 0 {
            let length = decisions.choose(&[0, 3, 300, 40_000]);
            let bytes = vec![call as u8; length];
            bytes.clone().put(out);
            sent = Some(bytes);
        } else {
            i64::from(decisions.byte()).put(out);
        }
        out.end_frame(mark);
        self.calls.insert(call, sent);
    }

    fn check(&self, received: &[u8]) {
        let mut answered = BTreeSet::new();
        let mut rest = received;
        let mut has_hello = false;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((payload, behind)) = behind.split_at_checked(length) else {
                break;
            };
            rest = behind;
            // Bytes that are no HELLO get an answer in text.
            if self.is_garbled && !has_hello && payload.starts_with(b"{") {
                return;
            }
            let (frame, values) = binary::parse(payload).expect("a frame");
            match frame {
                Frame::Hello(_) => assert!(!std::mem::replace(&mut has_hello, true)),
                Frame::Returned(call) => self.check_answer(call, Some(values), &mut answered),
                Frame::Exception(0, _) | Frame::Bound(_) | Frame::Drain(_) => {}
                Frame::Exception(call, _) => self.check_answer(call, None, &mut answered),
                Frame::Pong(number) => {
                    assert!(self.is_garbled || self.pings.contains(&number));
                }
                other => panic!("a server sends no {}", other.name()),
            }
        }
    }

    fn check_answer(&self, call: u64, values: Option<&[u8]>, answered: &mut BTreeSet<u64>) {
        assert!(answered.insert(call), "two answers to call {call}");
        if self.is_garbled {
            return;
        }
        let sent = self
            .calls
            .get(&call)
            .expect("an answer to a call that was made");
        if let (Some(sent), Some(values)) = (sent, values) {
            let mut expected = Vec::new();
            sent.encode(&mut expected);
            assert!(values == expected, "call {call} got another answer");
        }
    }
}

/// A session in text, and what its server may answer.
#[derive(Default)]
struct TextSession {
    ids: BTreeMap<u64, String>,
    is_garbled: bool,
}

impl TextSession {
    fn run(mut self, address: SocketAddr, decisions: &mut Decisions<'_>) {
        let mut bytes = Vec::new();
        for id in 0..decisions.below(12) as u64 {
            let digits = "ab".repeat(decisions.below(20));
            let is_known = !decisions.once_in(4);
            let message = match decisions.below(6) {
                0 => json!({ "header": "RPC-PING", "value": { "id": id } }),
                1 => json!({ "header": "INIT-STATUS", "value": { "id": id } }),
                _ => {
                    let rpc = if is_known { "echo" } else { "nothing" };
                    json!({ "header": "RPC-REQ", "value": {
                        "service": "svc1", "rpc": rpc, "id": id, "client": "client1",
                        "arguments": [digits], "argument-types": ["bytes"],
                    } })
                }
            };
            self.ids.insert(id, digits);
            bytes.extend_from_slice(message.to_string().as_bytes());
            bytes.push(b'\n');
        }
        if decisions.once_in(2) {
            self.is_garbled = true;
            for _ in 0..=decisions.below(3) {
                decisions.mutate(&mut bytes);
            }
        }
        let received = exchange(address, &bytes, decisions);
        self.check(&received);
    }

    fn check(&self, received: &[u8]) {
        if self.is_garbled {
            return;
        }
        let mut answered = BTreeSet::new();
        let lines = received.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            let answer: Value = serde_json::from_slice(line).expect("a whole answer");
            let id = answer["value"]["id"].as_u64().expect("an id");
            let sent = self.ids.get(&id).expect("an id that was sent");
            assert!(answered.insert(id), "two answers to {id}");
            if answer["header"] == "RPC-RES" {
                assert_eq!(answer["value"]["return-values"], json!([sent]));
            }
        }
        assert_eq!(answered.len(), self.ids.len(), "an answer is missing");
    }
}
