//! A bare ping-pong over `std::net`: a thread for each connection, one message at a time. Its ends
//! [sleep](TcpStream) until a message comes, or [poll](super::polling::Polling).

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Result, bail};

use super::{LENGTH_BYTES, Sizes, check_answer, message, number_message, number_of};
use crate::job::{Job, Measured};
use crate::meter::Meter;
use crate::work::Work;

/// An end of a connection. The type decides how it waits for a message.
pub trait End: Read + Write + Send + Sized + 'static {
    /// Returns the end of this connection.
    ///
    /// # Errors
    ///
    /// Fails if the options of the socket cannot be set.
    fn of(stream: TcpStream) -> io::Result<Self>;
}

/// Sleeps until a message comes.
impl End for TcpStream {
    fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Serves every connection on its own thread.
pub fn serve<E: End>(listener: &TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let end = E::of(stream)?;
        thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || answer(end))?;
    }
}

fn answer(mut stream: impl End) -> Result<()> {
    let mut request = [0; 512];
    let mut sizes = Sizes::default();
    let mut answer = Vec::new();
    while let Some(length) = read_message(&mut stream, &mut request)? {
        if sizes.request != length - LENGTH_BYTES {
            sizes = Sizes::of_request(length - LENGTH_BYTES)?;
            answer = message(sizes.answer, 0);
        }
        number_message(&mut answer, u64::from_le_bytes(number_of(&request)));
        stream.write_all(&answer)?;
    }
    Ok(())
}

/// Reads one message, mostly with one system call. Returns its length with the length in front, or
/// `None` if the peer closed the connection.
fn read_message(stream: &mut impl Read, buffer: &mut [u8]) -> Result<Option<usize>> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Ok(None);
        }
        filled += count;
        if filled < LENGTH_BYTES {
            continue;
        }
        let length = u32::from_le_bytes(buffer[..LENGTH_BYTES].try_into()?) as usize + LENGTH_BYTES;
        if filled == length {
            return Ok(Some(length));
        }
        if length > buffer.len() || filled > length {
            bail!("expected a message of {length} bytes, got {filled}");
        }
    }
}

/// Carries out a job.
pub fn measure<E: End>(job: &Job) -> Result<Measured> {
    let sizes = Sizes::of(job.work.procedure());
    let connect = || TcpStream::connect(job.address).and_then(E::of);
    let mut request = message(sizes.request, 0);
    let mut number = 0;
    let mut stream = connect()?;
    let mut meter = Meter::start(job);
    while meter.should_continue() {
        number += 1;
        if job.work == Work::Connect {
            stream = connect()?;
        }
        number_message(&mut request, number);
        exchange(&mut stream, &request, sizes, number)?;
    }
    Ok(meter.finish())
}

fn exchange(stream: &mut impl End, request: &[u8], sizes: Sizes, number: u64) -> Result<()> {
    stream.write_all(request)?;
    let mut answer = [0; 512];
    let Some(length) = read_message(stream, &mut answer)? else {
        bail!("the server closed the connection")
    };
    check_answer(&answer[..length], sizes.answer, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_wrong_length_is_refused() {
        let check = |bytes: &[u8], expected: Option<Option<usize>>| {
            let mut buffer = [0; 16];
            assert_eq!(
                read_message(&mut { bytes }, &mut buffer).ok(),
                expected,
                "{bytes:?}"
            );
        };
        check(&[], Some(None));
        check(&[2, 0, 0, 0, 7, 7], Some(Some(6)));
        check(&[2, 0, 0, 0, 7, 7, 7], None);
        check(&[255, 255, 255, 255, 7], None);
        check(&[2, 0], Some(None));
    }
}
