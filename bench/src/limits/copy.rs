//! A bare copy of 1 MiB over loopback. Each side reads the whole message before it sends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Result, ensure};

use super::{LENGTH_BYTES, message, number_message};
use crate::job::{Job, Measured};
use crate::meter::Meter;
use crate::work::{MIB, Payload, Procedure};

/// Serves every connection on its own thread.
pub fn serve(listener: &TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || echo(stream));
    }
}

fn echo(mut stream: TcpStream) -> Result<()> {
    let mut message = vec![0; LENGTH_BYTES + MIB];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}

/// Carries out a job.
pub fn measure(job: &Job) -> Result<Measured> {
    let mut stream = TcpStream::connect(job.address)?;
    stream.set_nodelay(true)?;
    let mut request = message(MIB, 0);
    request[LENGTH_BYTES..].copy_from_slice(&Payload::of(Procedure::Bytes).bytes);
    let mut answer = vec![0; LENGTH_BYTES + MIB];
    let mut number = 0;
    let mut meter = Meter::start(job);
    while meter.should_continue() {
        number += 1;
        number_message(&mut request, number);
        stream.write_all(&request)?;
        stream.read_exact(&mut answer)?;
        ensure!(answer == request, "the echo differs from what was sent");
    }
    Ok(meter.finish())
}
