//! What floods cost honest callers.
//!
//! There are two honest callers: one has a binary session, the other a text session. Each has one
//! call of a Python procedure in flight. Their rates are measured three times in quick succession:
//! without an attacker, with an attacker that floods the server, and with the same attacker
//! flooding a sink. The sink reads and drops everything. So the last rate shows what the attacker
//! costs by its use of the processors alone.
//!
//! The time of 99 of 100 calls, the growth of the server's memory, and the rate from a second after
//! the attack stand in a table of their own.
//!
//! A sink accepts far more data than a server. So the attacker is held to the pace that it had at
//! the server, unless `--full-speed` is given. Each flood has a fresh server, so that no flood
//! affects the next one.

mod attacker;
mod certs;
mod honest;
mod kinds;
mod network;
mod report;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};

use crate::project::Part;
use attacker::{Activity, Attacker, Pace};
use certs::{Certificates, Holder};
use honest::{Caller, Served};
use kinds::Kind;
use network::Network;
use report::Report;

pub use attacker::{attack, serve_sink};

/// How long an attacker runs before the first rate is measured.
const HEAD_START: Duration = Duration::from_millis(300);

/// How long after an attack its callers must be served as before.
const RECOVERY: Duration = Duration::from_secs(1);

/// Honest callers under a flood.
#[derive(Debug, Parser)]
#[command(name = "load floods", no_binary_name = true)]
struct Options {
    /// Number of measurements of each kind of flood
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Time over which a rate is measured
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    only: Vec<Kind>,
    /// Flood a server that speaks TLS. The attacker has a certificate, unless it floods as a stranger
    #[arg(long)]
    tls: bool,
    /// Let the attacker flood the sink faster than it flooded the server
    #[arg(long)]
    full_speed: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A target for the attacker besides the server.
struct Sink {
    address: SocketAddr,
    full_speed: bool,
    /// The certificates, if the floods go over TLS.
    certificates: Option<PathBuf>,
}

/// The figures of one flood in one round. Pairs belong to the binary and to the text session.
#[derive(Debug)]
struct Sample {
    quiet: [Served; 2],
    at_server: UnderAttack,
    /// From [`RECOVERY`] after the end of the attack.
    recovered: [Served; 2],
    at_sink: UnderAttack,
    /// Growth of the server's log in bytes per second.
    log_growth: f64,
    /// Resident memory of the server during the attack, and how much more than before it.
    resident_mib: f64,
    resident_growth_mib: f64,
}

/// How the honest callers were served during an attack, and the activity of the attacker.
#[derive(Debug)]
struct UnderAttack {
    served: [Served; 2],
    attacker: Activity,
}

pub fn measure(arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let Options {
        rounds,
        seconds,
        only,
        tls,
        full_speed,
    } = Options::parse_from(arguments);
    let kinds = if only.is_empty() {
        Kind::value_variants().to_vec()
    } else {
        only
    };
    let certificates = tls.then(Certificates::make).transpose()?;
    let folder = certificates.as_ref().map(Certificates::folder);
    let shown = folder.as_ref().map(|folder| folder.display().to_string());
    let arguments: Vec<&str> = ["floods-sink"]
        .into_iter()
        .chain(shown.as_deref())
        .collect();
    let part = Part::start(&arguments, Stdio::inherit())?;
    let sink = Sink {
        address: part.address,
        full_speed,
        certificates: folder,
    };
    let mut report = Report::new(&kinds);
    for round in 1..=rounds {
        for &kind in &kinds {
            eprintln!("round {round} of {rounds}: {}", kind.name());
            report.add(kind, sample(kind, &sink, seconds)?);
        }
    }
    println!(
        "Honest callers with one call in flight, under floods{}: medians of {rounds} rounds, {:.1} s for each rate.",
        if tls { " over TLS" } else { "" },
        seconds.as_secs_f64()
    );
    report.print();
    Ok(())
}

/// Measures one flood, first at the server, then at the sink.
fn sample(kind: Kind, sink: &Sink, window: Duration) -> io::Result<Sample> {
    let certificates = sink.certificates.as_deref();
    let (network, mut callers) = begin(certificates)?;
    let quiet = serve(&mut callers, window);
    let resident_before = network.resident_mib()?;
    let begun = Instant::now();
    let log_bytes = network.log_bytes()?;
    let attacker = start_attacker(kind, network.address(), Pace::UNLIMITED, certificates)?;
    let served = serve(&mut callers, window);
    let log_growth = (network.log_bytes()? - log_bytes) / begun.elapsed().as_secs_f64();
    let resident_mib = network.resident_mib()?;
    let at_server = UnderAttack {
        served,
        attacker: attacker.end()?,
    };
    std::thread::park_timeout(RECOVERY);
    let recovered = serve(&mut callers, window);
    for caller in callers {
        caller.print_failures();
    }
    drop(network);
    let at_sink = at_sink(kind, sink, &at_server.attacker, window)?;
    Ok(Sample {
        quiet,
        at_server,
        recovered,
        at_sink,
        log_growth,
        resident_mib,
        resident_growth_mib: resident_mib - resident_before,
    })
}

/// Measures the callers while an attacker floods the sink as fast as it flooded the server.
fn at_sink(
    kind: Kind,
    sink: &Sink,
    at_server: &Activity,
    window: Duration,
) -> io::Result<UnderAttack> {
    let certificates = sink.certificates.as_deref();
    let (_network, mut callers) = begin(certificates)?;
    let pace = Pace {
        connections: at_server.connections,
        sent: at_server.sent,
    };
    let pace = if sink.full_speed {
        Pace::UNLIMITED
    } else {
        pace
    };
    let attacker = start_attacker(kind, sink.address, pace, certificates)?;
    Ok(UnderAttack {
        served: serve(&mut callers, window),
        attacker: attacker.end()?,
    })
}

/// Starts a fresh server and two callers that are warmed up.
fn begin(certificates: Option<&Path>) -> io::Result<(Network, [Caller; 2])> {
    let network = Network::start(certificates)?;
    let tls = certificates
        .map(|folder| certs::client(folder, Holder::Honest))
        .transpose()?;
    let mut callers = [
        Caller::binary(network.address(), tls.clone()),
        Caller::text(network.address(), tls),
    ];
    callers
        .each_mut()
        .into_iter()
        .try_for_each(Caller::warm_up)?;
    Ok((network, callers))
}

fn start_attacker(
    kind: Kind,
    target: SocketAddr,
    pace: Pace,
    certificates: Option<&Path>,
) -> io::Result<Attacker> {
    let attacker = Attacker::start(kind, target, pace, certificates)?;
    std::thread::park_timeout(HEAD_START);
    Ok(attacker)
}

fn serve(callers: &mut [Caller; 2], window: Duration) -> [Served; 2] {
    callers.each_mut().map(|caller| caller.serve(window))
}
