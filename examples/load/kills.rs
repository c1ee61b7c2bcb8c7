//! Kills servers and initializers at random moments of an apply, while callers call. Afterwards, each
//! server must run the new generation if the apply said so, otherwise the old or the new one, and the
//! next apply must succeed.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::Project;

const INIT: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
    server2: { ip: 127.0.0.1, port: 2 }
  clients:
    client1: { ip: 127.0.0.1 }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: value, returns: int, path: one.py }
  svc2:
    provider: server2
    tenants: [client1]
    rpcs:
      - { name: value, returns: int, path: two.py }
";

/// Maximum time of a call, and of an attempt to connect.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause of a caller that is not served.
const PAUSE: Duration = Duration::from_millis(5);

/// Pause of a caller after an answer. Without it, the callers would take most of the time of both
/// servers and of the initializer, and a round would take longer.
const PACE: Duration = Duration::from_millis(1);

/// How often the state of the run is printed.
const REPORTED: u64 = 100;

/// Callers that call both servers without end, one call in flight each.
struct Load {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(project: &Project) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let callers = (1..=2).map(|server| {
            let address = project.address(server);
            let is_over = Arc::clone(&is_over);
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    // An error is the end of a killed server, or a start that is not complete.
                    if call_while(address, server, &is_over, &answered).is_err() {
                        std::thread::park_timeout(PAUSE);
                    }
                }
            })
        });
        Self {
            callers: callers.collect(),
            is_over,
            answered,
        }
    }

    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        for caller in self.callers {
            // A caller that panicked has said why.
            let _ = caller.join();
        }
        self.answered.load(Ordering::Relaxed)
    }
}

/// Calls over one connection until the load is over.
fn call_while(
    address: SocketAddr,
    server: usize,
    is_over: &AtomicBool,
    answered: &AtomicU64,
) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let request = format!("{}\n", request(server));
    let mut answer = String::new();
    while !is_over.load(Ordering::Relaxed) {
        stream.write_all(request.as_bytes())?;
        answer.clear();
        if answers.read_line(&mut answer)? == 0 || !answer.contains("RPC-RES") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answered.fetch_add(1, Ordering::Relaxed);
        std::thread::park_timeout(PACE);
    }
    Ok(())
}

/// Kills `server2` and the initializer in turn, `kills` times in all.
pub fn measure(kills: u64) -> io::Result<()> {
    let mut project = Project::start(INIT, 2)?;
    let measured = measure_in(&mut project, kills);
    if measured.is_err() {
        project.keep();
    }
    measured
}

fn measure_in(project: &mut Project, kills: u64) -> io::Result<()> {
    write(project, 0)?;
    project.initializer("apply", 0)?;
    let load = Load::start(project);
    let mut random = fastrand::Rng::with_seed(1);
    let mut failed = 0;
    let mut slowest = Duration::ZERO;
    // The duration of an apply: of the last one that nothing interrupted.
    let mut usual = Duration::from_millis(100);
    for kill in 1..=kills {
        write(project, kill)?;
        let mut applying = project
            .command("apply")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        // Every run has the same fractions of the apply's duration.
        std::thread::park_timeout(usual.mul_f64(random.f64()));
        if kill % 2 == 0 {
            applying.kill()?;
        } else {
            let begin = Instant::now();
            project.restart(2)?;
            project.value(2)?;
            slowest = slowest.max(begin.elapsed());
        }
        let is_applied = applying.wait_with_output()?.status.success();
        failed += u64::from(!is_applied);
        for server in 1..=2 {
            let value = project.value(server)?;
            let is_kept = value == kill || value == kill - 1 && !is_applied;
            if !is_kept {
                return Err(io::Error::other(format!(
                    "kill {kill}: server{server} returns {value}; its apply succeeded: {is_applied}"
                )));
            }
        }
        if !is_applied {
            project.unlock()?;
        }
        let begin = Instant::now();
        project.initializer("apply", 0)?;
        if !is_applied {
            usual = begin.elapsed();
        }
        if [project.value(1)?, project.value(2)?] != [kill; 2] {
            return Err(io::Error::other(format!(
                "kill {kill}: the servers do not have the new value after the next apply"
            )));
        }
        if kill % REPORTED == 0 {
            eprintln!("{kill} of {kills} kills; slowest start {slowest:.2?}");
        }
    }
    println!(
        "{kills} kills under {} answered calls, {failed} of them before the end of the apply; each server ran the",
        load.end()
    );
    println!(
        "generation that was confirmed, and each next apply succeeded; a killed server answered calls again after at most {:.2} s",
        slowest.as_secs_f64()
    );
    Ok(())
}

/// Returns a call of the server's procedure.
fn request(server: usize) -> Value {
    serde_json::json!({ "header": "RPC-REQ", "value": {
        "id": 1, "service": format!("svc{server}"), "rpc": "value", "arguments": [], "argument-types": [],
    }})
}

fn write(project: &Project, value: u64) -> io::Result<()> {
    for name in ["one.py", "two.py"] {
        project.write(name, &format!("def value() -> int:\n    return {value}\n"))?;
    }
    Ok(())
}

impl Project {
    fn value(&self, server: usize) -> io::Result<u64> {
        let answer = self.ask(server, &request(server))?;
        answer["value"]["return-values"][0]
            .as_u64()
            .ok_or_else(|| io::Error::other(answer.to_string()))
    }

    /// Breaks the leases of a killed initializer, if it has any.
    fn unlock(&self) -> io::Result<()> {
        let status = self.command("status").arg("--json").output()?;
        let status = String::from_utf8_lossy(&status.stdout);
        let lease = status
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|line| line["under-way"]["txn"].as_str().map(str::to_owned));
        let Some(txn) = lease else {
            return Ok(());
        };
        let output = self.command("unlock").arg(txn).output()?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("initializer unlock: {errors}")))
    }
}
