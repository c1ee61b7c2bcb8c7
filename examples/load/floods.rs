//! What a flood costs honest callers.
//!
//! An honest caller has one call of a Python procedure in flight, in a session of its own: a binary
//! one, then a text one. It is measured three times, one right after the other: without any
//! attacker, with an attacker that floods the server, and with the same attacker flooding a sink.
//! The sink reads and drops all that it gets, so that the last rate tells what the attacker costs
//! by its use of the processors alone.
//!
//! A sink takes far more than a server does. So the attacker is held to the pace that it had at the
//! server, unless there is `--full-speed`. Each flood has a fresh server, so that none is measured
//! in what another one left behind.

mod attacker;
mod honest;
mod kinds;
mod network;
mod report;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};

use crate::project::Part;
use attacker::{Attacker, Done, Pace};
use honest::Caller;
use kinds::Kind;
use network::Network;
use report::Report;

pub use attacker::{attack, serve_sink};

/// How long an attacker runs before the first window of time.
const HEAD_START: Duration = Duration::from_millis(300);

/// Honest callers under a flood.
#[derive(Debug, Parser)]
#[command(name = "load floods", no_binary_name = true)]
struct Options {
    /// How often each kind of flood is measured
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long a rate is measured
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    only: Vec<Kind>,
    /// At the sink, do not hold the attacker to the pace that it had at the server
    #[arg(long)]
    full_speed: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "no number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// What an attacker is aimed at beside the server.
struct Sink {
    address: SocketAddr,
    full_speed: bool,
}

/// One flood in one round. Rates are calls per second of the binary and of the text session.
#[derive(Debug)]
struct Sample {
    quiet: [f64; 2],
    at_server: Flooded,
    at_sink: Flooded,
    /// Bytes per second.
    log_growth: f64,
    resident_mib: f64,
}

/// Rates of honest callers while there is an attacker, and what that one did.
#[derive(Debug)]
struct Flooded {
    rates: [f64; 2],
    attacker: Done,
}

pub fn measure(arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let Options {
        rounds,
        seconds,
        only,
        full_speed,
    } = Options::parse_from(arguments);
    let kinds = if only.is_empty() {
        Kind::value_variants().to_vec()
    } else {
        only
    };
    let part = Part::start(&["floods-sink"], Stdio::inherit())?;
    let sink = Sink {
        address: part.address,
        full_speed,
    };
    let mut report = Report::new(&kinds);
    for round in 1..=rounds {
        for &kind in &kinds {
            eprintln!("round {round} of {rounds}: {}", kind.name());
            report.add(kind, sample(kind, &sink, seconds)?);
        }
    }
    println!(
        "An honest caller with one call in flight, under floods: medians of {rounds} rounds, {:.1} s for each rate.",
        seconds.as_secs_f64()
    );
    report.print();
    Ok(())
}

/// Measures one flood, first at the server, then at the sink.
fn sample(kind: Kind, sink: &Sink, window: Duration) -> io::Result<Sample> {
    let (network, mut callers) = begin()?;
    let quiet = rates(&mut callers, window);
    let (begun, log_bytes) = (Instant::now(), network.log_bytes()?);
    let attacker = start_attacker(kind, network.address(), Pace::AS_FAST_AS_IT_GOES)?;
    let rates_at_server = rates(&mut callers, window);
    let log_growth = (network.log_bytes()? - log_bytes) / begun.elapsed().as_secs_f64();
    let resident_mib = network.resident_mib()?;
    let at_server = Flooded {
        rates: rates_at_server,
        attacker: attacker.end()?,
    };
    for caller in callers {
        caller.tell_failures();
    }
    drop(network);
    let at_sink = at_sink(kind, sink, &at_server.attacker, window)?;
    Ok(Sample {
        quiet,
        at_server,
        at_sink,
        log_growth,
        resident_mib,
    })
}

/// Measures the callers while an attacker floods the sink as fast as it flooded the server.
fn at_sink(kind: Kind, sink: &Sink, at_server: &Done, window: Duration) -> io::Result<Flooded> {
    let (_network, mut callers) = begin()?;
    let pace = Pace {
        connections: at_server.connections,
        sent: at_server.sent,
    };
    let pace = if sink.full_speed {
        Pace::AS_FAST_AS_IT_GOES
    } else {
        pace
    };
    let attacker = start_attacker(kind, sink.address, pace)?;
    Ok(Flooded {
        rates: rates(&mut callers, window),
        attacker: attacker.end()?,
    })
}

/// A fresh server, and callers in quick succession.
fn begin() -> io::Result<(Network, [Caller; 2])> {
    let network = Network::start()?;
    let mut callers = [
        Caller::binary(network.address()),
        Caller::text(network.address()),
    ];
    callers
        .each_mut()
        .into_iter()
        .try_for_each(Caller::warm_up)?;
    Ok((network, callers))
}

fn start_attacker(kind: Kind, target: SocketAddr, pace: Pace) -> io::Result<Attacker> {
    let attacker = Attacker::start(kind, target, pace)?;
    std::thread::park_timeout(HEAD_START);
    Ok(attacker)
}

fn rates(callers: &mut [Caller; 2], window: Duration) -> [f64; 2] {
    callers.each_mut().map(|caller| caller.rate(window))
}
