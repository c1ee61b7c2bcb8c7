//! How an apply went, and why not.

use std::path::Path;
use std::time::Duration;

use deploy::coordinator::Standing;
use rpc_runtime::initializer::{Applied, InitializerError, Mark, Plan, ServerOutcome};
use serde_json::{Value, json};

use super::super::Failure;
use super::super::deploy::Shown;
use super::{counted, json_line};
use crate::report;

pub(in super::super) fn saved(path: &Path, json: bool) {
    if !json {
        report::verb("Saved", &format!("{}, for `apply --plan`", path.display()));
    }
}

pub(in super::super) fn nothing_to_do(plan: &Plan, shown: Shown, took: Duration) {
    if shown.json {
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

pub(in super::super) fn applied(applied: &Applied, plan: &Plan, shown: Shown, took: Duration) {
    if shown.json {
        return json_line(&applied_json(applied, plan));
    }
    for server in &applied.servers {
        let generation = server.generation.map_or_else(String::new, |generation| {
            format!(" (generation {generation})")
        });
        let line = format!(
            "{}{generation}: {}",
            server.name,
            standing_words(&server.standing)
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
        report::error(format!(
            "apply {} failed after {}; {}",
            applied.id,
            seconds(took),
            hint(applied)
        ));
    }
}

/// Such as `2 servers: 3 sent, 1 removed, 97 unchanged, 41 kB in 0.12 s`.
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

fn hint(applied: &Applied) -> &'static str {
    let unsettled = |server: &ServerOutcome| {
        !matches!(server.standing, Standing::Old(_) | Standing::RolledBack(_))
    };
    if applied.servers.iter().any(unsettled) {
        "apply again to bring every server to the file"
    } else {
        "nothing has changed; mend what is named above and apply again"
    }
}

/// One line for each apply of `watch`.
pub(in super::super) fn watched(
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
            let what = |mark, word: &str| match plan.count(mark) {
                0 => String::new(),
                count => format!("{count} {word}, "),
            };
            let marks = [
                (Mark::New, "new"),
                (Mark::Changed, "changed"),
                (Mark::Removed, "removed"),
            ];
            let changes: String = marks
                .into_iter()
                .map(|(mark, word)| what(mark, word))
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
            let (id, servers) = (&applied.id, servers.join(", "));
            report::out(format_args!(
                "applied {id}: {changes}on {servers}, in {}",
                seconds(took)
            ));
        }
        Some(applied) => {
            for server in &applied.servers {
                report::error(format!(
                    "{}: {}",
                    server.name,
                    standing_words(&server.standing)
                ));
            }
            report::error(format!("apply {} failed; {}", applied.id, hint(applied)));
        }
    }
}

pub(in super::super) fn failure(failure: &Failure, json: bool) {
    let what = match failure {
        Failure::Said(what) => what.clone(),
        Failure::Initializer(InitializerError::File(report)) if !json => {
            report::note(report.render(report::colored()));
            return;
        }
        Failure::Initializer(InitializerError::Moved(_)) if !json => {
            format!("{}\nnothing has changed; plan again", words(failure))
        }
        Failure::Initializer(_) => words(failure),
    };
    if json {
        json_line(&json!({ "event": "error", "message": what }));
    } else {
        what.lines().for_each(report::error);
    }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Said(what) => what.clone(),
        Failure::Initializer(error) => error.to_string(),
    }
}

fn standing_words(standing: &Standing) -> String {
    match standing {
        Standing::Live => "live".to_owned(),
        Standing::RolledBack(None) => "was live, and is rolled back".to_owned(),
        Standing::RolledBack(Some(why)) => format!("was live, and is rolled back: {why}"),
        Standing::Old(Some(why)) => format!("unchanged: {why}"),
        Standing::Old(None) => "unchanged, since another server failed".to_owned(),
        Standing::Silent(why) => format!("committed, and not heard from since: {why}"),
        Standing::Unknown(why) => format!("unknown: {why}"),
        other => format!("{other:?}"),
    }
}

fn applied_json(applied: &Applied, plan: &Plan) -> Value {
    let server = |server: &ServerOutcome| {
        json!({
            "server": server.name,
            "standing": standing_words(&server.standing),
            "generation": server.generation,
        })
    };
    json!({
        "event": "summary",
        "applied": applied.complete,
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
