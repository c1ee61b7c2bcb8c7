//! What deployment costs: a plan with nothing to do, and the time from a commit to the new code answering.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use crate::median;
use crate::project::Project;

const PROCEDURES: usize = 2000;
const SERVICES: usize = 40;
const ROUNDS: usize = 5;

pub fn measure() -> io::Result<()> {
    let project = Project::start(&init(), 2)?;
    for index in 0..PROCEDURES {
        project.write(&format!("p{index}.py"), &source(index, 0))?;
    }
    let apply = seconds(|| project.initializer("apply", 0))?;
    let mut plans = Vec::new();
    for _ in 0..ROUNDS {
        plans.push(seconds(|| project.initializer("plan", 0))?);
    }
    println!("{PROCEDURES} procedures in {SERVICES} services on two servers:");
    println!("  first apply               {apply:>9.3} s");
    println!("  plan, nothing changed     {:>9.3} s", median(plans));
    let mut swaps = Vec::new();
    for round in 1..=ROUNDS {
        project.write("p0.py", &source(0, round))?;
        swaps.push(commit_to_answer(&project, round)?);
    }
    println!("  commit to new code        {:>9.1} ms", median(swaps) * 1000.0);
    Ok(())
}

/// An apply by hand up to its commit, so that the commit alone is timed.
fn commit_to_answer(project: &Project, round: usize) -> io::Result<f64> {
    let mut session = Session(TcpStream::connect(project.address(1))?);
    let status = session.ask(&json!({ "header": "INIT-STATUS", "value": {} }))?;
    let mut manifest = status["manifest"].clone();
    let content = source(0, round);
    let sha256 = rpc_runtime::deploy::sha256_hex(content.as_bytes());
    manifest["services"]["s0"]["rpcs"][0]["source"]["sha256"] = sha256.clone().into();
    let txn = format!("round {round}");
    session.ask(&json!({ "header": "INIT-BEGIN", "value": {
        "txn": txn, "holder": "load", "lease-ms": 60_000, "expected": status["live"], "manifest": manifest,
    }}))?;
    session.ask(&json!({ "header": "INIT-PUT", "value": { "txn": txn, "files": [
        { "sha256": sha256, "size": content.len(), "zstd": packed(&content)? },
    ]}}))?;
    session.ask(&json!({ "header": "INIT-PREPARE", "value": { "txn": txn } }))?;
    let begin = Instant::now();
    session.ask(&json!({ "header": "INIT-COMMIT", "value": { "txn": txn } }))?;
    let answer = session.exchange(&json!({ "header": "RPC-REQ", "value": {
        "id": round, "service": "s0", "rpc": "p0", "arguments": [], "argument-types": [],
    }}))?;
    let took = begin.elapsed().as_secs_f64();
    if answer["value"]["return-values"] == json!([round]) {
        return Ok(took);
    }
    Err(io::Error::other(answer.to_string()))
}

fn packed(content: &str) -> io::Result<String> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.encode(zstd::bulk::compress(content.as_bytes(), 3)?))
}

/// A framed session for messages one after the other.
struct Session(TcpStream);

impl Session {
    fn exchange(&mut self, message: &Value) -> io::Result<Value> {
        let message = message.to_string();
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        self.0.write_all(&[&length.to_be_bytes(), message.as_bytes()].concat())?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }

    fn ask(&mut self, message: &Value) -> io::Result<Value> {
        let mut answer = self.exchange(message)?;
        match answer["header"].as_str() {
            Some("INIT-RES") => Ok(answer["value"]["result"].take()),
            _ => Err(io::Error::other(answer.to_string())),
        }
    }
}

fn init() -> String {
    let mut init = String::from(
        "network:\n  servers:\n    server1: { ip: 127.0.0.1, port: 1 }\n    server2: { ip: 127.0.0.1, port: 2 }\n  \
         clients:\n    client1: { ip: 127.0.0.1 }\nservices:\n",
    );
    for service in 0..SERVICES {
        let provider = service % 2 + 1;
        // Writing into a string does not fail.
        let _ = writeln!(
            init,
            "  s{service}:\n    provider: server{provider}\n    tenants: [client1]\n    rpcs:"
        );
        for index in (service..PROCEDURES).step_by(SERVICES) {
            let _ = writeln!(init, "      - {{ name: p{index}, returns: int, path: p{index}.py }}");
        }
    }
    init
}

fn source(index: usize, round: usize) -> String {
    format!("def p{index}() -> int:\n    return {round}\n")
}

fn seconds(work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}
