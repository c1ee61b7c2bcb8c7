//! [`Worker`]: one forked process with its service loaded, and a call through its pipes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe;

use super::pool::Counted;
use super::zygote::{Forked, Process, PythonEngine};
use crate::engine::failure::PrepareError;
use crate::engine::{ServiceSetup, SourceProcedure};
use crate::log::meter::Meter;
use deploy::message::SourceFinding;
use wire::frame::MAX_FRAME_LIMIT;

/// A line that a procedure prints is cut after this many bytes.
const MAX_OUTPUT_LINE: usize = 8 * 1024;

/// A line that a procedure has begun to print is logged after this time, finished or not.
const UNFINISHED_LINE: Duration = Duration::from_millis(100);

/// How long a call polls for its answer, where no other one runs.
const POLL_TIME: Duration = Duration::from_micros(30);

/// A worker that loads more than this many sources is not listened to at each,
const MANY: usize = 8;

/// but again after so long: being woken costs more than loading a short one.
const LOADING_PAUSE: Duration = Duration::from_millis(1);

/// The first byte of an answer; `rpc_worker`'s constants of the same names.
const VALUES: u8 = 0;
const RAISED: u8 = 1;
const WRONG_TYPE: u8 = 2;
const READY: u8 = 3;
const REFUSED: u8 = 4;
const LOADING: u8 = 5;

/// What a worker loads: its first request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct LoadRequest<'a> {
    /// The service's name.
    service: &'a str,
    /// The folder that holds the service's files, laid out as beside `init.yaml`.
    root: &'a Path,
    /// Folders below `root` from which its sources import.
    import_paths: &'a [String],
    /// Where Python finds all other modules.
    sys_path: &'a [String],
    /// Maximum length of the returned values in bytes.
    answer_limit: usize,
    /// Its procedures; calls name them by their place.
    procedures: &'a [SourceProcedure],
}

/// A worker's answer to a call.
#[derive(Debug)]
pub(super) enum WorkerAnswer {
    /// The returned values.
    Values(Vec<u8>),
    /// The procedure raised.
    Raised(Raised),
    /// The procedure returned something else than it declares.
    WrongType(String),
}

/// A procedure's exception.
#[derive(Debug, Deserialize)]
pub(super) struct Raised {
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) traceback: String,
}

/// A forked process with its service loaded.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Process,
    requests: pipe::Sender,
    answers: pipe::Receiver,
    /// What came and is no whole answer so far.
    input: Vec<u8>,
    /// The number of the last call.
    number: u32,
    /// Its pool counts it.
    pub(super) counted: Option<Counted>,
}

impl Worker {
    /// Forks a worker and has it load its service; with `check`, every source is held against its
    /// signature too.
    pub(super) async fn start(
        engine: &PythonEngine,
        setup: &ServiceSetup,
        check: bool,
    ) -> Result<Self, PrepareError> {
        let timeout = setup.limits.load;
        let deadline = tokio::time::Instant::now() + timeout;
        let forked = tokio::time::timeout_at(deadline, engine.fork()).await;
        let failed = |what: String| {
            PrepareError::Failed(format!("a Python worker could not be made: {what}"))
        };
        let Forked {
            process,
            requests,
            answers,
            output,
        } = match forked {
            Ok(Ok(forked)) => forked,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed(format!("not within {timeout:?}"))),
        };
        tracing::debug!(
            event = "worker started",
            pid = process.pid,
            service = setup.service
        );
        let service = Arc::from(setup.service.as_str());
        let pid = process.pid;
        let reading = engine.reading_output();
        tokio::spawn(async move {
            log_output(output, service, pid).await;
            drop(reading);
        });
        let mut worker = Self {
            process,
            requests,
            answers,
            input: Vec::new(),
            number: 0,
            counted: None,
        };
        let mut loading = String::new();
        match tokio::time::timeout_at(deadline, worker.load(engine, setup, check, &mut loading))
            .await
        {
            Ok(loaded) => loaded.map(|()| worker),
            Err(_) => Err(too_long(setup, loading, timeout)),
        }
    }

    /// Sends what to load and waits until it is; `loading` is the source at work.
    async fn load(
        &mut self,
        engine: &PythonEngine,
        setup: &ServiceSetup,
        check: bool,
        loading: &mut String,
    ) -> Result<(), PrepareError> {
        #[derive(Serialize)]
        struct First<'a> {
            check: bool,
            #[serde(flatten)]
            load: LoadRequest<'a>,
        }
        let failed =
            |what: String| PrepareError::Failed(format!("service `{}`: {what}", setup.service));
        let interpreter = engine.interpreter().await.map_err(&failed)?;
        let load = LoadRequest {
            service: &setup.service,
            root: setup
                .tree
                .as_ref()
                .map_or(Path::new(""), |tree| tree.root()),
            import_paths: &setup.import_paths,
            sys_path: &interpreter.path,
            answer_limit: setup.answer_limit,
            procedures: &setup.procedures,
        };
        let first = serde_json::to_vec(&First { check, load })
            .map_err(|error| failed(error.to_string()))?;
        let mut answer = self.exchange(&framed(&[&first])).await;
        loop {
            match answer.as_ref().map(|answer| answer.split_first()) {
                Ok(Some((&LOADING, path))) => {
                    *loading = String::from_utf8_lossy(path).into_owned();
                    if setup.procedures.len() > MANY && self.input.is_empty() {
                        tokio::time::sleep(LOADING_PAUSE).await;
                    }
                }
                Ok(Some((&READY, []))) => return Ok(()),
                Ok(Some((&REFUSED, findings))) => {
                    let findings = serde_json::from_slice(findings)
                        .map_err(|error| failed(error.to_string()))?;
                    let service = setup.service.clone();
                    return Err(PrepareError::Refused { service, findings });
                }
                Ok(_) => return Err(failed("its worker answered out of turn".to_owned())),
                Err(error) => {
                    let how = self.process.ended().await;
                    return Err(failed(format!(
                        "its worker died while loading `{loading}` ({how}; {error})"
                    )));
                }
            }
            answer = self.receive().await;
        }
    }

    /// Calls the procedure at that place in the setup. After an error the worker is of no more use.
    ///
    /// With `poll`, the answer is looked for during [`POLL_TIME`] before the thread may sleep: a
    /// sleeping thread is woken by an interrupt, which costs more than a short procedure. That is
    /// worth a core only while nothing else wants it.
    pub(super) async fn call(
        &mut self,
        place: usize,
        arguments: &[u8],
        poll: bool,
    ) -> io::Result<WorkerAnswer> {
        self.number = self.number.wrapping_add(1);
        let number = self.number.to_le_bytes();
        let place = u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes();
        self.requests
            .write_all(&framed(&[&place, &number, arguments]))
            .await?;
        if poll {
            self.poll_for_input()?;
        }
        let answer = self.receive().await?;
        let Some(answer) = answer.strip_prefix(&number) else {
            return Err(out_of_turn());
        };
        let garbled = |error: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        match answer.split_first() {
            Some((&VALUES, values)) => Ok(WorkerAnswer::Values(values.to_vec())),
            Some((&RAISED, raised)) => Ok(WorkerAnswer::Raised(
                serde_json::from_slice(raised).map_err(garbled)?,
            )),
            Some((&WRONG_TYPE, wrong)) => {
                #[derive(Deserialize)]
                struct Wrong {
                    message: String,
                }
                let wrong: Wrong = serde_json::from_slice(wrong).map_err(garbled)?;
                Ok(WorkerAnswer::WrongType(wrong.message))
            }
            _ => Err(out_of_turn()),
        }
    }

    /// Waits for the answer of a call whose caller is gone. The request may not have been sent
    /// wholly; such a worker never answers.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        self.receive().await.map(drop)
    }

    async fn exchange(&mut self, frame: &[u8]) -> io::Result<Vec<u8>> {
        self.requests.write_all(frame).await?;
        self.receive().await
    }

    fn poll_for_input(&mut self) -> io::Result<()> {
        let until = Instant::now() + POLL_TIME;
        while self.read_now()?.is_none() && Instant::now() < until {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Reads what is in the pipe, whatever the reactor knows of it; `None` where that is nothing.
    fn read_now(&mut self) -> io::Result<Option<usize>> {
        let mut piece = [0; 4096];
        match rustix::io::read(&self.answers, &mut piece) {
            Ok(count) => {
                self.input.extend_from_slice(&piece[..count]);
                Ok(Some(count))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some((length, rest)) = self.input.split_first_chunk::<4>() {
                let length = u32::from_le_bytes(*length) as usize;
                if length > MAX_FRAME_LIMIT {
                    return Err(out_of_turn());
                }
                if rest.len() >= length {
                    let answer = rest[..length].to_vec();
                    self.input.drain(..4 + length);
                    return Ok(answer);
                }
                self.input.reserve(4 + length - self.input.len());
            }
            // A process that the procedure left behind may hold the pipe open after the worker's
            // end.
            let read = tokio::select! {
                biased;
                read = self.answers.read_buf(&mut self.input) => read?,
                () = self.process.ends() => self.read_now()?.unwrap_or(0),
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn too_long(setup: &ServiceSetup, path: String, timeout: Duration) -> PrepareError {
    let Some(procedure) = setup
        .procedures
        .iter()
        .find(|procedure| procedure.path == path)
    else {
        return PrepareError::Failed(format!(
            "service `{}` did not load within {timeout:?}",
            setup.service
        ));
    };
    let message = format!("it did not load within {timeout:?}");
    let finding = SourceFinding {
        procedure: procedure.key.clone(),
        path,
        line: 1,
        message,
    };
    PrepareError::Refused {
        service: setup.service.clone(),
        findings: vec![finding],
    }
}

/// A request of these parts with its length in front.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(4 + length);
    wire::value::encode_count(length, &mut frame);
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}

fn out_of_turn() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it answered out of turn")
}

/// Writes what a worker prints into the log, line by line, until it ends. An unfinished line waits
/// a moment for its end.
async fn log_output(output: pipe::Receiver, service: Arc<str>, pid: u32) {
    let mut output = BufReader::new(output);
    let mut log = OutputLog {
        service,
        pid,
        line: Vec::new(),
        meter: Meter::new(),
    };
    loop {
        let pause = if log.line.is_empty() {
            Duration::MAX
        } else {
            UNFINISHED_LINE
        };
        let Ok(chunk) = tokio::time::timeout(pause, output.fill_buf()).await else {
            log.end_line();
            continue;
        };
        let Some(chunk) = chunk.ok().filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        let taken = log.take(chunk);
        output.consume(taken);
    }
    log.end_line();
    log.end();
}

/// What a worker prints, on its way to the log.
struct OutputLog {
    service: Arc<str>,
    pid: u32,
    /// `line.len() <= MAX_OUTPUT_LINE`
    line: Vec<u8>,
    meter: Meter,
}

impl OutputLog {
    /// Takes what belongs to the line at work; how many bytes that were.
    fn take(&mut self, chunk: &[u8]) -> usize {
        let end = chunk
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(chunk.len(), |found| found + 1);
        let taken = end.min(MAX_OUTPUT_LINE - self.line.len());
        self.line.extend_from_slice(&chunk[..taken]);
        if self.line.ends_with(b"\n") || self.line.len() == MAX_OUTPUT_LINE {
            self.end_line();
        }
        taken
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() && self.meter.admit(Instant::now()) {
            self.end();
            let text = String::from_utf8_lossy(&self.line);
            let line = text.trim_end_matches('\n');
            tracing::info!(
                event = "output",
                service = &*self.service,
                pid = self.pid,
                line
            );
        }
        self.line.clear();
    }

    /// Says how many lines were left out.
    fn end(&self) {
        let lines = self.meter.take_suppressed();
        if lines > 0 {
            tracing::info!(
                event = "suppressed",
                lines,
                service = &*self.service,
                pid = self.pid
            );
        }
    }
}
