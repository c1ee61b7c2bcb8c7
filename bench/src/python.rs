//! The peers in Python: their interpreter, their versions and their command lines.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::job::Job;
use crate::process::CommandLine;

/// Environment variable that names the interpreter with the peers' packages.
pub const INTERPRETER_VARIABLE: &str = "RPC_BENCH_PYTHON";

/// Returns the interpreter of the peers.
pub fn interpreter() -> String {
    let named = std::env::var(INTERPRETER_VARIABLE)
        .ok()
        .filter(|named| !named.is_empty());
    named.unwrap_or_else(|| "python3".to_owned())
}

/// Returns the version of an installed package, or `None` if it is missing.
pub fn version(package: &str) -> Option<String> {
    let program = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))";
    let output = Command::new(interpreter())
        .args(["-c", program, package])
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the command line with which a script serves.
pub fn serve(script: &str) -> CommandLine {
    vec![interpreter().into(), path(script).into(), "serve".into()]
}

/// Returns the command line with which a script carries out a job.
pub fn measure(script: &str, job: &Job) -> Result<CommandLine> {
    let job = serde_json::to_string(job)?;
    Ok(vec![
        interpreter().into(),
        path(script).into(),
        "measure".into(),
        job.into(),
    ])
}

fn path(script: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("python")
        .join(script)
}
