//! [`ScriptedServer`]: the server end of a connection, played by a test.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};
use wire::binary::{self, Frame, Request};

use super::{Frames, Framing, PATIENCE, Peer};

/// The server end of a connection.
pub struct ScriptedServer(Peer);

/// A frame from a client, other than HELLO and BIND.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    Request(Request, Vec<u8>),
    Cancel(u64),
    Pong(u64),
}

/// Starts a server on 127.0.0.1 that accepts `connections` connections, one after the other, and
/// plays `script` on each. Returns its address and its thread.
pub fn scripted(
    connections: usize,
    script: impl Fn(usize, &mut ScriptedServer) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    scripted_on(Ipv4Addr::LOCALHOST, connections, script)
}

/// Starts the same server on any loopback address.
pub fn scripted_on(
    ip: Ipv4Addr,
    connections: usize,
    script: impl Fn(usize, &mut ScriptedServer) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener
        .bind(&SocketAddr::from((ip, 0)).into())
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
    let server_thread = std::thread::spawn(move || {
        let mut listener = Some(listener);
        for number in 0..connections {
            let accepting = listener.as_ref().expect("it listens for all connections");
            let (stream, _) = accepting.accept().expect("a connection");
            if number + 1 == connections {
                // A further connection is refused. In the queue, it would be reset at some later
                // time, perhaps after a whole request was written to it.
                listener = None;
            }
            script(number, &mut ScriptedServer::over(stream.into()));
        }
    });
    (address, server_thread)
}

impl ScriptedServer {
    fn over(stream: TcpStream) -> Self {
        Self(Peer::over(stream, Framing::Framed))
    }

    /// Sends frames. A closed connection is ignored.
    pub fn send(&mut self, frames: Frames) {
        self.0.try_send_bytes(&frames.bytes());
    }

    /// Sends bytes. Returns `false` if the client has closed the connection.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.0.try_send_bytes(bytes)
    }

    /// Sends a text as one frame. A closed connection is ignored.
    pub fn send_text(&mut self, text: &str) {
        let frame = self.0.framed(text);
        self.0.try_send_bytes(&frame);
    }

    /// Returns the raw payload of the next frame, or `None` at the end of the connection.
    #[track_caller]
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        self.0.next_bytes()
    }

    /// Sends a HELLO and waits for the first call. Returns its number.
    #[track_caller]
    pub fn greet(&mut self) -> u64 {
        self.send(Frames::hello());
        self.next_call()
    }

    /// Waits for the next call and returns its number.
    #[track_caller]
    pub fn next_call(&mut self) -> u64 {
        match self.next() {
            Some(ClientFrame::Request(request, _)) => request.call,
            other => panic!("not a call: {other:?}"),
        }
    }

    /// Returns the next frame, skipping HELLO and BIND, or `None` at the end of the connection.
    #[track_caller]
    pub fn next(&mut self) -> Option<ClientFrame> {
        loop {
            let payload = self.0.next_bytes()?;
            match binary::parse(&payload).unwrap_or_else(|error| panic!("{error}: {payload:?}")) {
                (Frame::Hello(_) | Frame::Bind(_), _) => {}
                (Frame::Request(request), values) => {
                    return Some(ClientFrame::Request(request, values.to_vec()));
                }
                (Frame::Cancel(call), _) => return Some(ClientFrame::Cancel(call)),
                (Frame::Pong(number), _) => return Some(ClientFrame::Pong(number)),
                (other, _) => panic!("a client must not send {other:?}"),
            }
        }
    }

    /// Makes the connection end with a reset when it is dropped.
    pub fn reset_on_drop(&mut self) {
        self.0.reset_on_drop();
    }

    /// Waits until the client closes the connection.
    #[track_caller]
    pub fn expect_end(&mut self) {
        self.0.read_to_end();
    }
}
