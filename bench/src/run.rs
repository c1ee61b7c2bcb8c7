//! Carries out a plan. Each measurement has its own server and client.

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;

use crate::contestant::{Contestant, Program};
use crate::flavour::Flavour;
use crate::job::Measured;
use crate::placement::Placement;
use crate::plan::Plan;
use crate::process::{self, CommandLine, Server};
use crate::python;
use crate::sample::{Sample, Samples};
use crate::work::Work;

/// Measures everything in the plan. Returns the samples and the number of failed measurements.
/// Prints each failure.
pub fn run(plan: &Plan) -> (Samples, usize) {
    let machine = crate::machine::describe(&plan.contestants, plan.effort.window);
    let mut samples = Vec::new();
    let mut failures = 0;
    for round in 0..plan.effort.rounds {
        for &placement in &plan.placements {
            eprintln!(
                "round {} of {}, {}",
                round + 1,
                plan.effort.rounds,
                placement.title()
            );
            for (work, contestant) in plan.pairs(round, placement) {
                match measure(plan, work, contestant, placement) {
                    Ok(measured) => {
                        let contestant = contestant.name.to_owned();
                        samples.push(Sample {
                            work,
                            placement,
                            round,
                            contestant,
                            measured,
                        });
                    }
                    Err(error) => {
                        failures += 1;
                        eprintln!("failed: {}, {}: {error:#}", contestant.name, work.name());
                    }
                }
            }
        }
    }
    (Samples { machine, samples }, failures)
}

fn measure(
    plan: &Plan,
    work: Work,
    contestant: &Contestant,
    placement: Placement,
) -> Result<Measured> {
    let (client_core, server_core) = placement
        .cores()
        .context("this machine has too few cores")?;
    let serve = match contestant.program {
        Program::Rust { .. } => serve_command(contestant, plan.flavour)?,
        Program::Python { script } => python::serve(script),
    };
    let server = Server::start(server_core, &serve)?;
    let job = plan.effort.job(work, &server);
    let client = match contestant.program {
        Program::Rust { .. } => {
            process::this_program(&["measure", contestant.name, &serde_json::to_string(&job)?])?
        }
        Program::Python { script } => python::measure(script, &job)?,
    };
    let printed = process::output_within(plan.effort.limit(work), client_core, &client)?;
    serde_json::from_str(&printed)
        .with_context(|| format!("the client printed `{}`", printed.trim_end()))
}

fn serve_command(contestant: &Contestant, flavour: Option<Flavour>) -> Result<CommandLine> {
    let flavour = flavour.as_ref().and_then(Flavour::to_possible_value);
    match flavour {
        Some(flavour) => {
            process::this_program(&["serve", contestant.name, "--flavour", flavour.get_name()])
        }
        None => process::this_program(&["serve", contestant.name]),
    }
}
