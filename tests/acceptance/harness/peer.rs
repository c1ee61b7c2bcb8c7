//! [`Peer`]: a scripted connection that sends and receives bytes and messages.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};

use super::PATIENCE;

/// How messages are separated: by line feeds, or by length prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Lines,
    Framed,
}

impl Framing {
    pub const BOTH: [Self; 2] = [Self::Lines, Self::Framed];
}

/// One end of a connection, usually the client's.
pub struct Peer {
    stream: TcpStream,
    framing: Framing,
    input: Vec<u8>,
    /// Length of the start of `input` that holds no line feed; `scanned <= input.len()`.
    scanned: usize,
}

impl Peer {
    /// Connects from 127.0.0.1.
    pub fn connect(address: SocketAddr, framing: Framing) -> Self {
        Self::connect_from([127, 0, 0, 1], address, framing)
    }

    /// Connects from any loopback address.
    pub fn connect_from(from: [u8; 4], address: SocketAddr, framing: Framing) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::from(from)), 0);
        socket.bind(&from.into()).expect("a loopback address");
        socket
            .connect_timeout(&address.into(), PATIENCE)
            .expect("a connection");
        Self::over(TcpStream::from(socket), framing)
    }

    /// Connects from the address that the kernel chooses.
    pub fn connect_any(address: SocketAddr, framing: Framing) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE);
        Self::over(stream.expect("a connection"), framing)
    }

    /// Wraps one end of an open connection.
    pub fn over(stream: TcpStream, framing: Framing) -> Self {
        stream.set_nodelay(true).expect("a socket option");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a socket option");
        Self {
            stream,
            framing,
            input: Vec::new(),
            scanned: 0,
        }
    }

    /// Returns whether a connection to the address is refused.
    pub fn is_refused(address: SocketAddr) -> bool {
        TcpStream::connect_timeout(&address, PATIENCE)
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    /// Returns a second handle of the same connection, to send on while this one receives.
    pub fn twin(&self) -> Self {
        let stream = self.stream.try_clone().expect("a descriptor");
        Self {
            stream,
            framing: self.framing,
            input: Vec::new(),
            scanned: 0,
        }
    }

    /// Returns the local address, which the server logs as the peer.
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("an address")
    }

    /// Sends bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a write");
    }

    /// Sends bytes. Returns `false` if the server has closed the connection.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a message in this peer's framing.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a request that is built in the call needs no `&`"
    )]
    pub fn send(&mut self, message: impl ToString) {
        let bytes = self.framed(&message.to_string());
        self.send_bytes(&bytes);
    }

    /// Returns a message in this peer's framing.
    pub fn framed(&self, message: &str) -> Vec<u8> {
        self.framed_bytes(message.as_bytes())
    }

    /// Returns bytes, not necessarily UTF-8, in this peer's framing.
    pub fn framed_bytes(&self, message: &[u8]) -> Vec<u8> {
        match self.framing {
            Framing::Lines => [message, b"\n"].concat(),
            Framing::Framed => {
                let length = u32::try_from(message.len()).expect("a short message");
                [&length.to_be_bytes(), message].concat()
            }
        }
    }

    /// Sends a message and waits for the next answer.
    #[track_caller]
    pub fn call(&mut self, message: impl ToString) -> Value {
        self.send(message);
        self.receive()
    }

    /// Sends a message and waits for the next answer. Returns `None` if the server closes the
    /// connection.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a request that is built in the call needs no `&`"
    )]
    pub fn call_if_open(&mut self, message: impl ToString) -> Option<Value> {
        let bytes = self.framed(&message.to_string());
        self.try_send_bytes(&bytes).then(|| self.next())?
    }

    /// Returns the next message.
    #[track_caller]
    pub fn receive(&mut self) -> Value {
        self.next()
            .expect("an answer before the end of the connection")
    }

    /// Returns the text of the next message, without white space at its end.
    #[track_caller]
    pub fn receive_text(&mut self) -> String {
        let message = self
            .next_bytes()
            .expect("an answer before the end of the connection");
        String::from_utf8(message)
            .expect("UTF-8")
            .trim_end()
            .to_owned()
    }

    /// Returns the next message, or `None` at the end of the connection.
    #[track_caller]
    pub fn next(&mut self) -> Option<Value> {
        self.next_bytes()
            .map(|message| serde_json::from_slice(&message).expect("JSON"))
    }

    /// Returns the bytes of the next message, or `None` at the end of the connection.
    #[track_caller]
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(message) = self.take_message() {
                return Some(message);
            }
            if self.fill() == 0 {
                assert!(
                    self.input.is_empty(),
                    "the connection ended inside a message: {:?}",
                    self.input
                );
                return None;
            }
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
        self.stream
            .set_read_timeout(Some(time))
            .expect("a socket option");
        let read = self.stream.read(&mut [0]);
        self.stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        match read {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Returns all bytes up to the end of the connection.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.input)
    }

    /// Closes the connection with a reset, as after a crash.
    pub fn reset(self) {
        self.reset_on_drop();
    }

    /// Makes the connection end with a reset when it is dropped.
    pub fn reset_on_drop(&self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket option");
    }

    /// Closes the sending half of the connection.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Reads more input. Returns the number of bytes, or 0 at the end of the connection.
    fn fill(&mut self) -> usize {
        let mut buffer = vec![0; 65536];
        let count = match self.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("no answer: {error}"),
        };
        self.input.extend_from_slice(&buffer[..count]);
        count
    }

    /// Removes a whole message from the input and returns it without its framing.
    fn take_message(&mut self) -> Option<Vec<u8>> {
        let (start, end) = match self.framing {
            Framing::Lines => {
                let scan_from = std::mem::replace(&mut self.scanned, self.input.len());
                let found = self.input[scan_from..]
                    .iter()
                    .position(|byte| *byte == b'\n')?;
                self.scanned = 0;
                (0, scan_from + found + 1)
            }
            Framing::Framed => (
                4,
                4 + u32::from_be_bytes(*self.input.first_chunk::<4>()?) as usize,
            ),
        };
        let rest = (self.input.len() >= end).then(|| self.input.split_off(end))?;
        Some(std::mem::replace(&mut self.input, rest).split_off(start))
    }
}
