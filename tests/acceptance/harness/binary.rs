//! [`BinaryPeer`]: a scripted binary session, and [`Frames`]: what it sends.

use std::net::SocketAddr;
use std::time::Duration;

use wire::binary::{self, Bound, Frame, Hello, MAGIC, Request};
use wire::exception::Exception;
use wire::outbox::Outbox;
use wire::value::{self, Value};

use super::{Framing, Peer};

/// What clients say of themselves here.
pub const HELLO: Hello<'static> = Hello {
    lowest: 1,
    highest: 1,
    max_frame: 16 << 20,
    idle_timeout_ms: 0,
    name: "client1",
};

/// Frames that are being written.
#[derive(Debug, Default)]
pub struct Frames(Outbox);

impl Frames {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// A HELLO of `client1`.
    pub fn hello() -> Self {
        Self::new().with(|out| binary::put_hello(&HELLO, out))
    }

    /// One more, or several.
    pub fn with(mut self, put: impl FnOnce(&mut Outbox)) -> Self {
        put(&mut self.0);
        self
    }

    /// Any payload as a frame.
    pub fn payload(self, payload: &[u8]) -> Self {
        self.with(|out| {
            let mark = out.begin_frame();
            out.bytes().extend_from_slice(payload);
            out.end_frame(mark);
        })
    }

    /// A BIND of `svc1.<rpc>`, whatever it returns.
    pub fn bind(self, slot: u32, rpc: &str, arguments: &[&str]) -> Self {
        self.with(|out| binary::put_bind(slot, ("svc1", rpc), arguments, None, out))
    }

    /// A REQ without a deadline.
    pub fn call(self, call: u64, slot: u32, arguments: impl Value) -> Self {
        self.call_within(call, slot, None, arguments)
    }

    /// A REQ with a deadline, if that is one.
    pub fn call_within(
        self,
        call: u64,
        slot: u32,
        deadline_ms: Option<u32>,
        arguments: impl Value,
    ) -> Self {
        self.with(|out| {
            let mark = binary::begin_request(
                &Request {
                    call,
                    slot,
                    deadline_ms,
                },
                out,
            );
            arguments.put(out);
            out.end_frame(mark);
        })
    }

    /// A REQ whose arguments are these bytes.
    pub fn call_with_bytes(self, call: u64, slot: u32, arguments: &[u8]) -> Self {
        self.with(|out| {
            let mark = binary::begin_request(
                &Request {
                    call,
                    slot,
                    deadline_ms: None,
                },
                out,
            );
            out.bytes().extend_from_slice(arguments);
            out.end_frame(mark);
        })
    }

    /// A RES.
    pub fn result(self, call: u64, values: impl Value) -> Self {
        self.with(|out| {
            let mark = binary::begin_result(call, out);
            values.put(out);
            out.end_frame(mark);
        })
    }

    /// An EX.
    pub fn exception(self, call: u64, exception: &Exception) -> Self {
        self.with(|out| binary::put_exception(call, exception, out))
    }

    /// A CANCEL.
    pub fn cancel(self, call: u64) -> Self {
        self.with(|out| binary::put_cancel(call, out))
    }

    /// All of them.
    pub fn bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The longest frame it takes, and after how many idle milliseconds it closes.
    Hello(u32, u32),
    Bound(Bound),
    /// The returned values of a call.
    Result(u64, Vec<u8>),
    Exception(u64, Exception),
    Pong(u64),
    Drain(u64),
}

/// A connection that speaks frames.
pub struct BinaryPeer(Peer);

impl BinaryPeer {
    /// A session of `client1` from 127.0.0.1, greeted.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_from([127, 0, 0, 1], address)
    }

    /// The same from another loopback address.
    #[track_caller]
    pub fn connect_from(from: [u8; 4], address: SocketAddr) -> Self {
        let mut peer = Self::silent(from, address);
        peer.greet(&HELLO);
        peer
    }

    /// A connection on which nothing was said.
    pub fn silent(from: [u8; 4], address: SocketAddr) -> Self {
        Self(Peer::connect_from(from, address, Framing::Framed))
    }

    /// Says HELLO and is answered: the longest frame that the server takes, and after how many idle
    /// milliseconds it closes.
    #[track_caller]
    pub fn greet(&mut self, hello: &Hello<'_>) -> (u32, u32) {
        self.send(Frames::new().with(|out| binary::put_hello(hello, out)));
        match self.receive() {
            Reply::Hello(max_frame, idle_timeout_ms) => (max_frame, idle_timeout_ms),
            other => panic!("no HELLO: {other:?}"),
        }
    }

    /// This side's address, as the server sees it.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Sends frames.
    pub fn send(&mut self, frames: Frames) {
        self.0.send_bytes(&frames.bytes());
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.send_bytes(bytes);
    }

    /// Sends bytes unless the server has closed the connection.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.try_send_bytes(bytes)
    }

    /// Sends bytes from a thread of its own, as far as the server takes them.
    pub fn send_aside(&self, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
        let mut twin = self.0.twin();
        std::thread::spawn(move || {
            twin.try_send_bytes(&bytes);
        })
    }

    /// The next message.
    #[track_caller]
    pub fn receive(&mut self) -> Reply {
        self.next()
            .expect("a message before the end of the connection")
    }

    /// The next message, or `None` at the connection's end.
    #[track_caller]
    pub fn next(&mut self) -> Option<Reply> {
        let payload = self.0.next_bytes()?;
        let (frame, values) =
            binary::parse(&payload).unwrap_or_else(|what| panic!("{what}: {payload:?}"));
        Some(match frame {
            Frame::Hello(hello) => {
                assert_eq!(
                    (hello.lowest, hello.highest, &payload[1..5]),
                    (1, 1, &MAGIC[..])
                );
                Reply::Hello(hello.max_frame, hello.idle_timeout_ms)
            }
            Frame::Bound(bound) => Reply::Bound(*bound),
            Frame::Returned(call) => Reply::Result(call, values.to_vec()),
            Frame::Exception(call, exception) => Reply::Exception(call, *exception),
            Frame::Pong(number) => Reply::Pong(number),
            Frame::Drain(last) => Reply::Drain(last),
            other => panic!("a server sends no {other:?}"),
        })
    }

    /// The next frame as it came, or `None` at the connection's end.
    #[track_caller]
    pub fn next_payload(&mut self) -> Option<Vec<u8>> {
        self.0.next_bytes()
    }

    /// The next message that is no BOUND.
    #[track_caller]
    pub fn answer(&mut self) -> Reply {
        loop {
            match self.receive() {
                Reply::Bound(_) => {}
                reply => return reply,
            }
        }
    }

    /// What the next call to be answered returned, and its number.
    #[track_caller]
    pub fn returned<R: Value>(&mut self) -> (u64, R) {
        match self.answer() {
            Reply::Result(call, values) => (
                call,
                value::decode(&values).expect("the values of the call"),
            ),
            other => panic!("no result: {other:?}"),
        }
    }

    /// Sends one call, and what it returned.
    #[track_caller]
    pub fn call<R: Value>(&mut self, call: u64, slot: u32, arguments: impl Value) -> R {
        self.send(Frames::new().call(call, slot, arguments));
        let (answered, value) = self.returned();
        assert_eq!(answered, call);
        value
    }

    /// Why the next call to be answered failed, and its number.
    #[track_caller]
    pub fn raised(&mut self) -> (u64, Exception) {
        match self.answer() {
            Reply::Exception(call, exception) => (call, exception),
            other => panic!("no exception: {other:?}"),
        }
    }

    /// Asserts that the server ends the connection without another byte.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let next = self.next();
        assert!(next.is_none(), "{next:?}");
    }

    /// Whether the server ends the connection within this time, without another byte.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        self.0.ends_within(time)
    }

    /// Says that this side sends no more.
    pub fn half_close(&self) {
        self.0.half_close();
    }

    /// Ends the connection as a crash does: with a reset.
    pub fn reset(self) {
        self.0.reset();
    }
}
