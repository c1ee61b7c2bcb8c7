//! The peers from Python: which interpreter, which versions, which command lines.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::job::Job;
use crate::process::CommandLine;

/// Names the interpreter that has the peers' modules.
pub const INTERPRETER_VARIABLE: &str = "RPC_BENCH_PYTHON";

/// The interpreter.
pub fn interpreter() -> String {
    let said = std::env::var(INTERPRETER_VARIABLE)
        .ok()
        .filter(|said| !said.is_empty());
    said.unwrap_or_else(|| "python3".to_owned())
}

/// The version of an installed distribution; `None` where it is missing.
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

/// How a script serves.
pub fn serve(script: &str) -> CommandLine {
    vec![interpreter().into(), path(script).into(), "serve".into()]
}

/// How a script carries out a job.
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
