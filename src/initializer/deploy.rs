//! `plan`, `apply` and `rollback`.

use std::time::Instant;

use rpc_runtime::initializer::{Applied, Initializer, Progress};

use super::arguments::{Apply, Plan, Rollback};
use super::{Failure, print, progress};
use crate::args::ExitStatus;

/// How what is done is shown.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are flags of the command line"
)]
pub(super) struct Shown {
    pub(super) json: bool,
    pub(super) verbose: bool,
    /// Whether servers that left the file are emptied.
    pub(super) retire: bool,
    /// Whether the marks are explained.
    pub(super) legend: bool,
}

pub(super) async fn plan(plan: &Plan) -> Result<ExitStatus, Failure> {
    let Plan {
        reach,
        scope,
        out,
        diff,
        verbose,
    } = plan;
    let options = scope.within(reach.options(Progress::default())?);
    let initializer = Initializer::plan(reach.init(), options).await?;
    let shown = Shown {
        json: reach.json,
        verbose: *verbose,
        retire: scope.retire,
        legend: true,
    };
    print::plan(initializer.planned(), shown);
    if *diff {
        print::differences(&initializer.differences().await?, reach.json);
    }
    if let Some(out) = out {
        initializer.save(out)?;
        print::saved(out, reach.json);
    }
    Ok(difference(&initializer))
}

pub(super) async fn apply(apply: &Apply) -> Result<ExitStatus, Failure> {
    let Apply {
        reach,
        scope,
        plan,
        restart,
        verbose,
    } = apply;
    let begin = Instant::now();
    let shown = Shown {
        json: reach.json,
        verbose: *verbose,
        retire: scope.retire,
        legend: false,
    };
    let options = scope.within(reach.options(progress::shown(reach.json))?);
    let initializer = match plan {
        Some(plan) => Initializer::saved(plan, options).await?,
        None => Initializer::plan(reach.init(), options).await?,
    };
    let shown = Shown {
        retire: initializer.retires(),
        ..shown
    };
    print::plan(initializer.planned(), shown);
    carry_out(&initializer, shown, *restart, begin).await
}

pub(super) async fn rollback(rollback: &Rollback) -> Result<ExitStatus, Failure> {
    let Rollback {
        reach,
        to,
        dry_run,
        verbose,
    } = rollback;
    let begin = Instant::now();
    let shown = Shown {
        json: reach.json,
        verbose: *verbose,
        retire: false,
        legend: *dry_run,
    };
    let options = reach.options(progress::shown(reach.json))?;
    let initializer = Initializer::rollback(reach.init(), to.as_deref(), options).await?;
    print::plan(initializer.planned(), shown);
    if *dry_run {
        return Ok(difference(&initializer));
    }
    carry_out(&initializer, shown, false, begin).await
}

fn difference(initializer: &Initializer) -> ExitStatus {
    if initializer.planned().is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Difference
    }
}

async fn carry_out(
    initializer: &Initializer,
    shown: Shown,
    restart: bool,
    begin: Instant,
) -> Result<ExitStatus, Failure> {
    let applied = apply_if_needed(initializer).await?;
    let complete = applied.as_ref().is_none_or(|applied| applied.complete);
    let restarted = if restart && complete {
        Some(initializer.restart().await)
    } else {
        None
    };
    if let Some(Ok(())) = restarted {
        print::restarted(shown.json);
    }
    match &applied {
        Some(applied) => print::applied(applied, initializer.planned(), shown, begin.elapsed()),
        None => print::nothing_to_do(initializer.planned(), shown, begin.elapsed()),
    }
    restarted.transpose()?;
    Ok(if complete {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

/// Carries a plan out, unless there is nothing to do.
pub(super) async fn apply_if_needed(initializer: &Initializer) -> Result<Option<Applied>, Failure> {
    if initializer.planned().is_empty() {
        return Ok(None);
    }
    let applied = initializer.apply().await;
    applied
        .map(Some)
        .map_err(|error| Failure::Said(format!("cannot make an id: {error}")))
}
