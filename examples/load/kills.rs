//! Kills servers and initializers at random moments of an apply. Afterwards, each server must run
//! the old or the new generation, and the next apply must succeed.

use std::io;
use std::process::Stdio;
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

/// Kills `server2` and the initializer in turn, `kills` times in all.
pub fn measure(kills: u64) -> io::Result<()> {
    let mut project = Project::start(INIT, 2)?;
    write(&project, 0)?;
    let begin = Instant::now();
    project.initializer("apply", 0)?;
    let longest = begin.elapsed();
    let mut random = fastrand::Rng::with_seed(1);
    let mut failed = 0;
    let mut slowest = Duration::ZERO;
    for kill in 1..=kills {
        write(&project, kill)?;
        let mut applying = project
            .command("apply")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        // Every run has the same fractions of the apply's duration.
        std::thread::park_timeout(longest.mul_f64(random.f64()));
        if kill % 2 == 0 {
            applying.kill()?;
        } else {
            let begin = Instant::now();
            project.restart(2)?;
            slowest = slowest.max(begin.elapsed());
        }
        let ended = applying.wait_with_output()?;
        failed += u64::from(!ended.status.success());
        for server in 1..=2 {
            let value = project.value(server)?;
            if value != kill && value != kill - 1 {
                return Err(io::Error::other(format!(
                    "kill {kill}: server{server} returns {value}, neither the old nor the new value"
                )));
            }
            project.abort(server)?;
        }
        project.initializer("apply", 0)?;
        if [project.value(1)?, project.value(2)?] != [kill; 2] {
            return Err(io::Error::other(format!(
                "kill {kill}: the servers do not have the new value after the next apply"
            )));
        }
    }
    println!(
        "{kills} kills, {failed} of them before the end of the apply; each server ran the old or the new generation,"
    );
    println!(
        "and each next apply succeeded; a killed server restarted in at most {:.2} s",
        slowest.as_secs_f64()
    );
    Ok(())
}

fn write(project: &Project, value: u64) -> io::Result<()> {
    for name in ["one.py", "two.py"] {
        project.write(name, &format!("def value() -> int:\n    return {value}\n"))?;
    }
    Ok(())
}

impl Project {
    fn value(&self, server: usize) -> io::Result<u64> {
        let request = serde_json::json!({ "header": "RPC-REQ", "value": {
            "id": 1, "service": format!("svc{server}"), "rpc": "value", "arguments": [], "argument-types": [],
        }});
        let answer = self.ask(server, &request)?;
        answer["value"]["return-values"][0]
            .as_u64()
            .ok_or_else(|| io::Error::other(answer.to_string()))
    }

    /// Aborts the apply of a killed initializer, as the end of its lease would.
    fn abort(&self, server: usize) -> io::Result<()> {
        let ask = |header: &str, mut value: Value| {
            value["id"] = 1.into();
            self.ask(
                server,
                &serde_json::json!({ "header": header, "value": value }),
            )
        };
        let status = ask("INIT-STATUS", serde_json::json!({}))?;
        let txn = status["value"]["result"]["under-way"]
            .as_str()
            .and_then(|words| words.split(' ').nth(1));
        if let Some(txn) = txn {
            ask("INIT-ABORT", serde_json::json!({ "txn": txn }))?;
        }
        Ok(())
    }
}
