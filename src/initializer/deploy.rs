//! `plan`, `apply` and `rollback`.

use std::time::Instant;

use rpc_runtime::initializer::{Applied, Initializer, Progress};

use super::arguments::{ApplyArguments, PlanArguments, RollbackArguments};
use super::{VerbError, print, progress};
use crate::args::ExitStatus;

/// How plans and their outcome are printed.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are flags of the command line"
)]
pub(super) struct PrintOptions {
    pub(super) json: bool,
    pub(super) verbose: bool,
    /// Whether the servers that were removed from the file are emptied.
    pub(super) retire: bool,
    /// Whether the marks of a plan are explained.
    pub(super) legend: bool,
}

pub(super) async fn plan(arguments: &PlanArguments) -> Result<ExitStatus, VerbError> {
    let PlanArguments {
        network,
        scope,
        out,
        diff,
        verbose,
    } = arguments;
    let options = scope.within(network.options(Progress::default())?);
    let initializer = Initializer::plan(network.init(), options).await?;
    let print_options = PrintOptions {
        json: network.json,
        verbose: *verbose,
        retire: scope.retire,
        legend: true,
    };
    print::plan(initializer.planned(), print_options);
    if *diff {
        print::differences(&initializer.differences().await?, network.json);
    }
    if let Some(out) = out {
        initializer.save(out)?;
        print::saved(out, network.json);
    }
    Ok(exit_status(&initializer))
}

pub(super) async fn apply(arguments: &ApplyArguments) -> Result<ExitStatus, VerbError> {
    let ApplyArguments {
        network,
        scope,
        plan,
        restart,
        verbose,
    } = arguments;
    let started_at = Instant::now();
    let print_options = PrintOptions {
        json: network.json,
        verbose: *verbose,
        retire: scope.retire,
        legend: false,
    };
    let options = scope.within(network.options(progress::on_stderr(network.json))?);
    let initializer = match plan {
        Some(plan) => Initializer::saved(plan, options).await?,
        None => Initializer::plan(network.init(), options).await?,
    };
    let print_options = PrintOptions {
        retire: initializer.retires(),
        ..print_options
    };
    print::plan(initializer.planned(), print_options);
    carry_out(&initializer, print_options, *restart, started_at).await
}

pub(super) async fn rollback(arguments: &RollbackArguments) -> Result<ExitStatus, VerbError> {
    let RollbackArguments {
        network,
        to,
        dry_run,
        verbose,
    } = arguments;
    let started_at = Instant::now();
    let print_options = PrintOptions {
        json: network.json,
        verbose: *verbose,
        retire: false,
        legend: *dry_run,
    };
    let options = network.options(progress::on_stderr(network.json))?;
    let initializer = Initializer::rollback(network.init(), to.as_deref(), options).await?;
    print::plan(initializer.planned(), print_options);
    if *dry_run {
        return Ok(exit_status(&initializer));
    }
    carry_out(&initializer, print_options, false, started_at).await
}

/// Returns the exit status of a verb that only shows a plan.
fn exit_status(initializer: &Initializer) -> ExitStatus {
    if initializer.planned().is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Difference
    }
}

/// Carries a plan out and prints the outcome.
async fn carry_out(
    initializer: &Initializer,
    print_options: PrintOptions,
    restart: bool,
    started_at: Instant,
) -> Result<ExitStatus, VerbError> {
    let applied = apply_if_needed(initializer).await?;
    let complete = applied.as_ref().is_none_or(|applied| applied.complete);
    let restarted = if restart && complete {
        Some(initializer.restart().await)
    } else {
        None
    };
    if let Some(Ok(())) = restarted {
        print::restarted(print_options.json);
    }
    match &applied {
        Some(applied) => print::applied(
            applied,
            initializer.planned(),
            print_options,
            started_at.elapsed(),
        ),
        None => print::nothing_to_do(initializer.planned(), print_options, started_at.elapsed()),
    }
    restarted.transpose()?;
    Ok(if complete {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

/// Carries a plan out. Returns `None` if there is nothing to do.
pub(super) async fn apply_if_needed(
    initializer: &Initializer,
) -> Result<Option<Applied>, VerbError> {
    if initializer.planned().is_empty() {
        return Ok(None);
    }
    let applied = initializer.apply().await;
    applied
        .map(Some)
        .map_err(|error| VerbError::Message(format!("cannot generate the id of an apply: {error}")))
}
