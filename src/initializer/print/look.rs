//! What is live on each server, and the applies that the servers keep.

use std::time::{Duration, SystemTime};

use deploy::manifest::Changes;
use deploy::message::{KeptGeneration, Origin, StatusAnswer};
use rpc_runtime::initializer::{
    Applies, Mark, NetworkStatus, PastApply, PastServer, ServerStatus, Unreachable,
};
use serde_json::{Value, json};

use super::json_line;
use super::plan::{print_services, row, server_json};
use crate::report::{self, Colour};

pub(in super::super) fn status(network: &NetworkStatus, json: bool) {
    if json {
        network
            .servers
            .iter()
            .for_each(|server| json_line(&status_json(server)));
        let [same, different, unreachable] = count(network);
        return json_line(&json!({
            "event": "summary", "as-declared": same, "different": different, "unreachable": unreachable,
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
                report::out(report::painted(
                    Colour::Red,
                    &format!("! {name} at {address}: {error}"),
                ));
            }
        }
    }
    let [same, different, unreachable] = count(network);
    report::out(format_args!(
        "status: {same} as the file says, {different} different, {unreachable} unreachable"
    ));
}

/// Returns how many servers are as the file says, how many differ, and how many cannot be reached.
fn count(network: &NetworkStatus) -> [usize; 3] {
    let servers = || network.servers.iter();
    let different = servers()
        .flatten()
        .filter(|server| server.drift.changes)
        .count();
    let unreachable = servers().filter(|server| server.is_err()).count();
    let same = network.servers.len() - different - unreachable;
    [same, different, unreachable]
}

fn print_status(server: &ServerStatus) {
    let ServerStatus { status, drift, .. } = server;
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
        report::out(format_args!("    {line}"));
    }
    if drift.changes && generation > 0 {
        print_services(drift, false);
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
        report::out(format_args!(
            "{}  {}",
            report::painted(Colour::Cyan, id),
            who_and_when(origin, from)
        ));
        servers.iter().for_each(print_past);
    }
    applies.unreachable.iter().for_each(report::error);
    let count = applies.applies.len();
    let kept = if count == 1 {
        "1 apply".to_owned()
    } else {
        format!("{count} applies")
    };
    report::out(format_args!(
        "history: {kept} kept; `initializer rollback --to ID` returns to one"
    ));
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
    if damaged.is_empty() {
        report::out(format_args!(
            "    {name}  generation {generation}{live}: {}",
            describe_changes(changes)
        ));
    } else {
        report::out(format_args!(
            "    {name}  generation {generation}{live}: cannot roll back to it: {damaged}"
        ));
    }
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
            "event": "server", "server": error.name, "address": error.address.to_string(), "reachable": false,
            "error": error.error.to_string(),
        }),
        Ok(ServerStatus { status, drift, .. }) => {
            let mut value = server_json(drift);
            value["event"] = "server".into();
            value["reachable"] = true.into();
            value["version"] = status.version.clone().into();
            value["python"] = status.python.clone().into();
            value["sandbox"] = json!(status.sandbox);
            value["started-ms"] = status.started.into();
            value["damaged"] = json!(status.damaged);
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
