//! [`BinaryPeer`]: a scripted client of a binary session. [`Frames`]: a builder of frames to send.

use std::net::SocketAddr;
use std::time::Duration;

use deploy::sha256_hex;
use wire::binary::{self, Bound, Frame, Hello, MAGIC, Request};
use wire::exception::Exception;
use wire::outbox::Outbox;
use wire::value::{self, Value};

use super::{Framing, Peer};

/// The usual HELLO of a test client.
pub const HELLO: Hello<'static> = Hello {
    lowest: 1,
    highest: 1,
    max_frame: 16 << 20,
    idle_timeout_ms: 0,
    name: "client1",
};

/// A buffer of frames to send.
#[derive(Debug, Default)]
pub struct Frames(Outbox);

impl Frames {
    /// Returns an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a buffer with the HELLO of `client1`.
    pub fn hello() -> Self {
        Self::new().with(|out| binary::put_hello(&HELLO, out))
    }

    /// Adds what `put` writes.
    pub fn with(mut self, put: impl FnOnce(&mut Outbox)) -> Self {
        put(&mut self.0);
        self
    }

    /// Adds a frame with any payload.
    pub fn payload(self, payload: &[u8]) -> Self {
        self.with(|out| {
            let mark = out.begin_frame();
            out.bytes().extend_from_slice(payload);
            out.end_frame(mark);
        })
    }

    /// Adds a BIND of `svc1.<rpc>` that leaves the return types open.
    pub fn bind(self, slot: u32, rpc: &str, arguments: &[&str]) -> Self {
        self.with(|out| binary::put_bind(slot, ("svc1", rpc), arguments, None, out))
    }

    /// Adds a BIND of `svc1.<rpc>` with return types.
    pub fn bind_returning(
        self,
        slot: u32,
        rpc: &str,
        arguments: &[&str],
        returns: &[&str],
    ) -> Self {
        self.with(|out| binary::put_bind(slot, ("svc1", rpc), arguments, Some(returns), out))
    }

    /// Adds a REQ without a deadline.
    pub fn call(self, call: u64, slot: u32, arguments: impl Value) -> Self {
        self.call_within(call, slot, None, arguments)
    }

    /// Adds a REQ with an optional deadline.
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

    /// Adds a REQ with raw bytes as arguments.
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

    /// Adds a RES.
    pub fn result(self, call: u64, values: impl Value) -> Self {
        self.with(|out| {
            let mark = binary::begin_result(call, out);
            values.put(out);
            out.end_frame(mark);
        })
    }

    /// Adds an EX.
    pub fn exception(self, call: u64, exception: &Exception) -> Self {
        self.with(|out| binary::put_exception(call, exception, out))
    }

    /// Adds a CANCEL.
    pub fn cancel(self, call: u64) -> Self {
        self.with(|out| binary::put_cancel(call, out))
    }

    /// Adds a PING.
    pub fn ping(self, number: u64) -> Self {
        self.with(|out| binary::put_ping(number, out))
    }

    /// Returns the bytes of all frames.
    pub fn bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

/// A frame from a server.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The server's name.
    Hello(String),
    Bound(Bound),
    /// A call number and its encoded return values.
    Result(u64, Vec<u8>),
    Exception(u64, Exception),
    Pong(u64),
    Drain(u64),
}

impl Reply {
    /// Returns the BOUND of a slot to a source.
    pub fn bound(slot: u32, generation: u64, source: &str) -> Self {
        let mut hash = [0; 32];
        hex::decode_to_slice(sha256_hex(source.as_bytes()), &mut hash).expect("a hash");
        Self::Bound(Bound {
            slot,
            generation,
            source: hash,
        })
    }

    /// Returns the RES of a call that returns one `int`.
    pub fn int(call: u64, value: i64) -> Self {
        Self::Result(call, value.to_le_bytes().to_vec())
    }
}

/// A connection that sends and receives frames.
pub struct BinaryPeer(Peer);

impl BinaryPeer {
    /// Opens a session of `client1` from 127.0.0.1 and exchanges HELLOs.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_from([127, 0, 0, 1], address)
    }

    /// Opens a session of `client1` from any loopback address and exchanges HELLOs.
    #[track_caller]
    pub fn connect_from(from: [u8; 4], address: SocketAddr) -> Self {
        let mut peer = Self::connect_without_hello(from, address);
        peer.greet(&HELLO);
        peer
    }

    /// Opens a session from the address that the kernel chooses and exchanges HELLOs.
    #[track_caller]
    pub fn connect_any(address: SocketAddr) -> Self {
        let mut peer = Self(Peer::connect_any(address, Framing::Framed));
        peer.greet(&HELLO);
        peer
    }

    /// Opens a connection and sends nothing.
    pub fn connect_without_hello(from: [u8; 4], address: SocketAddr) -> Self {
        Self(Peer::connect_from(from, address, Framing::Framed))
    }

    /// Sends a HELLO and waits for the server's. Returns the server's name.
    #[track_caller]
    pub fn greet(&mut self, hello: &Hello<'_>) -> String {
        self.send(Frames::new().with(|out| binary::put_hello(hello, out)));
        match self.receive() {
            Reply::Hello(server) => server,
            other => panic!("not a HELLO: {other:?}"),
        }
    }

    /// Returns the local address, which the server logs as the peer.
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

    /// Sends bytes. Returns `false` if the server has closed the connection.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.try_send_bytes(bytes)
    }

    /// Sends bytes on another thread, until all are sent or the server closes the connection.
    pub fn send_in_background(&self, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
        let mut twin = self.0.twin();
        std::thread::spawn(move || {
            twin.try_send_bytes(&bytes);
        })
    }

    /// Returns the next message.
    #[track_caller]
    pub fn receive(&mut self) -> Reply {
        self.next()
            .expect("a message before the end of the connection")
    }

    /// Returns the next message, or `None` at the end of the connection.
    #[track_caller]
    pub fn next(&mut self) -> Option<Reply> {
        let payload = self.0.next_bytes()?;
        let (frame, values) =
            binary::parse(&payload).unwrap_or_else(|error| panic!("{error}: {payload:?}"));
        Some(match frame {
            Frame::Hello(hello) => {
                assert_eq!(
                    (hello.lowest, hello.highest, &payload[1..5]),
                    (1, 1, &MAGIC[..])
                );
                Reply::Hello(hello.name.to_owned())
            }
            Frame::Bound(bound) => Reply::Bound(*bound),
            Frame::Returned(call) => Reply::Result(call, values.to_vec()),
            Frame::Exception(call, exception) => Reply::Exception(call, *exception),
            Frame::Pong(number) => Reply::Pong(number),
            Frame::Drain(last) => Reply::Drain(last),
            other => panic!("a server must not send {other:?}"),
        })
    }

    /// Returns the raw payload of the next frame, or `None` at the end of the connection.
    #[track_caller]
    pub fn next_payload(&mut self) -> Option<Vec<u8>> {
        self.0.next_bytes()
    }

    /// Returns the next message, skipping BOUND.
    #[track_caller]
    pub fn answer(&mut self) -> Reply {
        loop {
            match self.receive() {
                Reply::Bound(_) => {}
                reply => return reply,
            }
        }
    }

    /// Waits for the next RES. Returns the call number and the values.
    #[track_caller]
    pub fn returned<R: Value>(&mut self) -> (u64, R) {
        match self.answer() {
            Reply::Result(call, values) => (
                call,
                value::decode(&values).expect("the values of the call"),
            ),
            other => panic!("not a result: {other:?}"),
        }
    }

    /// Makes one call and returns its result.
    #[track_caller]
    pub fn call<R: Value>(&mut self, call: u64, slot: u32, arguments: impl Value) -> R {
        self.send(Frames::new().call(call, slot, arguments));
        let (answered, value) = self.returned();
        assert_eq!(answered, call);
        value
    }

    /// Waits for the next EX. Returns the call number and the exception.
    #[track_caller]
    pub fn raised(&mut self) -> (u64, Exception) {
        match self.answer() {
            Reply::Exception(call, exception) => (call, exception),
            other => panic!("not an exception: {other:?}"),
        }
    }

    /// Asserts that the server closes the connection without sending another message.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let next = self.next();
        assert!(next.is_none(), "{next:?}");
    }

    /// Returns whether the server closes the connection within `time`, without sending another
    /// byte.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        self.0.ends_within(time)
    }

    /// Closes the sending half of the connection.
    pub fn half_close(&self) {
        self.0.half_close();
    }

    /// Closes the connection with a reset, as after a crash.
    pub fn reset(self) {
        self.0.reset();
    }
}
