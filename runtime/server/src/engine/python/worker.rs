//! [`Worker`]: a forked process that has loaded a service, and calls through its pipes.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe;

use super::zygote::{ForkedWorker, PythonEngine, WorkerProcess};
use crate::engine::failure::PrepareError;
use crate::engine::{ServiceSetup, SourceProcedure};
use crate::log::meter::Meter;
use deploy::message::SourceFinding;
use wire::frame::MAX_FRAME_LIMIT;

/// Number of bytes of the length in front of a frame on a pipe.
const LENGTH_BYTES: usize = 4;

/// Number of bytes that are read at once while a pipe is polled.
const CHUNK_BYTES: usize = 4096;

/// By how many times its bytes the room for an unfinished answer grows at once.
const GROWTH: usize = 3;

/// Maximum number of bytes of a printed line. A longer line is logged in pieces.
const MAX_OUTPUT_LINE_BYTES: usize = 8 * 1024;

/// Time after which an unfinished line is logged.
const UNFINISHED_LINE_TIMEOUT: Duration = Duration::from_millis(100);

/// Maximum time for which a call polls for its answer, if no other call runs.
const POLL_TIME: Duration = Duration::from_micros(30);

/// Number of sources above which the server reads the progress of a loading worker only after
/// pauses.
const MANY_SOURCES: usize = 8;

/// Length of such a pause. To be woken for each source costs more than to load a short one.
const LOADING_PAUSE: Duration = Duration::from_millis(1);

/// The first byte of an answer. The module `rpc_worker` has constants of the same names.
const VALUES: u8 = 0;
const RAISED: u8 = 1;
const WRONG_TYPE: u8 = 2;
const READY: u8 = 3;
const REFUSED: u8 = 4;
const LOADING: u8 = 5;

/// The service that a worker loads: its first request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct LoadRequest<'a> {
    /// The name of the service.
    service: &'a str,
    #[serde(flatten)]
    imports: ServiceImports<'a>,
    /// The program that `multiprocessing` runs first in the processes that it starts.
    main: &'a Path,
    /// The folders in which Python finds all other modules.
    sys_path: &'a [String],
    /// Maximum length of the returned values in bytes.
    answer_limit: usize,
    /// Maximum number of bytes of memory of the worker.
    memory_limit: u64,
    /// The procedures. Calls name them by their place.
    procedures: &'a [SourceProcedure],
}

/// What the code of a service can import. The module `rpc_modules` makes it importable.
#[derive(Debug, Serialize)]
struct ServiceImports<'a> {
    /// The folder with the files of the service, laid out as beside `init.yaml`.
    root: &'a Path,
    /// The paths of the declared modules below `root`.
    modules: &'a [String],
    /// The paths of the sources below `root`.
    sources: BTreeSet<&'a str>,
    /// The types of the signatures, from which `rpc_types` is made.
    types: BTreeSet<&'a str>,
}

impl<'a> ServiceImports<'a> {
    fn new(setup: &'a ServiceSetup) -> Self {
        let parameters = setup.procedures.iter().flat_map(|rpc| &rpc.parameters);
        let returns = setup.procedures.iter().flat_map(|rpc| &rpc.returns);
        Self {
            root: setup
                .tree
                .as_ref()
                .map_or(Path::new(""), |tree| tree.root()),
            modules: &setup.modules,
            sources: setup
                .procedures
                .iter()
                .map(|rpc| rpc.path.as_str())
                .collect(),
            types: parameters
                .map(|parameter| parameter.type_text.as_str())
                .chain(returns.map(String::as_str))
                .collect(),
        }
    }
}

/// Returns the program that `multiprocessing` runs first in the processes that a worker of the
/// service starts. It makes what the service can import importable there.
pub(super) fn child_program(engine: &PythonEngine, setup: &ServiceSetup) -> io::Result<String> {
    let imports = serde_json::to_string(&ServiceImports::new(setup))?;
    // The JSON form of a text is a literal of Python too.
    let imports = serde_json::to_string(&imports)?;
    let folder = serde_json::to_string(engine.folder())?;
    Ok(format!(
        "import json, sys\nsys.path.insert(0, {folder})\nimport rpc_modules\n\
         rpc_modules.install_in_child(json.loads({imports}))\n"
    ))
}

/// What a worker says while it loads its service.
#[derive(Debug)]
pub(crate) enum LoadAnswer {
    /// It loads this source.
    Loading(String),
    /// It has loaded the service.
    Ready,
    /// Sources contradict their signatures, or cannot be loaded.
    Refused(Vec<SourceFinding>),
}

impl LoadAnswer {
    /// Parses an answer.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub(crate) fn parse(answer: &[u8]) -> Result<Self, String> {
        match answer.split_first() {
            Some((&LOADING, path)) => Ok(Self::Loading(String::from_utf8_lossy(path).into_owned())),
            Some((&READY, [])) => Ok(Self::Ready),
            Some((&REFUSED, findings)) => serde_json::from_slice(findings)
                .map(Self::Refused)
                .map_err(|error| error.to_string()),
            _ => Err("its worker sent an unexpected answer".to_owned()),
        }
    }
}

/// A worker's answer to a call.
#[derive(Debug)]
pub(crate) enum WorkerAnswer {
    /// The returned values.
    Values(Vec<u8>),
    /// The procedure raised an exception.
    Raised(RaisedException),
    /// The procedure returned a value that is not of the declared type.
    WrongType(String),
}

impl WorkerAnswer {
    /// Parses the answer to the call with this number.
    pub(crate) fn parse(answer: &[u8], call_number: u32) -> io::Result<Self> {
        let Some(answer) = answer.strip_prefix(&call_number.to_le_bytes()) else {
            return Err(unexpected_answer());
        };
        let invalid = |error: serde_json::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        match answer.split_first() {
            Some((&VALUES, values)) => Ok(Self::Values(values.to_vec())),
            Some((&RAISED, raised)) => Ok(Self::Raised(
                serde_json::from_slice(raised).map_err(invalid)?,
            )),
            Some((&WRONG_TYPE, details)) => {
                #[derive(Deserialize)]
                struct WrongType {
                    message: String,
                }
                let wrong_type: WrongType = serde_json::from_slice(details).map_err(invalid)?;
                Ok(Self::WrongType(wrong_type.message))
            }
            _ => Err(unexpected_answer()),
        }
    }
}

/// An exception that a procedure raised.
#[derive(Debug, Deserialize)]
pub(crate) struct RaisedException {
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) traceback: String,
}

/// A forked process that has loaded a service.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: WorkerProcess,
    requests: pipe::Sender,
    answers: pipe::Receiver,
    /// Bytes that were read and are not a complete answer yet.
    input: Vec<u8>,
    /// The number of the last call.
    call_number: u32,
    /// Counts the worker in its pool.
    pub(super) alive_guard: Option<AliveGuard>,
}

/// Counts a worker. Dropping this ends the count.
#[derive(Debug)]
pub(super) struct AliveGuard(Arc<AtomicUsize>);

impl AliveGuard {
    pub(super) fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for AliveGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// Forks a worker that loads the service. With `check`, every source is checked against its
    /// signature too.
    pub(super) async fn start(
        engine: &PythonEngine,
        setup: &ServiceSetup,
        check: bool,
    ) -> Result<Self, PrepareError> {
        let timeout = setup.limits.load;
        let deadline = tokio::time::Instant::now() + timeout;
        let forked = tokio::time::timeout_at(deadline, engine.fork()).await;
        let failed =
            |what: String| PrepareError::Failed(format!("cannot start a Python worker: {what}"));
        let ForkedWorker {
            process,
            requests,
            answers,
            output,
        } = match forked {
            Ok(Ok(forked)) => forked,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed(format!("it did not start within {timeout:?}"))),
        };
        tracing::debug!(
            event = "worker started",
            pid = process.pid,
            service = setup.service
        );
        let service = Arc::from(setup.service.as_str());
        let pid = process.pid;
        let output_guard = engine.output_guard();
        tokio::spawn(async move {
            log_output(output, service, pid).await;
            drop(output_guard);
        });
        let mut worker = Self {
            process,
            requests,
            answers,
            input: Vec::new(),
            call_number: 0,
            alive_guard: None,
        };
        let mut loading = String::new();
        match tokio::time::timeout_at(deadline, worker.load(engine, setup, check, &mut loading))
            .await
        {
            Ok(loaded) => loaded.map(|()| worker),
            Err(_) => Err(load_timed_out(setup, loading, timeout)),
        }
    }

    /// Sends the load request and waits until the service is loaded. Sets `loading` to the source
    /// that is being loaded.
    async fn load(
        &mut self,
        engine: &PythonEngine,
        setup: &ServiceSetup,
        check: bool,
        loading: &mut String,
    ) -> Result<(), PrepareError> {
        #[derive(Serialize)]
        struct FirstRequest<'a> {
            check: bool,
            #[serde(flatten)]
            load: LoadRequest<'a>,
        }
        let failed =
            |what: String| PrepareError::Failed(format!("service `{}`: {what}", setup.service));
        let interpreter = engine.interpreter().await.map_err(&failed)?;
        let load = LoadRequest {
            service: &setup.service,
            imports: ServiceImports::new(setup),
            main: setup
                .tree
                .as_ref()
                .map_or(Path::new(""), |tree| tree.child_program()),
            sys_path: &interpreter.path,
            answer_limit: setup.answer_limit,
            memory_limit: setup.limits.worker_bytes,
            procedures: &setup.procedures,
        };
        let request = serde_json::to_vec(&FirstRequest { check, load })
            .map_err(|error| failed(error.to_string()))?;
        let mut answer = self.exchange(&encode_frame(&[&request])).await;
        loop {
            match answer.as_ref().map(|answer| LoadAnswer::parse(answer)) {
                Ok(Ok(LoadAnswer::Loading(path))) => {
                    *loading = path;
                    if setup.procedures.len() > MANY_SOURCES && self.input.is_empty() {
                        tokio::time::sleep(LOADING_PAUSE).await;
                    }
                }
                Ok(Ok(LoadAnswer::Ready)) => return Ok(()),
                Ok(Ok(LoadAnswer::Refused(findings))) => {
                    let service = setup.service.clone();
                    return Err(PrepareError::Refused { service, findings });
                }
                Ok(Err(what)) => return Err(failed(what)),
                Err(error) => {
                    let how = self.process.describe_end().await;
                    return Err(failed(format!(
                        "its worker died while loading `{loading}` ({how}; {error})"
                    )));
                }
            }
            answer = self.receive().await;
        }
    }

    /// Calls the procedure at that place in the setup. After an error, the worker cannot be used
    /// again.
    ///
    /// With `polls`, the thread polls for the answer during [`POLL_TIME`] before it may sleep. To
    /// wake a sleeping thread costs more than a short procedure. Polling occupies a core, so it pays
    /// only while no other call runs.
    pub(super) async fn call(
        &mut self,
        place: usize,
        arguments: &[u8],
        polls: bool,
    ) -> io::Result<WorkerAnswer> {
        self.call_number = self.call_number.wrapping_add(1);
        let number = self.call_number.to_le_bytes();
        let place = u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes();
        self.requests
            .write_all(&encode_frame(&[&place, &number, arguments]))
            .await?;
        if polls {
            self.poll_for_input()?;
        }
        WorkerAnswer::parse(&self.receive().await?, self.call_number)
    }

    /// Waits for the answer of a call whose caller has given up. Never returns if the request was
    /// sent only in part: such a worker does not answer.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        self.receive().await.map(drop)
    }

    async fn exchange(&mut self, frame: &[u8]) -> io::Result<Vec<u8>> {
        self.requests.write_all(frame).await?;
        self.receive().await
    }

    /// Polls the pipe until bytes come, for at most [`POLL_TIME`].
    fn poll_for_input(&mut self) -> io::Result<()> {
        let until = Instant::now() + POLL_TIME;
        while self.read_now()?.is_none() && Instant::now() < until {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Reads the bytes that are in the pipe, without waiting and without the async runtime. Returns
    /// their number, or `None` if the pipe is empty.
    fn read_now(&mut self) -> io::Result<Option<usize>> {
        let mut chunk = [0; CHUNK_BYTES];
        match rustix::io::read(&self.answers, &mut chunk) {
            Ok(count) => {
                self.input.extend_from_slice(&chunk[..count]);
                Ok(Some(count))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the next answer.
    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(answer) = take_answer(&mut self.input)? {
                return Ok(answer);
            }
            // Wait for the end of the process too: another process that the procedure has started
            // may keep the pipe open.
            let read = tokio::select! {
                biased;
                read = self.answers.read_buf(&mut self.input) => read?,
                () = self.process.wait_for_end() => self.read_now()?.unwrap_or(0),
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Returns the error for a service that was not loaded in time. `path` is the source that was being
/// loaded.
fn load_timed_out(setup: &ServiceSetup, path: String, timeout: Duration) -> PrepareError {
    let Some(procedure) = setup
        .procedures
        .iter()
        .find(|procedure| procedure.path == path)
    else {
        return PrepareError::Failed(format!(
            "service `{}` did not load within {timeout:?} (--load-timeout)",
            setup.service
        ));
    };
    let message = format!("it did not load within {timeout:?} (--load-timeout)");
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

/// Removes the next whole answer from what a worker has sent. Makes room for it if a part of it is
/// missing.
pub(crate) fn take_answer(input: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_FRAME_LIMIT {
        return Err(unexpected_answer());
    }
    let Some(answer) = rest.get(..length) else {
        // A declared length alone reserves little memory.
        let missing = LENGTH_BYTES + length - input.len();
        input.reserve(missing.min(GROWTH * input.len().max(CHUNK_BYTES)));
        return Ok(None);
    };
    if length > CHUNK_BYTES && rest.len() == length {
        // The buffer of a long answer goes with it, so that an idle worker keeps none.
        let mut answer = std::mem::take(input);
        answer.drain(..LENGTH_BYTES);
        return Ok(Some(answer));
    }
    let answer = answer.to_vec();
    input.drain(..LENGTH_BYTES + length);
    Ok(Some(answer))
}

/// Joins the parts of a request, with the length of all in front.
fn encode_frame(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(LENGTH_BYTES + length);
    wire::value::encode_count(length, &mut frame);
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}

fn unexpected_answer() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it sent an unexpected answer")
}

/// Logs what a worker prints, line by line, until its output ends. An unfinished line is logged
/// after [`UNFINISHED_LINE_TIMEOUT`].
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
            UNFINISHED_LINE_TIMEOUT
        };
        let Ok(chunk) = tokio::time::timeout(pause, output.fill_buf()).await else {
            log.write_line();
            continue;
        };
        let Some(chunk) = chunk.ok().filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        let taken = log.take(chunk);
        output.consume(taken);
    }
    log.write_line();
    log.write_suppressed();
}

/// Logs what a worker prints.
struct OutputLog {
    service: Arc<str>,
    pid: u32,
    /// `line.len() <= MAX_OUTPUT_LINE_BYTES`
    line: Vec<u8>,
    meter: Meter,
}

impl OutputLog {
    /// Adds bytes to the current line, and logs the line if it is complete. Returns how many bytes
    /// were added.
    fn take(&mut self, chunk: &[u8]) -> usize {
        let end = chunk
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(chunk.len(), |found| found + 1);
        let taken = end.min(MAX_OUTPUT_LINE_BYTES - self.line.len());
        self.line.extend_from_slice(&chunk[..taken]);
        if self.line.ends_with(b"\n") || self.line.len() == MAX_OUTPUT_LINE_BYTES {
            self.write_line();
        }
        taken
    }

    /// Logs the current line, up to the limit of lines per second, and begins another one.
    fn write_line(&mut self) {
        if !self.line.is_empty() && self.meter.admit(Instant::now()) {
            self.write_suppressed();
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

    /// Logs how many lines were left out, if any were.
    fn write_suppressed(&self) {
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

#[cfg(test)]
mod tests {
    use wire::exception::{MAX_KIND_CHARS, MAX_MESSAGE_CHARS};

    use super::*;

    #[test]
    fn room_for_an_answer_grows_with_its_bytes_and_not_with_its_declared_length() {
        let length = 64 << 20;
        let mut input = Vec::new();
        wire::value::encode_count(length, &mut input);
        while input.len() < LENGTH_BYTES + length {
            assert!(matches!(take_answer(&mut input), Ok(None)));
            let most = (1 + GROWTH) * input.len().max(CHUNK_BYTES);
            assert!(input.capacity() <= most, "{} bytes", input.len());
            let room = input.capacity() - input.len();
            assert!(room > 0);
            input.resize(
                input.len() + room.min(LENGTH_BYTES + length - input.len()),
                7,
            );
        }
        let answer = take_answer(&mut input)
            .expect("an answer")
            .expect("a whole one");
        assert_eq!((answer.len(), input.capacity()), (length, 0));
    }

    /// A worker cuts the texts of an exception itself, so that a long text is not sent through the
    /// pipe.
    #[test]
    fn a_worker_cuts_texts_where_the_protocol_does() {
        let worker = include_str!("shim/rpc_worker.py");
        for line in [
            format!("\nMAX_RAISED_MESSAGE = {MAX_MESSAGE_CHARS}\n"),
            format!("\nMAX_KIND = {MAX_KIND_CHARS}\n"),
        ] {
            assert!(worker.contains(&line), "rpc_worker.py has no line {line}");
        }
    }
}
