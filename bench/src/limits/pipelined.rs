//! A bare tokio echo. The server answers all requests of one read with one write. The client sends
//! as many requests in one write as it has received answers.

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Result, ensure};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{LENGTH_BYTES, Sizes, check_answer, message, number_message, number_of};
use crate::calls::{Gauge, observe, one_thread};
use crate::job::{Job, Measured};
use crate::meter::{Meter, Window};
use crate::usage::Process;
use crate::work::Work;

const BUFFER_BYTES: usize = 16 << 10;

/// Serves every connection in its own task.
pub async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Result<()> {
    let mut input = BytesMut::new();
    let mut output = Vec::new();
    let mut sizes = Sizes::default();
    let mut answer = Vec::new();
    loop {
        input.reserve(BUFFER_BYTES);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        output.clear();
        while let Some(length) = whole_message(&input) {
            if sizes.request != length - LENGTH_BYTES {
                sizes = Sizes::of_request(length - LENGTH_BYTES)?;
                answer = message(sizes.answer, 0);
            }
            number_message(&mut answer, u64::from_le_bytes(number_of(&input)));
            output.extend_from_slice(&answer);
            input.advance(length);
        }
        stream.write_all(&output).await?;
    }
}

/// Returns the length of the first message, if it is complete.
fn whole_message(input: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*input.first_chunk()?) as usize + LENGTH_BYTES;
    (input.len() >= length).then_some(length)
}

/// Carries out a job.
pub fn measure(job: &Job) -> Result<Measured> {
    one_thread()?.block_on(async {
        match job.work {
            Work::Idle => idle_sessions(job).await,
            work if work.in_flight() == 1 => one_in_flight(job).await,
            _ => many_in_flight(job).await,
        }
    })
}

async fn one_in_flight(job: &Job) -> Result<Measured> {
    let mut session = Session::connect(job.address, Sizes::of(job.work.procedure())).await?;
    let mut meter = Meter::start(job);
    while meter.should_continue() {
        if job.work == Work::Connect {
            session = Session::connect(job.address, session.sizes).await?;
        }
        session.send(1).await?;
        while session.receive().await? == 0 {}
    }
    Ok(meter.finish())
}

async fn idle_sessions(job: &Job) -> Result<Measured> {
    let server = Process::new(job.server);
    let window = Window::open(server, server.resident_kib());
    let mut sessions = Vec::new();
    for _ in 0..job.calls {
        let mut session = Session::connect(job.address, Sizes::of(job.work.procedure())).await?;
        session.send(1).await?;
        while session.receive().await? == 0 {}
        sessions.push(session);
    }
    Ok(window.close(job.calls))
}

async fn many_in_flight(job: &Job) -> Result<Measured> {
    let gauge = Rc::new(Gauge::default());
    let mut tasks = JoinSet::new();
    for _ in 0..job.work.sessions() {
        let session = Session::connect(job.address, Sizes::of(job.work.procedure())).await?;
        tasks.spawn_local(keep_in_flight(
            session,
            job.work.in_flight() as u64,
            Rc::clone(&gauge),
        ));
    }
    observe(job, gauge, tasks).await
}

async fn keep_in_flight(mut session: Session, in_flight: u64, gauge: Rc<Gauge>) -> Result<()> {
    let mut ready = in_flight;
    while !gauge.stopped.get() {
        session.send(ready).await?;
        ready = session.receive().await?;
        gauge.count(ready);
    }
    Ok(())
}

/// A connection with the numbers of its next request and its next answer.
struct Session {
    stream: TcpStream,
    sizes: Sizes,
    request: Vec<u8>,
    sent: u64,
    received: u64,
    input: BytesMut,
    output: Vec<u8>,
}

impl Session {
    async fn connect(address: SocketAddr, sizes: Sizes) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = message(sizes.request, 0);
        Ok(Self {
            stream,
            sizes,
            request,
            sent: 0,
            received: 0,
            input: BytesMut::new(),
            output: Vec::new(),
        })
    }

    /// Sends a number of requests with one write.
    async fn send(&mut self, requests: u64) -> Result<()> {
        self.output.clear();
        for _ in 0..requests {
            number_message(&mut self.request, self.sent);
            self.output.extend_from_slice(&self.request);
            self.sent += 1;
        }
        Ok(self.stream.write_all(&self.output).await?)
    }

    /// Reads once and returns the number of complete answers.
    async fn receive(&mut self) -> Result<u64> {
        self.input.reserve(BUFFER_BYTES);
        let count = self.stream.read_buf(&mut self.input).await?;
        ensure!(count > 0, "the server closed the connection");
        let before = self.received;
        while let Some(length) = whole_message(&self.input) {
            check_answer(&self.input[..length], self.sizes.answer, self.received)?;
            self.input.advance(length);
            self.received += 1;
        }
        Ok(self.received - before)
    }
}
