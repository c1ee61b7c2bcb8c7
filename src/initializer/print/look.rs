//! What is live on each server, and the applies that the servers keep.

use std::time::{Duration, SystemTime};

use deploy::manifest::Changes;
use deploy::message::{KeptGeneration, Origin, StatusAnswer};
use rpc_runtime::initializer::{
    Applies, Mark, NetworkStatus, PastApply, PastServer, RequestError, ServerStatus, Unreachable,
};
use serde_json::{Value, json};

use super::json_line;
use super::plan::{MARK_INDENT, SUMMARY_INDENT, print_services, row, server_json, warn};
use crate::report::{self, Colour};

/// Number of columns by which the further lines of a detail are indented.
const DETAIL_INDENT: usize = 8;

pub(in super::super) fn status(network: &NetworkStatus, json: bool) {
    if json {
        network
            .servers
            .iter()
            .for_each(|server| json_line(&status_json(server)));
        let ServerCounts {
            same,
            different,
            unreachable,
            refused,
        } = count(network);
        return json_line(&json!({
            "event": "summary", "as-declared": same, "different": different, "unreachable": unreachable,
            "refused": refused,
        }));
    }
    for server in &network.servers {
        match server {
            Ok(server) => print_status(server),
            Err(Unreachable {
                name,
                address,
                error,
                ..
            }) => {
                let line = format!("! {name} at {address}: {error}");
                report::out_wrapped(&report::painted(Colour::Red, &line), MARK_INDENT);
            }
        }
    }
    let ServerCounts {
        same,
        different,
        unreachable,
        refused,
    } = count(network);
    let refused = match refused {
        0 => String::new(),
        count => format!(", {count} refused to answer"),
    };
    let summary = format!(
        "status: {same} as the file says, {different} different, {unreachable} unreachable{refused}"
    );
    report::out_wrapped(&summary, SUMMARY_INDENT);
}

/// How many servers are in each state.
#[derive(Debug, Default)]
struct ServerCounts {
    same: usize,
    different: usize,
    unreachable: usize,
    /// Servers that were reached, and did not answer the question.
    refused: usize,
}

fn count(network: &NetworkStatus) -> ServerCounts {
    let mut counts = ServerCounts::default();
    for server in &network.servers {
        match server {
            Ok(server) if server.drift.changes => counts.different += 1,
            Ok(_) => counts.same += 1,
            Err(error) if is_refusal(error) => counts.refused += 1,
            Err(_) => counts.unreachable += 1,
        }
    }
    counts
}

/// Returns whether the server was reached and refused the request.
fn is_refusal(error: &Unreachable) -> bool {
    matches!(error.error, RequestError::Refused(_))
}

fn print_status(server: &ServerStatus) {
    let ServerStatus {
        status,
        drift,
        notes,
        ..
    } = server;
    let name = &drift.name;
    let address = drift.address;
    let generation = status.live.generation;
    if generation == 0 {
        row(
            0,
            Mark::New,
            &format!("{name} at {address}: nothing has been applied yet"),
        );
    } else if drift.changes {
        row(
            0,
            Mark::Changed,
            &format!("{name} at {address}: generation {generation}, not as the file says"),
        );
    } else {
        row(
            0,
            Mark::Unchanged,
            &format!("{name} at {address}: generation {generation}, as the file says"),
        );
    }
    for line in details(status) {
        report::out_wrapped(&format!("    {line}"), DETAIL_INDENT);
    }
    if drift.changes && generation > 0 {
        print_services(drift, false);
    }
    for note in notes {
        warn(note);
    }
}

/// Returns the lines about a server's last apply, its versions, and its damage.
fn details(status: &StatusAnswer) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(KeptGeneration {
        apply,
        origin,
        from,
        ..
    }) = &status.applied
    {
        lines.push(format!("apply {apply}, {}", who_and_when(origin, from)));
    }
    let sandbox = match status.sandbox.as_slice() {
        [] => "no sandbox".to_owned(),
        layers => format!("sandbox: {}", layers.join(", ")),
    };
    let StatusAnswer {
        version,
        python,
        started,
        ..
    } = status;
    let python = if python.is_empty() {
        "no Python yet".to_owned()
    } else {
        format!("Python {python}")
    };
    lines.push(format!(
        "rpc-server {version}, {python}, {sandbox}, up since {}",
        time(*started)
    ));
    lines.extend(
        status
            .damaged
            .iter()
            .map(|service| format!("damaged: service `{service}`; apply repairs it")),
    );
    lines.extend(status.lease.iter().map(|lease| {
        format!(
            "under way: {}; its lease ends in {} s, unless it is renewed",
            lease.holder,
            lease.left_ms.div_ceil(1000)
        )
    }));
    lines
}

/// Returns when an apply was made, by whom and from where.
fn who_and_when(origin: &Origin, from: &str) -> String {
    let by = if origin.by.is_empty() {
        "an unknown user"
    } else {
        &origin.by
    };
    let from = if from.is_empty() {
        String::new()
    } else {
        format!(" from {from}")
    };
    let note = if origin.note.is_empty() {
        String::new()
    } else {
        format!(" ({})", origin.note)
    };
    format!("{} by {by}{from}{note}", time(origin.at))
}

/// Returns a time in UTC, such as `2026-11-27T19:02:11Z`.
fn time(epoch_ms: u64) -> String {
    let moment = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(epoch_ms));
    // The format has no place for years after 9999.
    let known = moment.filter(|_| epoch_ms > 0 && epoch_ms < 253_402_300_800_000);
    known.map_or_else(
        || "an unknown time".to_owned(),
        |moment| humantime::format_rfc3339_seconds(moment).to_string(),
    )
}

pub(in super::super) fn history(applies: &Applies, json: bool) {
    if json {
        applies
            .applies
            .iter()
            .for_each(|apply| json_line(&apply_json(apply)));
        let unreachable: Vec<_> = applies
            .unreachable
            .iter()
            .map(ToString::to_string)
            .collect();
        return json_line(&json!({
            "event": "summary", "applies": applies.applies.len(), "unreachable": unreachable,
        }));
    }
    for PastApply {
        id,
        origin,
        from,
        servers,
        ..
    } in &applies.applies
    {
        let id = if id.is_empty() { "(damaged)" } else { id };
        let line = format!(
            "{}  {}",
            report::painted(Colour::Cyan, id),
            who_and_when(origin, from)
        );
        report::out_wrapped(&line, SUMMARY_INDENT);
        servers.iter().for_each(print_past);
    }
    applies.unreachable.iter().for_each(report::error);
    let count = applies.applies.len();
    let kept = if count == 1 {
        "1 apply".to_owned()
    } else {
        format!("{count} applies")
    };
    let summary = format!("history: {kept} kept; `initializer rollback --to ID` returns to one");
    report::out_wrapped(&summary, SUMMARY_INDENT);
}

fn print_past(server: &PastServer) {
    let PastServer {
        name,
        generation,
        live,
        changes,
        damaged,
        ..
    } = server;
    let live = if *live { ", live" } else { "" };
    let state = if damaged.is_empty() {
        describe_changes(changes)
    } else {
        format!("cannot roll back to it: {damaged}")
    };
    report::out_wrapped(
        &format!("    {name}  generation {generation}{live}: {state}"),
        DETAIL_INDENT,
    );
}

/// Returns the number of changes of each kind, and the files that procedures share, such as
/// `1 new, 2 changed, words.py (svc1)`.
fn describe_changes(changes: &Changes) -> String {
    let Changes {
        new,
        changed,
        removed,
        files,
    } = changes;
    let words = [(new, "new"), (changed, "changed"), (removed, "removed")];
    let parts: Vec<_> = words
        .into_iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .chain(files.iter().map(ToString::to_string))
        .collect();
    if parts.is_empty() {
        "access or settings".to_owned()
    } else {
        parts.join(", ")
    }
}

fn status_json(server: &Result<ServerStatus, Unreachable>) -> Value {
    match server {
        Err(error) => json!({
            "event": "server", "server": error.name, "address": error.address.to_string(), "reachable": is_refusal(error),
            "error": error.error.to_string(),
        }),
        Ok(ServerStatus {
            status,
            drift,
            notes,
            ..
        }) => {
            let mut value = server_json(drift);
            value["event"] = "server".into();
            value["reachable"] = true.into();
            value["version"] = status.version.clone().into();
            value["python"] = status.python.clone().into();
            value["sandbox"] = json!(status.sandbox);
            value["started-ms"] = status.started.into();
            value["damaged"] = json!(status.damaged);
            value["notes"] = json!(notes);
            value["under-way"] = json!(status.lease);
            value["applied"] = json!(status.applied);
            value
        }
    }
}

fn apply_json(apply: &PastApply) -> Value {
    let server = |server: &PastServer| {
        json!({
            "server": server.name, "generation": server.generation, "live": server.live,
            "changes": server.changes, "damaged": server.damaged,
        })
    };
    json!({
        "event": "apply", "apply": apply.id, "at-ms": apply.origin.at, "by": apply.origin.by, "from": apply.from,
        "note": apply.origin.note, "servers": apply.servers.iter().map(server).collect::<Vec<_>>(),
    })
}
