//! The cost of deployment: applies of ten thousand procedures, and updates under load.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deploy::sha256_hex;
use rpc_runtime::initializer::{Initializer, InitializerOptions};
use serde_json::{Value, json};

use crate::median;
use crate::project::Project;

const PROCEDURES: usize = 10_000;
const SERVICES: usize = 200;
const ROUNDS: usize = 5;

/// Number of sessions that call while code is updated.
const SESSIONS: usize = 8;
const UPDATES: u64 = 1_000;
/// How long the sessions call before the first update.
const QUIET: Duration = Duration::from_secs(5);

pub fn measure() -> io::Result<()> {
    println!("{PROCEDURES} procedures in {SERVICES} services:");
    let project = deployable(PROCEDURES, SERVICES, 2)?;
    let first = seconds(|| project.initializer("apply", 0))?;
    println!("  first apply, two servers        {first:>9.3} s");
    drop(project);
    let project = deployable(PROCEDURES, SERVICES, 8)?;
    project.initializer("apply", 0)?;
    let again = rounds(|_| seconds(|| project.initializer("apply", 0)))?;
    println!("  nothing to do, eight servers    {again:>9.3} s");
    let changed = rounds(|round| {
        project.write("p0.py", &source(0, round + 1))?;
        seconds(|| project.initializer("apply", 0))
    })?;
    println!("  one source changed              {changed:>9.3} s");
    drop(project);
    let mut project = deployable(PROCEDURES, SERVICES, 1)?;
    project.initializer("apply", 0)?;
    let ready = rounds(|_| seconds(|| project.restart(1)))?;
    println!("  a server's start, all stored    {ready:>9.3} s");
    drop(project);
    let live = edit_to_live()?;
    println!("edit to live, 1000 procedures     {live:>9.3} s");
    updates_under_load()
}

/// Measures the time from the edit of a source to the first answer of the new code. `initializer
/// watch` applies the edit.
fn edit_to_live() -> io::Result<f64> {
    let project = deployable(1_000, 20, 1)?;
    project.initializer("apply", 0)?;
    project.write("p0.py", &source(0, 1))?;
    let mut watch = project
        .command("watch")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = watch
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("no stdout"))?;
    let mut applied = BufReader::new(stdout).lines();
    let mut session = Session(TcpStream::connect(project.address(1))?);
    let edited = rounds(|round| {
        applied.next().transpose()?;
        project.write("p0.py", &source(0, round + 2))?;
        seconds(|| session.wait_for(round + 2))
    });
    watch.kill()?;
    watch.wait()?;
    edited
}

/// Lets sessions call as fast as they can, while the code is updated a thousand times. Checks that
/// every answer comes from the source that it names.
fn updates_under_load() -> io::Result<()> {
    let project = deployable(1, 1, 1)?;
    project.initializer("apply", 0)?;
    let sources: std::collections::HashMap<String, u64> = (0..=UPDATES)
        .map(|value| (sha256_hex(source(0, value as usize).as_bytes()), value))
        .collect();
    let stop = AtomicBool::new(false);
    let is_updating = AtomicBool::new(false);
    let (callers, took) = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..SESSIONS)
            .map(|_| scope.spawn(|| call_until(&stop, &is_updating, &project, &sources)))
            .collect();
        std::thread::park_timeout(QUIET);
        is_updating.store(true, Ordering::SeqCst);
        let took = seconds(|| update(&project));
        stop.store(true, Ordering::SeqCst);
        let callers: Vec<io::Result<Latencies>> = callers
            .into_iter()
            .map(|caller| {
                caller
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a caller panicked")))
            })
            .collect();
        (callers, took)
    });
    let took = took?;
    let mut quiet = Vec::new();
    let mut updating = Vec::new();
    for latencies in callers {
        let latencies = latencies?;
        quiet.extend(latencies.quiet);
        updating.extend(latencies.updating);
    }
    println!("{UPDATES} updates under load from {SESSIONS} sessions, in {took:.1} s:");
    println!(
        "  calls, each answered by one version: {} before the updates, {} during them",
        quiet.len(),
        updating.len()
    );
    let before = p99(quiet);
    let during = p99(updating);
    println!(
        "  p99 before the updates {:.2} ms, during them {:.2} ms: {:.1} times",
        before * 1e3,
        during * 1e3,
        during / before
    );
    Ok(())
}

/// The latency of each call in seconds, before the updates and during them.
#[derive(Default)]
struct Latencies {
    quiet: Vec<f64>,
    updating: Vec<f64>,
}

fn call_until(
    stop: &AtomicBool,
    is_updating: &AtomicBool,
    project: &Project,
    sources: &std::collections::HashMap<String, u64>,
) -> io::Result<Latencies> {
    let mut session = Session(TcpStream::connect(project.address(1))?);
    let mut latencies = Latencies::default();
    let mut last = 0;
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let answer = session.call()?;
        let took = begin.elapsed().as_secs_f64();
        let value = &answer["value"];
        let returned = value["return-values"][0].as_u64();
        let of_source = value["source"]
            .as_str()
            .and_then(|hash| sources.get(hash))
            .copied();
        if returned.is_none() || returned != of_source || returned < Some(last) {
            return Err(io::Error::other(format!(
                "a call failed, or its answer mixes versions: {answer}"
            )));
        }
        last = returned.unwrap_or_default();
        let times = if is_updating.load(Ordering::Relaxed) {
            &mut latencies.updating
        } else {
            &mut latencies.quiet
        };
        times.push(took);
    }
    Ok(latencies)
}

fn update(project: &Project) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut options = InitializerOptions::default();
    options.servers = [("server1".to_owned(), project.address(1))].into();
    options.key_folder = Some(project.key_folder());
    let init = project.path().join("init.yaml");
    for value in 1..=UPDATES {
        project.write("p0.py", &source(0, value as usize))?;
        runtime.block_on(apply(&init, options.clone()))?;
    }
    Ok(())
}

async fn apply(init: &Path, options: InitializerOptions) -> io::Result<()> {
    let initializer = Initializer::plan(init, options)
        .await
        .map_err(io::Error::other)?;
    let applied = initializer.apply().await?;
    if applied.complete {
        Ok(())
    } else {
        Err(io::Error::other(format!("{applied:?}")))
    }
}

fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default()
}

/// A framed session. It calls the first procedure, one call after the other.
struct Session(TcpStream);

impl Session {
    fn call(&mut self) -> io::Result<Value> {
        self.exchange(&json!({ "header": "RPC-REQ", "value": {
            "id": 1, "service": "s0", "rpc": "p0", "arguments": [], "argument-types": [],
        }}))
    }

    fn exchange(&mut self, message: &Value) -> io::Result<Value> {
        let message = message.to_string();
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        self.0
            .write_all(&[&length.to_be_bytes(), message.as_bytes()].concat())?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Calls until the answer is `value`.
    fn wait_for(&mut self, value: usize) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        while self.call()?["value"]["return-values"] != json!([value]) {
            if Instant::now() > end {
                return Err(io::Error::other("the new code did not answer within 30 s"));
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Starts a project whose procedures return 0, ready to be applied.
fn deployable(procedures: usize, services: usize, servers: usize) -> io::Result<Project> {
    let project = Project::start(&init(procedures, services, servers), servers)?;
    for index in 0..procedures {
        project.write(&format!("p{index}.py"), &source(index, 0))?;
    }
    Ok(project)
}

fn init(procedures: usize, services: usize, servers: usize) -> String {
    let mut init = String::from("network:\n  servers:\n");
    // Writing into a string does not fail.
    for server in 1..=servers {
        let _ = writeln!(
            init,
            "    server{server}: {{ ip: 127.0.0.1, port: {server} }}"
        );
    }
    init += "  clients:\n    client1: { ip: 127.0.0.1 }\nservices:\n";
    for service in 0..services {
        let provider = service % servers + 1;
        let _ = writeln!(
            init,
            "  s{service}:\n    provider: server{provider}\n    tenants: [client1]\n    rpcs:"
        );
        for index in (service..procedures).step_by(services) {
            let _ = writeln!(
                init,
                "      - {{ name: p{index}, returns: int, path: p{index}.py }}"
            );
        }
    }
    init
}

fn source(index: usize, value: usize) -> String {
    format!("def p{index}() -> int:\n    return {value}\n")
}

fn seconds(work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Returns the median of [`ROUNDS`] rounds.
fn rounds(mut round: impl FnMut(usize) -> io::Result<f64>) -> io::Result<f64> {
    (0..ROUNDS)
        .map(&mut round)
        .collect::<io::Result<Vec<_>>>()
        .map(median)
}
