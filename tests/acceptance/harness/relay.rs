//! [`Relay`]: stands between a client and a server, and cuts, stalls, splits or holds back bytes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::PATIENCE;

/// What a relay does with the bytes of one direction.
#[derive(Debug, Clone, Default)]
pub enum Flow {
    /// Forwards everything.
    #[default]
    Whole,
    /// Forwards each byte in a write of its own.
    Bytewise,
    /// Forwards this number of bytes, and then ends both connections.
    Cut(usize, Ending),
    /// Forwards this number of bytes and drops all others. Both connections stay open.
    Stall(usize),
    /// Holds everything back until the gate is opened.
    Held(Arc<FlowGate>),
}

/// How a relay ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As a program does that closes its socket.
    Close,
    /// As after a crash.
    Reset,
}

impl Ending {
    pub const BOTH: [Self; 2] = [Self::Close, Self::Reset];
}

/// What a relay does with the bytes of a connection.
#[derive(Debug, Clone, Default)]
pub struct Flows {
    pub to_server: Flow,
    pub to_client: Flow,
}

/// Holds back bytes until it is opened.
#[derive(Debug, Default)]
pub struct FlowGate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl FlowGate {
    /// Lets the bytes pass.
    pub fn open(&self) {
        *self.is_open.lock().expect("the gate") = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let is_open = self.is_open.lock().expect("the gate");
        let waited = self
            .opened
            .wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open);
        drop(waited.expect("the gate"));
    }
}

/// A relay before a server. It connects to the server for each connection that it accepts.
/// Messages must be short: it does not read from one end while the other end does not read.
pub struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    flows: Arc<Mutex<Flows>>,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// Number of bytes that arrived at a relay, over all connections.
#[derive(Debug, Default)]
struct Counts {
    from_client: AtomicUsize,
    from_server: AtomicUsize,
    connections: AtomicUsize,
}

impl Relay {
    /// Starts a relay on 127.0.0.1 that forwards everything.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Counts::default());
        let flows = Arc::new(Mutex::new(Flows::default()));
        let ended = Arc::new(AtomicBool::new(false));
        let accepting = std::thread::spawn({
            let counts = Arc::clone(&counts);
            let flows = Arc::clone(&flows);
            let ended = Arc::clone(&ended);
            move || {
                while let Ok((client, _)) = listener.accept() {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(server) = TcpStream::connect_timeout(&server, PATIENCE) else {
                        continue;
                    };
                    let flows = flows.lock().expect("the flows").clone();
                    counts.connections.fetch_add(1, Ordering::SeqCst);
                    let counts = Arc::clone(&counts);
                    std::thread::spawn(move || Relayed::new(client, server, flows).run(&counts));
                }
            }
        });
        Self {
            address,
            counts,
            flows,
            ended,
            accepting: Some(accepting),
        }
    }

    /// Returns the address to connect to in place of the server's.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what happens to the bytes of all later connections.
    pub fn set(&self, flows: Flows) {
        *self.flows.lock().expect("the flows") = flows;
    }

    /// Sets what happens to the bytes from clients on all later connections.
    pub fn set_to_server(&self, to_server: Flow) {
        self.set(Flows {
            to_server,
            to_client: Flow::Whole,
        });
    }

    /// Sets what happens to the bytes from the server on all later connections.
    pub fn set_to_client(&self, to_client: Flow) {
        self.set(Flows {
            to_server: Flow::Whole,
            to_client,
        });
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes that have arrived from clients and from the server since the
    /// last call.
    pub fn take_counts(&self) -> (usize, usize) {
        (
            self.counts.from_client.swap(0, Ordering::SeqCst),
            self.counts.from_server.swap(0, Ordering::SeqCst),
        )
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// A connection through a relay.
struct Relayed {
    client: TcpStream,
    server: TcpStream,
    to_server: Direction,
    to_client: Direction,
}

/// The bytes of one direction.
struct Direction {
    flow: Flow,
    /// Number of bytes that were forwarded.
    forwarded: usize,
    has_ended: bool,
}

impl Direction {
    fn new(flow: Flow) -> Self {
        Self {
            flow,
            forwarded: 0,
            has_ended: false,
        }
    }

    /// Forwards what has come. Returns how both connections end, if they end here.
    fn forward(&mut self, from: &TcpStream, mut to: &TcpStream, count: &AtomicUsize) -> Step {
        let mut buffer = [0; 16 << 10];
        let received = match { from }.read(&mut buffer) {
            Ok(0) => {
                self.has_ended = true;
                let _ = to.shutdown(Shutdown::Write);
                return Step::Goes;
            }
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Step::Goes,
            Err(_) => return Step::Ends(Ending::Reset),
        };
        count.fetch_add(received, Ordering::SeqCst);
        let bytes = &buffer[..received];
        let written = match &self.flow {
            Flow::Whole => to.write_all(bytes),
            Flow::Bytewise => bytes.iter().try_for_each(|byte| to.write_all(&[*byte])),
            Flow::Held(gate) => {
                gate.wait();
                to.write_all(bytes)
            }
            Flow::Stall(limit) => to.write_all(&bytes[..received.min(limit - self.forwarded)]),
            Flow::Cut(limit, ending) => {
                let rest = limit - self.forwarded;
                let written = to.write_all(&bytes[..received.min(rest)]);
                if received >= rest {
                    return Step::Ends(*ending);
                }
                written
            }
        };
        self.forwarded += received;
        if let Flow::Stall(limit) = &self.flow {
            self.forwarded = self.forwarded.min(*limit);
        }
        written.map_or(Step::Ends(Ending::Reset), |()| Step::Goes)
    }

    /// Returns how both connections end before the first byte, if they do.
    fn ends_at_once(&self) -> Option<Ending> {
        match self.flow {
            Flow::Cut(0, ending) => Some(ending),
            _ => None,
        }
    }
}

/// Whether a connection goes on.
#[derive(PartialEq)]
enum Step {
    Goes,
    Ends(Ending),
}

impl Relayed {
    fn new(client: TcpStream, server: TcpStream, flows: Flows) -> Self {
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("a socket option");
            stream
                .set_write_timeout(Some(PATIENCE))
                .expect("a socket option");
        }
        Self {
            client,
            server,
            to_server: Direction::new(flows.to_server),
            to_client: Direction::new(flows.to_client),
        }
    }

    /// Forwards until both ends have closed the connection, or for [`PATIENCE`] without a byte.
    fn run(mut self, counts: &Counts) {
        let at_once = [&self.to_server, &self.to_client].map(Direction::ends_at_once);
        let ending = at_once.into_iter().flatten().next();
        let ending = ending.unwrap_or_else(|| self.forward_all(counts));
        if ending == Ending::Reset {
            for stream in [&self.client, &self.server] {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
        }
    }

    fn forward_all(&mut self, counts: &Counts) -> Ending {
        let mut end = Instant::now() + PATIENCE;
        while !(self.to_server.has_ended && self.to_client.has_ended) && Instant::now() < end {
            let [client_is_ready, server_is_ready] = self.wait();
            if client_is_ready || server_is_ready {
                end = Instant::now() + PATIENCE;
            }
            if client_is_ready {
                let count = &counts.from_client;
                if let Step::Ends(ending) =
                    self.to_server.forward(&self.client, &self.server, count)
                {
                    return ending;
                }
            }
            if server_is_ready {
                let count = &counts.from_server;
                if let Step::Ends(ending) =
                    self.to_client.forward(&self.server, &self.client, count)
                {
                    return ending;
                }
            }
        }
        Ending::Close
    }

    /// Waits until an end has sent something. Returns which have.
    fn wait(&self) -> [bool; 2] {
        let ends = [
            (&self.client, &self.to_server),
            (&self.server, &self.to_client),
        ];
        let wanted = ends.map(|(_, direction)| !direction.has_ended);
        let mut polled: Vec<_> = ends
            .iter()
            .zip(wanted)
            .filter(|(_, is_wanted)| *is_wanted)
            .map(|((stream, _), _)| PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        if poll(&mut polled, Some(&timeout)).is_err() {
            return [false; 2];
        }
        let mut ready = polled.iter().map(|polled| !polled.revents().is_empty());
        wanted.map(|is_wanted| is_wanted && ready.next().unwrap_or_default())
    }
}
