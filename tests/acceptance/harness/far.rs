//! [`Far`]: a server that is played by hand, for clients.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};
use wire::binary::{self, Frame, Request};

use super::{Frames, Framing, PATIENCE, Peer};

/// The server's end of a connection.
pub struct Far(Peer);

/// What a client sends, beside HELLO and BIND.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    Request(Request, Vec<u8>),
    Cancel(u64),
    Pong(u64),
}

/// A server that plays `script` on each of as many connections, one after the other.
pub fn scripted(
    connections: usize,
    script: impl Fn(usize, &mut Far) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .expect("a free port");
    listener.listen(64).expect("a listening socket");
    listener
        .set_read_timeout(Some(PATIENCE))
        .expect("a socket option");
    let address = listener
        .local_addr()
        .expect("an address")
        .as_socket()
        .expect("an IP address");
    let playing = std::thread::spawn(move || {
        for number in 0..connections {
            let (stream, _) = listener.accept().expect("a connection");
            script(number, &mut Far::over(stream.into()));
        }
    });
    (address, playing)
}

impl Far {
    fn over(stream: TcpStream) -> Self {
        Self(Peer::over(stream, Framing::Framed))
    }

    /// Sends frames, unless the client is gone.
    pub fn send(&mut self, frames: Frames) {
        self.0.try_send_bytes(&frames.bytes());
    }

    /// Sends bytes as they are, unless the client is gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.try_send_bytes(bytes)
    }

    /// Sends a text as one frame, unless the client is gone.
    pub fn send_text(&mut self, text: &str) {
        let frame = self.0.framed(text);
        self.0.try_send_bytes(&frame);
    }

    /// The next frame as it came, or `None` at the connection's end.
    #[track_caller]
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        self.0.next_bytes()
    }

    /// Answers the HELLO, and the first call: its number.
    #[track_caller]
    pub fn greet(&mut self) -> u64 {
        self.send(Frames::hello());
        self.request()
    }

    /// The number of the next call.
    #[track_caller]
    pub fn request(&mut self) -> u64 {
        match self.next() {
            Some(Sent::Request(request, _)) => request.call,
            other => panic!("no call: {other:?}"),
        }
    }

    /// What the client sends next, or `None` at the connection's end.
    #[track_caller]
    pub fn next(&mut self) -> Option<Sent> {
        loop {
            let payload = self.0.next_bytes()?;
            match binary::parse(&payload).unwrap_or_else(|what| panic!("{what}: {payload:?}")) {
                (Frame::Hello(_) | Frame::Bind(_), _) => {}
                (Frame::Request(request), values) => {
                    return Some(Sent::Request(request, values.to_vec()));
                }
                (Frame::Cancel(call), _) => return Some(Sent::Cancel(call)),
                (Frame::Pong(number), _) => return Some(Sent::Pong(number)),
                (other, _) => panic!("a client sends no {other:?}"),
            }
        }
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        self.0.reset_on_drop();
    }

    /// Waits until the client ends the connection.
    #[track_caller]
    pub fn expect_end(&mut self) {
        self.0.read_to_end();
    }
}
