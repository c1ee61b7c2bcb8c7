//! This repository's server and clients, through the stubs that `build.rs` generates from
//! `init.yaml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rpc_runtime::initializer::{Initializer, InitializerOptions};
use rpc_runtime::server::log::{self, LogFormat};
use rpc_runtime::server::{Server, ServerOptions};
use rpc_runtime::tls::ClientFolder;
use rpc_runtime::{Call, Failure, NativeService, Network};
use tokio::runtime::Builder;

use crate::calls::{self, Calls, check_echo, check_sum};
use crate::certificates;
use crate::flavour::Flavour;
use crate::job::{Job, Measured};
use crate::meter::{Meter, Window};
use crate::process::LISTENING;
use crate::usage::Process;
use crate::work::Work::{
    self, Add1, Add8x16, Add64, Bytes, Connect, Doubles, Growth, Idle, Python, Strings1, Strings64,
};
use crate::work::{Payload, Procedure};

/// The stubs of `init.yaml`, whose procedures are written in Python.
mod stubs {
    rpc_runtime::include_stubs!();
}

/// The stubs of `native.yaml`, whose procedures are the handlers below.
mod native {
    rpc_runtime::include_stubs!("native_stubs.rs");
}

use native::bench as echoes;
use stubs::bench;

/// The works of the blocking client.
pub const BLOCKING_WORKS: &[Work] = &[Add1, Strings1, Bytes, Doubles, Connect, Idle];

/// The works of the asynchronous client.
pub const ASYNC_WORKS: &[Work] = &[
    Add1, Add64, Add8x16, Strings1, Strings64, Bytes, Doubles, Connect, Idle, Growth,
];

/// The works of the blocking client over TLS.
pub const TLS_BLOCKING_WORKS: &[Work] = &[Add1, Strings1, Bytes, Doubles, Connect, Idle];

/// The works of the asynchronous client over TLS.
pub const TLS_ASYNC_WORKS: &[Work] = &[Add1, Add64, Add8x16, Strings64, Bytes, Connect];

/// The certificate with which this process calls, if it calls over TLS.
static CERTIFICATE: OnceLock<Arc<ClientFolder>> = OnceLock::new();

/// The handlers in Rust.
struct Echoes;

impl echoes::Handler for Echoes {
    async fn add(&self, _: &Call, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a.wrapping_add(b))
    }

    async fn strings(&self, _: &Call, values: Vec<String>) -> Result<Vec<String>, Failure> {
        Ok(values)
    }

    async fn data(&self, _: &Call, values: Vec<u8>) -> Result<Vec<u8>, Failure> {
        Ok(values)
    }

    async fn doubles(&self, _: &Call, values: Vec<f64>) -> Result<Vec<f64>, Failure> {
        Ok(values)
    }
}

/// Serves with handlers in Rust.
pub fn serve_native(flavour: Flavour) -> Result<()> {
    serve(flavour, "native.yaml", vec![echoes::serve(Echoes)], None)
}

/// Serves with handlers in Rust over TLS. Makes the certificates of the network in the folder of
/// temporary files.
pub fn serve_tls(flavour: Flavour) -> Result<()> {
    let folder = certificates::make(&std::env::temp_dir())?;
    serve(
        flavour,
        "native.yaml",
        vec![echoes::serve(Echoes)],
        Some(&folder),
    )
}

/// Serves with the Python files that `init.yaml` names.
pub fn serve_python(flavour: Flavour) -> Result<()> {
    serve(flavour, "init.yaml", Vec::new(), None)
}

fn serve(
    flavour: Flavour,
    init: &str,
    native: Vec<NativeService>,
    tls: Option<&Path>,
) -> Result<()> {
    let data = tempfile::tempdir()?;
    let log = log::start(
        tracing::Level::INFO,
        LogFormat::Text,
        Box::new(std::io::stderr()),
    )?;
    let mut builder = match flavour {
        Flavour::CurrentThread => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()?.block_on(async {
        let listen = ([127, 0, 0, 1], 0).into();
        let keys = data.path().join("keys");
        let mut options = ServerOptions::new(listen, data.path().join("data"));
        options.native = native;
        options.key_folder = Some(keys.clone());
        options.tls = tls.map(certificates::of_server);
        // All sessions of a measurement come from one address.
        options.limits.address_connections = options.limits.connections;
        let server = Server::start(options).await?;
        let address = server.local_addr()?;
        let deployed = async {
            let deployed = deploy(address, init, keys, tls).await;
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

async fn deploy(address: SocketAddr, init: &str, keys: PathBuf, tls: Option<&Path>) -> Result<()> {
    let mut options = InitializerOptions::default();
    options.servers = [("server1".to_owned(), address)].into();
    options.timeout = Duration::from_secs(20);
    options.key_folder = Some(keys);
    if let Some(folder) = tls {
        let deployer = ClientFolder::open(&certificates::of_deployer(folder))?;
        options.tls = Some(Arc::new(deployer));
    }
    let init = Path::new(env!("CARGO_MANIFEST_DIR")).join(init);
    let applied = Initializer::plan(&init, options).await?.apply().await?;
    if applied.complete {
        Ok(())
    } else {
        bail!("the apply failed: {applied:?}")
    }
}

/// Carries out a job with the asynchronous client over TLS.
pub fn measure_tls_async(job: &Job) -> Result<Measured> {
    take_certificate(job)?;
    measure_async(job)
}

/// Carries out a job with the blocking client over TLS.
pub fn measure_tls_blocking(job: &Job) -> Result<Measured> {
    take_certificate(job)?;
    measure_blocking(job)
}

/// Makes this process call over TLS, with the certificate that the server has made for it.
fn take_certificate(job: &Job) -> Result<()> {
    let folder = ClientFolder::open(&certificates::of_client(&job.scratch))?;
    CERTIFICATE.get_or_init(|| Arc::new(folder));
    Ok(())
}

/// Carries out a job with the asynchronous client.
pub fn measure_async(job: &Job) -> Result<Measured> {
    calls::measure::<AsyncClient>(job)
}

/// The asynchronous client, with its own network and session.
#[derive(Clone)]
struct AsyncClient(bench::AsyncClient);

impl Calls for AsyncClient {
    async fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self(bench::AsyncClient::new(&network(address)?)))
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(self.0.add(a, b).await?)
    }

    async fn strings(&self, payload: &Payload) -> Result<()> {
        check_echo(self.0.strings(payload.strings.clone()).await? == payload.strings)
    }

    async fn bytes(&self, payload: &Payload) -> Result<()> {
        check_echo(*self.0.data(payload.bytes.to_vec()).await? == *payload.bytes)
    }

    async fn doubles(&self, payload: &Payload) -> Result<()> {
        check_echo(self.0.doubles(payload.doubles.clone()).await? == payload.doubles)
    }
}

/// Carries out a job with the blocking client.
pub fn measure_blocking(job: &Job) -> Result<Measured> {
    match job.work {
        Connect => connect_call_close(job),
        Idle => idle_sessions(job),
        Add1 | Python | Strings1 | Bytes | Doubles => one_in_flight(job),
        other => bail!(
            "the blocking client does not have the work `{}`",
            other.name()
        ),
    }
}

fn network(address: SocketAddr) -> Result<Network> {
    let mut builder = Network::builder(&stubs::TOPOLOGY)
        .client("client1")
        .server("server1", address.to_string())
        .sessions(1);
    if let Some(certificate) = CERTIFICATE.get() {
        builder = builder.tls_shared(Arc::clone(certificate));
    }
    Ok(builder.build()?)
}

fn connect(address: SocketAddr) -> Result<bench::Client> {
    Ok(bench::Client::new(&network(address)?))
}

fn one_in_flight(job: &Job) -> Result<Measured> {
    let client = connect(job.address)?;
    let payload = Payload::of(job.work.procedure());
    check_sum(0, client.add(0, 7)?)?;
    let mut reused = ReusedValues {
        bytes: payload.bytes.to_vec(),
        doubles: payload.doubles.clone(),
    };
    let mut meter = Meter::start(job);
    let mut turn = 0;
    while meter.should_continue() {
        turn += 1;
        call(&client, job.work.procedure(), &payload, &mut reused, turn)?;
    }
    Ok(meter.finish())
}

/// Echoed values. After the comparison, the next call sends them again, without a copy.
struct ReusedValues {
    bytes: Vec<u8>,
    doubles: Vec<f64>,
}

fn call(
    client: &bench::Client,
    procedure: Procedure,
    payload: &Payload,
    reused: &mut ReusedValues,
    turn: i64,
) -> Result<()> {
    let ReusedValues { bytes, doubles } = reused;
    match procedure {
        Procedure::Add => check_sum(turn, client.add(turn, 7)?),
        Procedure::Strings => {
            check_echo(client.strings(payload.strings.clone())? == payload.strings)
        }
        Procedure::Bytes => {
            *bytes = client.data(std::mem::take(bytes))?;
            check_echo(**bytes == *payload.bytes)
        }
        Procedure::Doubles => {
            *doubles = client.doubles(std::mem::take(doubles))?;
            check_echo(*doubles == payload.doubles)
        }
    }
}

fn connect_call_close(job: &Job) -> Result<Measured> {
    let mut meter = Meter::start(job);
    let mut turn = 0;
    while meter.should_continue() {
        turn += 1;
        check_sum(turn, connect(job.address)?.add(turn, 7)?)?;
    }
    Ok(meter.finish())
}

fn idle_sessions(job: &Job) -> Result<Measured> {
    check_sum(0, connect(job.address)?.add(0, 7)?).context("the first call failed")?;
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
