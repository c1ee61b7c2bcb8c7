//! Honest callers: one call in flight, in a binary or a text session.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::certs;

/// Maximum time of a call. A longer call counts as failed.
const PATIENCE: Duration = Duration::from_secs(4);

/// Pause after a failed call.
const PAUSE: Duration = Duration::from_millis(1);

/// Number of calls before anything is measured.
const WARM_UP: usize = 500;

const REQUEST: &str = r#"{"header":"RPC-REQ","value":{"id":1,"service":"svc1","rpc":"add","argument-types":["int","int"],"arguments":[2,3]}}"#;

/// Maximum length of an answer. The calls have short answers.
const MAX_ANSWER_BYTES: usize = 1 << 20;

// The kinds of frames in a binary session.
const HELLO: u8 = 0;
const BIND: u8 = 1;
const BOUND: u8 = 2;
const REQ: u8 = 3;
const RES: u8 = 4;
const PING: u8 = 7;
const PONG: u8 = 8;

/// Calls `svc1.add(2, 3)`. It connects again after a failure.
pub struct Caller {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    is_binary: bool,
    session: Option<Session>,
    failed: u64,
    first_failure: Option<io::Error>,
}

/// How a caller was served.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// Answered calls per second.
    pub rate: f64,
    /// The time within which 99 of 100 calls ended, failed ones included.
    pub p99: Duration,
}

struct Session {
    stream: BufReader<Wire>,
    frame: Vec<u8>,
    /// Number of the last call.
    last_call: u64,
}

/// A connection with or without TLS.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Caller {
    pub fn binary(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            address,
            tls,
            is_binary: true,
            session: None,
            failed: 0,
            first_failure: None,
        }
    }

    pub fn text(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            is_binary: false,
            ..Self::binary(address, tls)
        }
    }

    pub fn warm_up(&mut self) -> io::Result<()> {
        (0..WARM_UP).try_for_each(|_| self.call())
    }

    /// Calls for the time `window`.
    pub fn serve(&mut self, window: Duration) -> Served {
        let begin = Instant::now();
        let mut calls = 0_u32;
        let mut times = Vec::new();
        while begin.elapsed() < window {
            let called = Instant::now();
            match self.call() {
                Ok(()) => calls += 1,
                Err(error) => self.fail(error),
            }
            times.push(called.elapsed());
        }
        times.sort_unstable();
        Served {
            rate: f64::from(calls) / begin.elapsed().as_secs_f64(),
            p99: times.get(times.len() * 99 / 100).copied().unwrap_or(window),
        }
    }

    pub fn print_failures(self) {
        let Some(first) = self.first_failure else {
            return;
        };
        let session = if self.is_binary { "binary" } else { "text" };
        eprintln!(
            "  failed calls of the {session} session: {}; the first error: {first}",
            self.failed
        );
    }

    fn fail(&mut self, error: io::Error) {
        self.failed += 1;
        let is_late = error.kind() == io::ErrorKind::WouldBlock;
        let error = if is_late {
            io::Error::other(format!("no answer within {PATIENCE:?}"))
        } else {
            error
        };
        self.first_failure.get_or_insert(error);
        self.session = None;
        std::thread::park_timeout(PAUSE);
    }

    fn call(&mut self) -> io::Result<()> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::connect(
                self.address,
                self.is_binary,
                self.tls.as_ref(),
            )?),
        };
        if self.is_binary {
            session.binary_call()
        } else {
            session.text_call()
        }
    }
}

impl Session {
    fn connect(
        address: SocketAddr,
        is_binary: bool,
        tls: Option<&Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let stream = match tls {
            None => Wire::Plain(stream),
            Some(config) => {
                let connection = certs::connect(config, address)?;
                Wire::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
        };
        let mut session = Self {
            stream: BufReader::new(stream),
            frame: Vec::new(),
            last_call: 0,
        };
        if is_binary {
            session.begin_binary()?;
        }
        Ok(session)
    }

    /// Sends HELLO and binds slot 0. Does not wait for answers: the caller may send calls at once.
    fn begin_binary(&mut self) -> io::Result<()> {
        let mut hello = vec![HELLO];
        hello.extend_from_slice(b"RPCB\x01\0\x01\0\0\0\0\x08\0\0\0\0");
        put_text(&mut hello, "honest");
        self.send(&hello)?;
        let mut bind = vec![BIND, 0, 0, 0, 0];
        put_text(&mut bind, "svc1");
        put_text(&mut bind, "add");
        bind.extend_from_slice(&2_u32.to_le_bytes());
        put_text(&mut bind, "int");
        put_text(&mut bind, "int");
        bind.extend_from_slice(b"\x01\x01\0\0\0");
        put_text(&mut bind, "int");
        self.send(&bind)
    }

    fn binary_call(&mut self) -> io::Result<()> {
        self.last_call += 1;
        let call = self.last_call.to_le_bytes();
        let slot = [0; 4];
        let no_deadline = [0xff; 4];
        let arguments = [2_i64.to_le_bytes(), 3_i64.to_le_bytes()].concat();
        self.send(&[&[REQ][..], &call, &slot, &no_deadline, &arguments].concat())?;
        loop {
            self.receive()?;
            match self.frame.split_first() {
                Some((&RES, rest)) if rest == [call, 5_i64.to_le_bytes()].concat() => return Ok(()),
                Some((&(HELLO | BOUND), _)) => {}
                Some((&PING, number)) => {
                    let pong = [&[PONG], number].concat();
                    self.send(&pong)?;
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn text_call(&mut self) -> io::Result<()> {
        self.send(REQUEST.as_bytes())?;
        self.receive()?;
        let values = b"\"return-values\":[5]";
        let is_right = self
            .frame
            .windows(values.len())
            .any(|window| window == values);
        if is_right {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        self.stream
            .get_mut()
            .write_all(&[&length.to_be_bytes(), message].concat())
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_ANSWER_BYTES {
            return Err(io::Error::other(format!(
                "the answer is too long: {length} bytes"
            )));
        }
        self.frame.resize(length, 0);
        self.stream.read_exact(&mut self.frame)
    }

    fn unexpected(&self) -> io::Error {
        io::Error::other(format!(
            "the answer is wrong: {}",
            self.frame.escape_ascii()
        ))
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // The cast is safe: these texts are short.
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
