//! [`Polling`]: an end of a connection that never sleeps.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

use super::blocking::End;

/// Looks at its socket again and again until a message comes. Every look lets other threads run
/// first, so that both ends can share a core.
#[derive(Debug)]
pub struct Polling(TcpStream);

impl End for Polling {
    fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }
}

impl Read for Polling {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        until_ready(|| self.0.read(buffer))
    }
}

impl Write for Polling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        until_ready(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn until_ready(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::yield_now(),
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_waits_until_its_peer_has_written() -> io::Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let mut client = Polling::of(TcpStream::connect(listener.local_addr()?)?)?;
        let server = thread::spawn(move || -> io::Result<[u8; 2]> {
            let mut server = Polling::of(listener.accept()?.0)?;
            let mut request = [0; 2];
            server.read_exact(&mut request)?;
            server.write_all(b"yes")?;
            Ok(request)
        });
        client.write_all(b"ok")?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        assert_eq!(answer, "yes");
        assert!(
            server
                .join()
                .is_ok_and(|request| request.is_ok_and(|request| request == *b"ok"))
        );
        Ok(())
    }
}
