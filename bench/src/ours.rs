//! This repository's server and clients, through the stubs that `build.rs` generates from `init.yaml`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rpc_runtime::initializer::{Initializer, InitializerOptions};
use rpc_runtime::server::log::{self, LogFormat};
use rpc_runtime::server::{Limits, Server, ServerOptions};
use tokio::runtime::Builder;

use crate::calls::{check_echo, check_sum};
use crate::contestant::Flavour;
use crate::job::{Job, Measured};
use crate::meter::{Meter, Window};
use crate::process::LISTENING;
use crate::usage::Process;
use crate::work::Work::{self, Add1, Bytes, Connect, Doubles, Idle, Python, Strings1};
use crate::work::{Payload, Procedure};

mod stubs {
    rpc_runtime::include_stubs!();
}

use stubs::bench;

/// What the blocking client takes part in.
pub const BLOCKING_WORKS: &[Work] = &[Add1, Strings1, Bytes, Doubles, Connect, Idle];

/// What the asynchronous client takes part in.
pub const ASYNC_WORKS: &[Work] = &[];

/// Serves the procedures of `init.yaml` by handlers written in Rust.
pub fn serve_native(flavour: Flavour) -> Result<()> {
    serve_python(flavour)
}

/// Serves the procedures of `init.yaml` by the Python files that it names.
pub fn serve_python(flavour: Flavour) -> Result<()> {
    let data = tempfile::tempdir()?;
    let log = log::start(tracing::Level::INFO, LogFormat::Text, Box::new(std::io::stderr()))?;
    let mut builder = match flavour {
        Flavour::CurrentThread => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()?.block_on(async {
        let server = Server::start(ServerOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            data: data.path().to_owned(),
            insecure: false,
            deploy_key: None,
            python: "python3".to_owned(),
            limits: Limits::default(),
        })
        .await?;
        let address = server.local_addr()?;
        let deployed = async {
            let deployed = deploy(address).await;
            if deployed.is_ok() {
                println!("{LISTENING}{address}");
                std::future::pending::<()>().await;
            }
            deployed
        };
        tokio::select! {
            failed = deployed => failed,
            _ = server.run(std::future::pending()) => bail!("the server ended"),
        }
    })?;
    drop(log);
    Ok(())
}

async fn deploy(address: SocketAddr) -> Result<()> {
    let options = InitializerOptions {
        servers: [("server1".to_owned(), address)].into(),
        deploy_key: None,
        timeout: Duration::from_secs(20),
        retire: false,
        python: None,
    };
    let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("init.yaml");
    let applied = Initializer::plan(&init, options).await?.apply().await?;
    if applied.complete { Ok(()) } else { bail!("init.yaml was not applied: {applied:?}") }
}

/// Carries out a job by the asynchronous client.
pub fn measure_async(job: &Job) -> Result<Measured> {
    bail!("there is no asynchronous client for `{}`", job.work.name())
}

/// Carries out a job by the blocking client.
pub fn measure_blocking(job: &Job) -> Result<Measured> {
    match job.work {
        Connect => connect_call_close(job),
        Idle => idle_sessions(job),
        Add1 | Python | Strings1 | Bytes | Doubles => one_in_flight(job),
        other => bail!("the blocking client takes no part in `{}`", other.name()),
    }
}

fn connect(address: SocketAddr) -> Result<bench::Client> {
    let network = rpc_runtime::Network::builder(&stubs::TOPOLOGY)
        .client("client1")
        .server("server1", address.to_string())
        .build()?;
    Ok(bench::Client::new(&network))
}

fn one_in_flight(job: &Job) -> Result<Measured> {
    let (client, payload) = (connect(job.address)?, Payload::of(job.work.procedure()));
    check_sum(0, client.add(0, 7)?)?;
    let (mut meter, mut turn) = (Meter::start(job), 0);
    while meter.goes_on() {
        turn += 1;
        call(&client, job.work.procedure(), &payload, turn)?;
    }
    Ok(meter.finish())
}

fn call(client: &bench::Client, procedure: Procedure, payload: &Payload, turn: i64) -> Result<()> {
    match procedure {
        Procedure::Add => check_sum(turn, client.add(turn, 7)?),
        Procedure::Strings => check_echo(client.strings(payload.strings.clone())? == payload.strings),
        Procedure::Bytes => check_echo(*client.data(payload.bytes.to_vec())? == *payload.bytes),
        Procedure::Doubles => check_echo(client.doubles(payload.doubles.clone())? == payload.doubles),
    }
}

fn connect_call_close(job: &Job) -> Result<Measured> {
    let (mut meter, mut turn) = (Meter::start(job), 0);
    while meter.goes_on() {
        turn += 1;
        check_sum(turn, connect(job.address)?.add(turn, 7)?)?;
    }
    Ok(meter.finish())
}

fn idle_sessions(job: &Job) -> Result<Measured> {
    check_sum(0, connect(job.address)?.add(0, 7)?).context("the first call")?;
    let server = Process::new(job.server);
    let window = Window::open(server, server.resident_kib());
    let mut sessions = Vec::new();
    for turn in 0..i64::try_from(job.calls)? {
        let client = connect(job.address)?;
        check_sum(turn, client.add(turn, 7)?)?;
        sessions.push(client);
    }
    Ok(window.close(job.calls))
}
