//! [`Gate`]: holds Python procedures until the test lets them continue.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::PATIENCE;

/// A listening socket. A procedure that connects to it waits until its [`Visitor`] is dropped.
pub struct Gate {
    socket: Socket,
}

/// A running procedure that waits at a gate.
pub struct Visitor {
    stream: TcpStream,
    pid: u32,
}

impl Gate {
    /// Opens a gate on a free port of a loopback address of its own. Otherwise a late procedure of
    /// another test could come to a port that had been its gate's.
    pub fn new() -> Self {
        let part = || fastrand::u8(1..=254);
        let address = Ipv4Addr::new(127, part(), part(), part());
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((address, 0)).into())
            .expect("a free port");
        socket.listen(64).expect("a listening socket");
        Self { socket }
    }

    /// Returns the source of `def <name>(number)`, which waits at this gate and then returns
    /// `number`.
    pub fn source(&self, name: &str) -> String {
        self.source_with(name, "gate.recv(1)\n    return number")
    }

    /// Returns the first lines of a source that waits at this gate whenever a worker loads it.
    pub fn prelude(&self) -> String {
        let address = self.address();
        format!(
            "import os, socket\n\ngate = socket.create_connection({address})\n\
             gate.sendall(os.getpid().to_bytes(4, \"little\"))\ngate.recv(1)\n\n"
        )
    }

    /// Returns the source of `def <name>(number)`. It connects to this gate as the variable `gate`,
    /// sends its process id, and runs `body`.
    pub fn source_with(&self, name: &str, body: &str) -> String {
        let address = self.address();
        format!(
            "import os, socket\n\ndef {name}(number):\n    \
             gate = socket.create_connection({address})\n    \
             gate.sendall(os.getpid().to_bytes(4, \"little\"))\n    {body}\n"
        )
    }

    /// Waits for the next procedure to arrive.
    #[track_caller]
    pub fn enter(&self) -> Visitor {
        self.enter_within(PATIENCE)
            .expect("a procedure that arrives at the gate")
    }

    /// Returns the next procedure if one has arrived already.
    pub fn enter_now(&self) -> Option<Visitor> {
        self.enter_within(Duration::from_millis(1))
    }

    fn enter_within(&self, time: Duration) -> Option<Visitor> {
        self.socket
            .set_read_timeout(Some(time))
            .expect("a socket option");
        let mut stream = TcpStream::from(self.socket.accept().ok()?.0);
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        let mut pid = [0; 4];
        stream.read_exact(&mut pid).expect("a process id");
        Some(Visitor {
            stream,
            pid: u32::from_le_bytes(pid),
        })
    }

    /// Returns the address as Python writes it.
    fn address(&self) -> String {
        let address = self.socket.local_addr().expect("an address");
        let address = address.as_socket().expect("an IP address");
        format!("(\"{}\", {})", address.ip(), address.port())
    }
}

impl Visitor {
    /// Returns the process id of the procedure's worker.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Lets the procedure continue.
    pub fn release(mut self) {
        // Ignore a failure here: the worker may be dead.
        let _ = self.stream.write_all(b"!");
    }

    /// Waits until the worker dies, which closes its connection to the gate.
    #[track_caller]
    pub fn expect_death(mut self) {
        let end = self.stream.read(&mut [0]);
        assert!(
            matches!(end, Ok(0))
                || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
}
