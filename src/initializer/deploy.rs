//! `plan`, `apply` and `rollback`.

use std::io::{self, IsTerminal as _};
use std::time::Instant;

use rpc_runtime::initializer::{
    Applied, Effect, Initializer, InitializerError, Progress, Unlocked,
};

use super::arguments::{
    ApplyArguments, PlanArguments, PlanFormat, RollbackArguments, UnlockArguments,
};
use super::print::PrintOptions;
use super::{VerbError, print, progress};
use crate::exit_status::ExitStatus;
use crate::report;
use crate::signals::StopSignals;

pub(super) async fn plan(arguments: &PlanArguments) -> Result<ExitStatus, VerbError> {
    let PlanArguments {
        network,
        scope,
        out,
        diff,
        format,
        verbose,
    } = arguments;
    let json = network.json || *format == PlanFormat::Json;
    let options = scope.within(network.options(Progress::default())?);
    let initializer = Initializer::plan(network.init(), options).await?;
    let print_options = PrintOptions {
        json,
        verbose: *verbose,
        retire: scope.retire,
        legend: true,
    };
    if *format == PlanFormat::Github {
        print::plan_as_commands(initializer.planned(), network.init());
    } else {
        print::plan(initializer.planned(), print_options);
    }
    if *diff {
        print::differences(&initializer.differences().await?, json);
    }
    if let Some(out) = out {
        initializer.save(out)?;
        print::saved(out, json);
    }
    Ok(exit_status(&initializer))
}

pub(super) async fn apply(arguments: &ApplyArguments) -> Result<ExitStatus, VerbError> {
    let ApplyArguments {
        network,
        scope,
        plan,
        restart,
        allow_breaking,
        yes,
        verbose,
    } = arguments;
    let started_at = Instant::now();
    let print_options = PrintOptions {
        json: network.json,
        verbose: *verbose,
        retire: scope.retire,
        legend: false,
    };
    let mut signals = ApplySignals::listen()?;
    let options = scope.within(network.options(progress::on_stderr(network.json))?);
    let planning = async {
        match plan {
            Some(plan) => Initializer::saved(plan, options).await,
            None => Initializer::plan(network.init(), options).await,
        }
    };
    let initializer = signals.unless_stopped(planning).await??;
    let print_options = PrintOptions {
        retire: initializer.retires(),
        ..print_options
    };
    print::plan(initializer.planned(), print_options);
    if !*allow_breaking && breaks_calls(&initializer) {
        let asks = !network.json && io::stdin().is_terminal() && io::stderr().is_terminal();
        if !asks {
            return Err(VerbError::Message(
                "nothing has changed: this apply breaks calls of clients, as shown above; to apply it anyway, \
                 give --allow-breaking"
                    .to_owned(),
            ));
        }
        if !*yes && !signals.unless_stopped(confirm()).await? {
            return Err(VerbError::Message("nothing has changed".to_owned()));
        }
    }
    carry_out(&initializer, print_options, *restart, started_at, signals).await
}

pub(super) async fn rollback(arguments: &RollbackArguments) -> Result<ExitStatus, VerbError> {
    let RollbackArguments {
        network,
        to,
        only,
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
    let mut signals = ApplySignals::listen()?;
    let mut options = network.options(progress::on_stderr(network.json))?;
    options.only.clone_from(only);
    let planning = Initializer::rollback(network.init(), to.as_deref(), options);
    let planned = signals.unless_stopped(planning).await?;
    let initializer = planned.map_err(|error| match error {
        InitializerError::Unreachable(_) => VerbError::Message(format!(
            "{error}\nnothing has changed; `--only SERVER,...` rolls back the servers that answer"
        )),
        error => error.into(),
    })?;
    print::plan(initializer.planned(), print_options);
    if *dry_run {
        return Ok(exit_status(&initializer));
    }
    carry_out(&initializer, print_options, false, started_at, signals).await
}

pub(super) async fn unlock(arguments: &UnlockArguments) -> Result<ExitStatus, VerbError> {
    let UnlockArguments { network, txn } = arguments;
    let Some(txn) = txn else {
        report::error(
            "missing id of an apply; `initializer status` shows the one that is under way",
        );
        return Ok(ExitStatus::Usage);
    };
    let options = network.options(Progress::default())?;
    let unlocked = Unlocked::unlock(network.init(), txn, &options).await?;
    print::unlocked(&unlocked, network.json);
    Ok(if unlocked.servers.iter().all(Result::is_ok) {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

/// What stops an apply: a first signal, which ends the apply if it is not too late, and a second
/// one, which ends the process.
struct ApplySignals {
    first: StopSignals,
    second: StopSignals,
}

impl ApplySignals {
    fn listen() -> Result<Self, String> {
        Ok(Self {
            first: StopSignals::listen()?,
            second: StopSignals::listen()?,
        })
    }

    /// Does work that changes nothing on any server. Fails if a signal comes meanwhile.
    async fn unless_stopped<T>(&mut self, work: impl Future<Output = T>) -> Result<T, VerbError> {
        tokio::select! {
            done = work => Ok(done),
            () = self.first.next() => {
                Err(VerbError::Message("stopped; nothing has changed".to_owned()))
            }
        }
    }
}

/// Returns whether clients that run now can no longer make some of their calls.
fn breaks_calls(initializer: &Initializer) -> bool {
    let breaks = &initializer.planned().breaks;
    breaks.iter().any(|change| change.effect == Effect::Wire)
}

/// Asks on the terminal whether a breaking change shall be applied.
async fn confirm() -> bool {
    report::note("Calls of clients break, as shown above. Apply it anyway? [y/N]");
    let (sender, answer) = tokio::sync::oneshot::channel();
    // A thread of its own, since nothing ends the wait for a line.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let agrees = ["y", "yes"].contains(&&*line.trim().to_lowercase());
        let _ = sender.send(read.is_ok() && agrees);
    });
    answer.await.unwrap_or(false)
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
    mut signals: ApplySignals,
) -> Result<ExitStatus, VerbError> {
    let at_once = |what: &str| {
        Err(VerbError::Message(format!(
            "stopped at once; {what}: run `initializer status`"
        )))
    };
    let applied = tokio::select! {
        applied = apply_if_needed(initializer, signals.first.next()) => applied?,
        () = signals.second.nth(2) => return at_once("it is unknown what is live on each server"),
    };
    let complete = applied.as_ref().is_none_or(|applied| applied.complete);
    let restarted = if restart && complete {
        tokio::select! {
            restarted = initializer.restart() => Some(restarted),
            () = signals.first.next() => return at_once("some workers may not have been replaced"),
        }
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
    stop: impl Future<Output = ()>,
) -> Result<Option<Applied>, VerbError> {
    if initializer.planned().is_empty() {
        return Ok(None);
    }
    let applied = initializer.apply_until(stop).await;
    applied
        .map(Some)
        .map_err(|error| VerbError::Message(format!("cannot generate the id of an apply: {error}")))
}
