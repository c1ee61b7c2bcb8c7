//! Changes the code of a procedure while a client calls it.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail, ensure};
use rpc_runtime::Network;

use crate::processes::Workspace;
use crate::stubs::{TOPOLOGY, calculator};

const OLD: &str = "Hello, ";
const NEW: &str = "Good day, ";

/// Number of answers of the new code after which the client reports the change.
const CALLS_AFTER: u64 = 500;

/// Calls in a loop until stdin ends: this is the client's process. Prints `called` after the first
/// answer, `swapped` after [`CALLS_AFTER`] answers of the new code, and the counts at the end.
pub fn call_in_a_loop() -> anyhow::Result<()> {
    let client = calculator::Client::new(&Network::builder(&TOPOLOGY).client("client2").build()?);
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    std::thread::spawn(move || {
        // An error ends the input, too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        end.store(true, Ordering::Relaxed);
    });
    let mut old = 0_u64;
    let mut new = 0_u64;
    let mut lost = 0_u64;
    while !ended.load(Ordering::Relaxed) {
        match client.greet("Ada".to_owned()) {
            Ok(answer) if answer.starts_with(OLD) => {
                ensure!(new == 0, "the old code answered after the new: {answer}");
                old += 1;
            }
            Ok(answer) if answer.starts_with(NEW) => new += 1,
            Ok(answer) => bail!("neither the old nor the new code returns `{answer}`"),
            Err(error) => {
                eprintln!("{error}");
                lost += 1;
            }
        }
        if old + new == 1 {
            println!("called");
        }
        if new == CALLS_AFTER {
            println!("swapped");
        }
    }
    println!("{old} calls answered by the old code, then {new} by the new; {lost} lost");
    ensure!(lost == 0, "{lost} calls were lost");
    Ok(())
}

/// Edits the source and applies it, while the client calls: this is the demo's process. Returns a
/// description of what happened, in lines.
pub fn edit_and_apply(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let mut client = workspace.start("loop", &[])?;
    let mut lines = vec![format!(
        "client2 (process {}) calls calculator::greet(\"Ada\") in a loop",
        client.pid()
    )];
    ensure!(
        client.next_line()?.as_deref() == Some("called"),
        "the calls did not begin: {}",
        workspace.log()
    );
    let source = workspace.folder().join("services/calculator/greet.py");
    let text = std::fs::read_to_string(&source)?;
    ensure!(text.contains(OLD), "greet.py does not contain `{OLD}`");
    std::fs::write(&source, text.replace(OLD, NEW))?;
    lines.push(format!(
        "services/calculator/greet.py is edited: `{OLD}` becomes `{NEW}`"
    ));
    let (pid, applied) = workspace.run("initializer", &["apply", "init.yaml"])?;
    ensure!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let applied = String::from_utf8(applied.stdout)?;
    let summary = applied.lines().last().context("a summary")?;
    lines.push(format!("initializer (process {pid}): {summary}"));
    ensure!(
        client.next_line()?.as_deref() == Some("swapped"),
        "the new code did not answer: {}",
        workspace.log()
    );
    client.close_input();
    lines.push(client.next_line()?.with_context(|| workspace.log())?);
    ensure!(
        client.wait()?.success(),
        "the calls failed: {}",
        workspace.log()
    );
    Ok(lines)
}
