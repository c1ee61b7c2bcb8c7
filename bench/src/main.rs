//! Measures the cost of calls, compared with bare sockets and other RPC systems. `README.md`
//! describes what is measured and how.
//!
//! ```text
//! plan ──> run ──> a server and a client process for each measurement ──> samples ──> table, picture
//! ```

mod arguments;
mod calls;
mod certificates;
mod contestant;
mod flavour;
mod histogram;
mod job;
mod limits;
mod machine;
mod meter;
mod ours;
mod peers;
mod picture;
mod placement;
mod plan;
mod process;
mod python;
mod ratio;
mod run;
mod sample;
mod summary;
mod table;
mod usage;
mod work;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use mimalloc::MiMalloc;

use self::arguments::{Arguments, Command};
use self::contestant::{Contestant, Program};
use self::job::Job;
use self::plan::Plan;
use self::sample::Samples;

/// The allocator of every server and every client.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match dispatch(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Some(Command::Table { samples }) => print_table(&Samples::read(&samples)?),
        Some(Command::Summary {
            samples,
            into: None,
        }) => Ok(io::stdout().write_all(summary::render(&Samples::read(&samples)?).as_bytes())?),
        Some(Command::Summary {
            samples,
            into: Some(file),
        }) => summary::write_into(&Samples::read(&samples)?, &file),
        Some(Command::Draw { samples, picture }) => draw(&samples, &picture),
        Some(Command::Serve {
            contestant,
            flavour,
        }) => serve(&contestant, flavour),
        Some(Command::Measure { contestant, job }) => {
            measure(&contestant, &serde_json::from_str(&job)?)
        }
        Some(Command::Pinned { core, command }) => process::become_pinned(core, &command),
        None if arguments.list => list(),
        None => run_plan(&arguments),
    }
}

fn run_plan(arguments: &Arguments) -> Result<()> {
    let plan = Plan::new(
        arguments.works(),
        &arguments.only,
        &arguments.placements(),
        arguments.effort(),
    )?;
    let plan = Plan {
        flavour: arguments.flavour,
        ..plan
    };
    let (samples, failures) = run::run(&plan);
    if !arguments.smoke {
        let path = arguments.output(Path::new(env!("CARGO_MANIFEST_DIR")));
        samples.write(&path)?;
        print_table(&samples)?;
        eprintln!("\nsaved as {}", path.display());
    }
    let measured = samples.samples.len();
    if failures > 0 {
        bail!("{failures} of {} measurements failed", failures + measured);
    }
    if arguments.smoke {
        println!("{measured} measurements, all answers correct");
    }
    Ok(())
}

fn print_table(samples: &Samples) -> Result<()> {
    Ok(io::stdout().write_all(table::render(samples).as_bytes())?)
}

fn draw(samples: &Path, picture: &Path) -> Result<()> {
    let drawn = picture::draw(&Samples::read(samples)?);
    std::fs::write(picture, drawn).with_context(|| format!("cannot write {}", picture.display()))
}

fn serve(name: &str, flavour: Option<flavour::Flavour>) -> Result<()> {
    let contestant = Contestant::find(name)?;
    let Program::Rust { serve, .. } = contestant.program else {
        bail!("`{name}` is not part of this program: it has its own server")
    };
    serve(flavour.unwrap_or(contestant.flavour))
}

fn measure(name: &str, job: &Job) -> Result<()> {
    let Program::Rust { measure, .. } = Contestant::find(name)?.program else {
        bail!("`{name}` is not part of this program: it has its own client")
    };
    println!("{}", serde_json::to_string(&measure(job)?)?);
    Ok(())
}

fn list() -> Result<()> {
    use clap::ValueEnum as _;
    let mut out = io::stdout().lock();
    writeln!(out, "works:")?;
    for work in work::Work::value_variants() {
        writeln!(out, "  {:<12} {}", work.name(), work.title())?;
    }
    writeln!(out, "contestants:")?;
    for contestant in contestant::CONTESTANTS {
        let works: Vec<_> = contestant.works.iter().map(|work| work.name()).collect();
        writeln!(
            out,
            "  {:<16} {}: {}",
            contestant.name,
            contestant.title(),
            works.join(" ")
        )?;
    }
    Ok(())
}
