//! The story, act by act.

use std::path::Path;
use std::process::{ExitCode, Output};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rpc_runtime::topology::StaticServer;

use crate::native_stubs;
use crate::processes::{Part, Stage};
use crate::stubs::TOPOLOGY;
use crate::swap;

/// Tells the story; the exit code says whether it went as it should.
pub fn tell() -> ExitCode {
    let begin = Instant::now();
    match acts() {
        Ok(()) => {
            println!(
                "\nThat is all, in {:.1} s. Nothing is left running or lying about.",
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

fn acts() -> anyhow::Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stage = Stage::set(&project)?;
    let (servers, clients, services) = (
        TOPOLOGY.servers().len(),
        TOPOLOGY.clients().len(),
        TOPOLOGY.services().len(),
    );
    title(&format!(
        "init.yaml declares {servers} servers, {clients} clients and {services} services. The servers start:"
    ));
    let mut running = start_servers(&mut stage, "rpc-server", TOPOLOGY.servers())?;

    title(
        "The initializer compares the file with what is live, and brings the code to the servers:",
    );
    plan_and_apply(&stage)?;

    title("client1 calls through the generated stubs; the argument types choose the overload:");
    relay(&stage, "calls", "client1, from 127.0.0.1")?;

    title("What goes wrong has a name, and says whether the procedure ran:");
    relay(&stage, "exceptions", "client1 and client2")?;

    title("A procedure is swapped while it is being called:");
    swap::edit_and_apply(&stage)?
        .iter()
        .for_each(|line| say(line));

    title("The same apply again:");
    let (_, again) = initializer(&stage, &["apply", "init.yaml"], 0)?;
    say(again.lines().last().context("a summary")?);

    title("A third server is a program of one's own, with a service in Rust compiled in:");
    running.extend(start_servers(
        &mut stage,
        "rpc-server-with-ledger",
        native_stubs::TOPOLOGY.servers(),
    )?);
    let (pid, applied) = initializer(&stage, &["apply", "native.yaml"], 0)?;
    say(&format!(
        "initializer (process {pid}): {}",
        applied.lines().last().context("a summary")?
    ));
    relay(&stage, "ledger", "client1")?;

    title("The servers are told to stop:");
    stop_servers(running)
}

fn start_servers(
    stage: &mut Stage,
    program: &str,
    servers: &'static [StaticServer],
) -> anyhow::Result<Vec<(&'static str, Part)>> {
    let mut running = Vec::new();
    for server in servers {
        let declared = server.address().to_string();
        let part = stage.start_server(program, server.name(), &declared)?;
        let address = stage.address(server.name());
        let taken = if address == declared {
            ""
        } else {
            ", since the declared port is taken"
        };
        say(&format!(
            "{} listens on {address} (process {}){taken}",
            server.name(),
            part.pid()
        ));
        running.push((server.name(), part));
    }
    Ok(running)
}

fn plan_and_apply(stage: &Stage) -> anyhow::Result<()> {
    let (pid, plan) = initializer(stage, &["plan", "init.yaml"], 3)?;
    say(&format!("initializer plan (process {pid}):"));
    let is_overview = |line: &&str| !line.starts_with("        ");
    plan.lines()
        .filter(is_overview)
        .for_each(|line| say(&format!("  {line}")));
    let (pid, applied) = initializer(stage, &["apply", "init.yaml"], 0)?;
    say(&format!("initializer apply (process {pid}):"));
    let news = applied
        .lines()
        .skip_while(|line| !line.starts_with("plan:"))
        .skip(1);
    news.for_each(|line| say(&format!("  {line}")));
    Ok(())
}

/// Runs `initializer`; the answer is its process id and what it printed.
fn initializer(stage: &Stage, arguments: &[&str], expected: i32) -> anyhow::Result<(u32, String)> {
    let (pid, output) = stage.run("initializer", arguments)?;
    ensure!(
        output.status.code() == Some(expected),
        "initializer {}: {}",
        arguments.join(" "),
        words(&output)
    );
    Ok((pid, String::from_utf8(output.stdout)?))
}

/// Runs a client's part and shows what it prints.
fn relay(stage: &Stage, part: &str, who: &str) -> anyhow::Result<()> {
    let (pid, output) = stage.run(part, &[])?;
    say(&format!("process {pid} ({who}):"));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .for_each(|line| say(&format!("  {line}")));
    ensure!(output.status.success(), "process {pid}: {}", words(&output));
    Ok(())
}

fn stop_servers(running: Vec<(&'static str, Part)>) -> anyhow::Result<()> {
    for (_, server) in &running {
        server.terminate()?;
    }
    for (name, mut server) in running {
        let status = server.wait()?;
        say(&format!(
            "{name} finished what was in flight and ended: {status}"
        ));
        ensure!(status.success(), "{name} did not end well");
    }
    Ok(())
}

fn words(output: &Output) -> String {
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
