//! The outcome of an apply, or why there was none.

use std::path::Path;
use std::time::Duration;

use deploy::coordinator::ServerState;
use deploy::participant::{Lease, Outcome};
use rpc_runtime::initializer::{
    Applied, InitializerError, LEASE, Mark, Plan, ServerOutcome, Unlocked, UnlockedServer,
};
use serde_json::{Value, json};

use super::super::VerbError;
use super::{PrintOptions, counted, json_line};
use crate::report;

pub(in super::super) fn saved(path: &Path, json: bool) {
    if !json {
        report::verb("Saved", &format!("{}, for `apply --plan`", path.display()));
    }
}

pub(in super::super) fn nothing_to_do(plan: &Plan, print_options: PrintOptions, took: Duration) {
    if print_options.json {
        return json_line(&json!({
            "event": "summary", "applied": false, "servers": plan.servers.len(), "files-sent": 0, "bytes-sent": 0,
            "unchanged": plan.count(Mark::Unchanged),
        }));
    }
    report::out(format_args!(
        "nothing to do, nothing sent, in {}",
        seconds(took)
    ));
}

pub(in super::super) fn restarted(json: bool) {
    if json {
        json_line(&json!({ "event": "restarted" }));
    } else {
        report::out(format_args!("every worker was replaced"));
    }
}

pub(in super::super) fn applied(
    applied: &Applied,
    plan: &Plan,
    print_options: PrintOptions,
    took: Duration,
) {
    if print_options.json {
        return json_line(&applied_json(applied, plan));
    }
    for server in &applied.servers {
        let generation = server.generation.map_or_else(String::new, |generation| {
            format!(" (generation {generation})")
        });
        let line = format!(
            "{}{generation}: {}",
            server.name,
            describe(&server.standing, applied.stopped)
        );
        if applied.complete {
            report::out(line);
        } else {
            report::error(line);
        }
    }
    if applied.complete {
        report::out(format_args!(
            "applied {}: {}",
            applied.id,
            summary(applied, plan, took)
        ));
    } else {
        let ended = how_it_ended(applied);
        report::error(format!(
            "apply {} {ended} after {}; {}",
            applied.id,
            seconds(took),
            hint(applied)
        ));
    }
}

/// Returns a summary such as `2 servers: 3 sent, 1 removed, 97 unchanged, 41 kB in 0.12 s`.
fn summary(applied: &Applied, plan: &Plan, took: Duration) -> String {
    format!(
        "{}: {} sent, {} removed, {} unchanged, {} in {}",
        counted(applied.servers.len(), "server"),
        applied.files_sent,
        plan.count(Mark::Removed),
        plan.count(Mark::Unchanged),
        report::bytes(applied.bytes_sent),
        seconds(took),
    )
}

/// Returns how an apply ended that did not succeed.
fn how_it_ended(applied: &Applied) -> &'static str {
    if applied.stopped {
        "was stopped"
    } else {
        "failed"
    }
}

/// Returns what to do after an apply that did not succeed.
fn hint(applied: &Applied) -> String {
    let may_have_changed = |server: &ServerOutcome| {
        !matches!(
            server.standing,
            ServerState::Old(_) | ServerState::RolledBack(_)
        )
    };
    if applied.stopped {
        "nothing has changed".to_owned()
    } else if applied.servers.iter().any(may_have_changed) {
        "apply again to make every server match the file".to_owned()
    } else if let Some(Lease { txn, .. }) = &applied.foreign_lease {
        format!(
            "nothing has changed; wait for the other apply with `--wait 1m`, or, if its initializer is gone, \
             break its lease with `initializer unlock init.yaml {txn}`"
        )
    } else {
        "nothing has changed; correct the problem above and apply again".to_owned()
    }
}

/// Prints one line for each apply of `watch`.
pub(in super::super) fn watch_outcome(
    applied: Option<&Applied>,
    plan: &Plan,
    json: bool,
    took: Duration,
) {
    match applied {
        None if json => {}
        None => report::verb(
            "Watching",
            &format!("nothing differs, in {}", seconds(took)),
        ),
        Some(applied) if json => json_line(&applied_json(applied, plan)),
        Some(applied) if applied.complete => {
            let counted = |mark, word: &str| match plan.count(mark) {
                0 => String::new(),
                count => format!("{count} {word}, "),
            };
            let marks = [
                (Mark::New, "new"),
                (Mark::Changed, "changed"),
                (Mark::Removed, "removed"),
            ];
            let shared = plan.shared_files();
            let changes: String = marks
                .into_iter()
                .map(|(mark, word)| counted(mark, word))
                .chain(shared.iter().map(|file| format!("{file}, ")))
                .collect();
            let changes = if changes.is_empty() {
                "access or settings, ".to_owned()
            } else {
                changes
            };
            let servers: Vec<&str> = applied
                .servers
                .iter()
                .map(|server| server.name.as_str())
                .collect();
            report::out(format_args!(
                "applied {}: {changes}on {}, in {}",
                applied.id,
                servers.join(", "),
                seconds(took)
            ));
        }
        Some(applied) => {
            for server in &applied.servers {
                let standing = describe(&server.standing, applied.stopped);
                report::error(format!("{}: {standing}", server.name));
            }
            let ended = how_it_ended(applied);
            report::error(format!("apply {} {ended}; {}", applied.id, hint(applied)));
        }
    }
}

pub(in super::super) fn error(error: &VerbError, json: bool) {
    let message = match error {
        VerbError::Initializer(InitializerError::File(report)) if !json => {
            report::findings(report);
            return;
        }
        VerbError::Initializer(error @ InitializerError::Moved(_)) if !json => {
            format!("{error}\nnothing has changed; plan again")
        }
        VerbError::Initializer(error) => error.to_string(),
        VerbError::Message(message) => message.clone(),
    };
    if json {
        json_line(&json!({ "event": "error", "message": message }));
    } else {
        message.lines().for_each(report::error);
    }
}

/// Returns the state of a server after an apply, in words. `stopped` says whether a signal ended
/// the apply.
fn describe(standing: &ServerState, stopped: bool) -> String {
    match standing {
        ServerState::Old(None) if stopped => "unchanged".to_owned(),
        ServerState::Aborting(_) => format!(
            "unchanged: it has not answered since, and drops the apply by itself within {} s",
            LEASE.as_secs()
        ),
        ServerState::Live => "live".to_owned(),
        ServerState::RolledBack(None) => "was live, and is rolled back".to_owned(),
        ServerState::RolledBack(Some(reason)) => format!("was live, and is rolled back: {reason}"),
        ServerState::Old(Some(reason)) => format!("unchanged: {reason}"),
        ServerState::Old(None) => "unchanged, since another server failed".to_owned(),
        ServerState::Silent(reason) => format!("committed, and has not answered since: {reason}"),
        ServerState::Unknown(reason) => format!("unknown: {reason}"),
        other => format!("{other:?}"),
    }
}

fn applied_json(applied: &Applied, plan: &Plan) -> Value {
    let server = |server: &ServerOutcome| {
        json!({
            "server": server.name,
            "standing": describe(&server.standing, applied.stopped),
            "generation": server.generation,
        })
    };
    json!({
        "event": "summary",
        "applied": applied.complete,
        "stopped": applied.stopped,
        "apply": applied.id,
        "servers": applied.servers.iter().map(server).collect::<Vec<_>>(),
        "files-sent": applied.files_sent,
        "bytes-sent": applied.bytes_sent,
        "new": plan.count(Mark::New),
        "changed": plan.count(Mark::Changed),
        "removed": plan.count(Mark::Removed),
        "unchanged": plan.count(Mark::Unchanged),
    })
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}

/// Prints what `unlock` did on each server.
pub(in super::super) fn unlocked(unlocked: &Unlocked, json: bool) {
    for server in &unlocked.servers {
        match server {
            Ok(server) if json => json_line(&json!({
                "event": "server",
                "server": server.name,
                "held-lease": server.held_lease,
                "outcome": server.outcome,
            })),
            Err(error) if json => json_line(&json!({
                "event": "server",
                "server": error.name,
                "error": error.error.to_string(),
            })),
            Ok(server) => report::out(format_args!(
                "{}: {}",
                server.name,
                describe_unlocked(server)
            )),
            Err(error) => report::error(error),
        }
    }
    if json {
        return json_line(&json!({
            "event": "summary",
            "apply": unlocked.txn,
            "holder": unlocked.holder,
        }));
    }
    report::out(format_args!("broke the lease of {}", unlocked.holder));
}

fn describe_unlocked(server: &UnlockedServer) -> String {
    match server.outcome {
        _ if server.held_lease => "its lease is broken, and nothing has changed".to_owned(),
        Outcome::Committed { generation } => format!(
            "the apply became generation {generation} here; apply again to make every server match the file"
        ),
        _ => "the apply has no lease here".to_owned(),
    }
}
