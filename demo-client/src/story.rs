//! The demo, step by step.

use std::path::Path;
use std::process::{ExitCode, Output};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rpc_runtime::topology::StaticServer;

use crate::native_stubs;
use crate::processes::{Part, Workspace};
use crate::stubs::TOPOLOGY;
use crate::swap;

/// Runs the demo. The exit code is 0 if every step succeeded.
pub fn run() -> ExitCode {
    let begin = Instant::now();
    match run_steps() {
        Ok(()) => {
            println!(
                "\nThe demo took {:.1} s. All its processes and files are removed.",
                begin.elapsed().as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_steps() -> anyhow::Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut workspace = Workspace::create(&project)?;
    let servers = TOPOLOGY.servers().len();
    let clients = TOPOLOGY.clients().len();
    let services = TOPOLOGY.services().len();
    title(&format!(
        "init.yaml declares {servers} servers, {clients} clients and {services} services. The servers start:"
    ));
    let mut running = start_servers(&mut workspace, "rpc-server", TOPOLOGY.servers())?;

    title("The initializer compares the file with the servers, and sends them the code:");
    plan_and_apply(&workspace)?;

    title("client1 calls through the generated stubs; the argument types choose the overload:");
    run_client(&workspace, "calls", "client1, from 127.0.0.1")?;

    title("Every failure has a name, and says whether the procedure ran:");
    run_client(&workspace, "exceptions", "client1 and client2")?;

    title("The code of a procedure changes while it is called:");
    swap::edit_and_apply(&workspace)?
        .iter()
        .for_each(|line| say(line));

    title("The same apply again:");
    let (_, again) = initializer(&workspace, &["apply", "init.yaml"], 0)?;
    say(again.lines().last().context("a summary")?);

    title("A third server is a program with a service in Rust compiled in:");
    running.extend(start_servers(
        &mut workspace,
        "rpc-server-with-ledger",
        native_stubs::TOPOLOGY.servers(),
    )?);
    let (pid, applied) = initializer(&workspace, &["apply", "native.yaml"], 0)?;
    say(&format!(
        "initializer (process {pid}): {}",
        applied.lines().last().context("a summary")?
    ));
    run_client(&workspace, "ledger", "client1")?;

    title("The servers stop:");
    stop_servers(running)
}

fn start_servers(
    workspace: &mut Workspace,
    program: &str,
    servers: &'static [StaticServer],
) -> anyhow::Result<Vec<(&'static str, Part)>> {
    let mut running = Vec::new();
    for server in servers {
        let declared = server.address().to_string();
        let part = workspace.start_server(program, server.name(), &declared)?;
        let address = workspace.address(server.name());
        let reason = if address == declared {
            ""
        } else {
            ", because the declared port is taken"
        };
        say(&format!(
            "{} listens on {address} (process {}){reason}",
            server.name(),
            part.pid()
        ));
        running.push((server.name(), part));
    }
    Ok(running)
}

fn plan_and_apply(workspace: &Workspace) -> anyhow::Result<()> {
    let (pid, plan) = initializer(workspace, &["plan", "init.yaml"], 3)?;
    say(&format!("initializer plan (process {pid}):"));
    let is_overview = |line: &&str| !line.starts_with("        ");
    plan.lines()
        .filter(is_overview)
        .for_each(|line| say(&format!("  {line}")));
    let (pid, applied) = initializer(workspace, &["apply", "init.yaml"], 0)?;
    say(&format!("initializer apply (process {pid}):"));
    let results = applied
        .lines()
        .skip_while(|line| !line.starts_with("plan:"))
        .skip(1);
    results.for_each(|line| say(&format!("  {line}")));
    Ok(())
}

/// Runs `initializer`, which must end with the expected exit code. Returns its process id and its
/// output.
fn initializer(
    workspace: &Workspace,
    arguments: &[&str],
    expected: i32,
) -> anyhow::Result<(u32, String)> {
    let (pid, output) = workspace.run("initializer", arguments)?;
    ensure!(
        output.status.code() == Some(expected),
        "initializer {}: {}",
        arguments.join(" "),
        status_and_errors(&output)
    );
    Ok((pid, String::from_utf8(output.stdout)?))
}

/// Runs a client and prints its output.
fn run_client(workspace: &Workspace, part: &str, client: &str) -> anyhow::Result<()> {
    let (pid, output) = workspace.run(part, &[])?;
    say(&format!("process {pid} ({client}):"));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .for_each(|line| say(&format!("  {line}")));
    ensure!(
        output.status.success(),
        "process {pid}: {}",
        status_and_errors(&output)
    );
    Ok(())
}

fn stop_servers(running: Vec<(&'static str, Part)>) -> anyhow::Result<()> {
    for (_, server) in &running {
        server.terminate()?;
    }
    for (name, mut server) in running {
        let status = server.wait()?;
        say(&format!(
            "{name} finished the calls in flight and ended: {status}"
        ));
        ensure!(status.success(), "{name} ended with {status}");
    }
    Ok(())
}

fn status_and_errors(output: &Output) -> String {
    format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    )
}

fn title(text: &str) {
    println!("\n{text}");
}

fn say(line: &str) {
    println!("  {line}");
}
