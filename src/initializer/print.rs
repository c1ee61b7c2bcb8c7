//! What `initializer` prints: a plan, how an apply went, and why not; for people or as JSON lines.

use std::time::Duration;

use rpc_runtime::deploy::coordinator::Standing;
use rpc_runtime::deploy::manifest::{GrantsEntry, ServiceEntry};
use rpc_runtime::initializer::{
    Applied, InitializerError, Mark, Plan, ServerOutcome, ServerPlan, ServiceChange,
};
use serde_json::{Value, json};

use super::{Failure, Target};
use crate::report;

/// The version of the JSON lines.
const SCHEMA: u32 = 1;

pub(super) fn plan(plan: &Plan, target: &Target) {
    if target.json {
        return json_line(&plan_json(plan));
    }
    for server in &plan.servers {
        print_server(server, target.verbose);
    }
    for (name, address) in &plan.departed {
        let hint = if target.retire { "it is emptied" } else { "it runs on; --retire empties it" };
        report::out(format_args!("- {name} at {address} left the file: {hint}"));
    }
    for service in plan.servers.iter().flat_map(|server| &server.manifest.services).filter(is_granted) {
        report::out(format_args!(
            "! `{}`: its `allow` is recorded; this version does not confine code",
            service.0
        ));
    }
    for broken in &plan.breaks {
        report::out(format_args!("! {broken}"));
    }
    for note in &plan.notes {
        report::out(format_args!("! {note}"));
    }
    report::out(format_args!(
        "plan: {} new, {} changed, {} removed, {} unchanged on {}",
        plan.count(Mark::New),
        plan.count(Mark::Changed),
        plan.count(Mark::Removed),
        plan.count(Mark::Unchanged),
        counted(plan.servers.len(), "server"),
    ));
}

fn is_granted((_, service): &(&String, &ServiceEntry)) -> bool {
    service.grants != GrantsEntry::default()
}

fn print_server(server: &ServerPlan, verbose: bool) {
    let ServerPlan { name, address, live, .. } = server;
    if !server.changes {
        report::out(format_args!("= {name} at {address}: generation {}, nothing changes", live.generation));
        if !verbose {
            return;
        }
    } else if live.generation == 0 {
        report::out(format_args!("+ {name} at {address}: first generation"));
    } else {
        report::out(format_args!(
            "~ {name} at {address}: generation {} -> {}",
            live.generation,
            live.generation + 1
        ));
    }
    if server.network_changes {
        report::out(format_args!("    ~ the network section"));
    }
    for service in &server.services {
        print_service(service, verbose);
    }
}

fn print_service(service: &ServiceChange, verbose: bool) {
    if service.mark == Mark::Unchanged && !verbose {
        return;
    }
    report::out(format_args!("    {} {}", service.mark, service.name));
    for note in &service.notes {
        report::out(format_args!("        {note}"));
    }
    let (mut unchanged, mut same) = (0, Mark::Unchanged);
    for rpc in &service.rpcs {
        if rpc.mark == Mark::Unchanged && !verbose {
            (unchanged, same) = (unchanged + 1, rpc.mark);
        } else if rpc.what.is_empty() {
            report::out(format_args!("        {} {}", rpc.mark, rpc.key));
        } else {
            report::out(format_args!("        {} {}  {}", rpc.mark, rpc.key, rpc.what));
        }
    }
    if unchanged > 0 {
        report::out(format_args!("        {same} {}", counted(unchanged, "procedure")));
    }
}

pub(super) fn nothing_to_do(plan: &Plan, target: &Target, took: Duration) {
    if target.json {
        return json_line(&json!({
            "event": "summary", "applied": false, "servers": plan.servers.len(), "files-sent": 0, "bytes-sent": 0,
        }));
    }
    report::out(format_args!("nothing to do, nothing sent, in {}", seconds(took)));
}

pub(super) fn restarted(target: &Target) {
    if target.json {
        json_line(&json!({ "event": "restarted" }));
    } else {
        report::out(format_args!("every worker was replaced"));
    }
}

pub(super) fn applied(applied: &Applied, target: &Target, took: Duration) {
    if target.json {
        return json_line(&applied_json(applied));
    }
    for server in &applied.servers {
        let generation =
            server.generation.map_or_else(String::new, |generation| format!(" (generation {generation})"));
        let line = format!("{}{generation}: {}", server.name, standing_words(&server.standing));
        if applied.complete { report::out(line) } else { report::error(line) }
    }
    let Applied { id, files_sent, bytes_sent, .. } = applied;
    let changed = counted(applied.servers.len(), "server");
    let sent = format!("{} in {bytes_sent} bytes sent", counted(*files_sent, "file"));
    if applied.complete {
        report::out(format_args!("applied {id}: {changed}, {sent}, in {}", seconds(took)));
    } else {
        let unsettled =
            |server: &ServerOutcome| !matches!(server.standing, Standing::Old(_) | Standing::RolledBack);
        let hint = if applied.servers.iter().any(unsettled) {
            "apply again to bring every server to the file"
        } else {
            "nothing has changed; mend what is named above and apply again"
        };
        report::error(format!("apply {id} failed after {}; {hint}", seconds(took)));
    }
}

pub(super) fn failure(failure: &Failure, json: bool) {
    let what = match failure {
        Failure::Said(what) => what.clone(),
        Failure::Initializer(InitializerError::File(report)) if !json => {
            report::note(report.render(report::colored()));
            return;
        }
        Failure::Initializer(error) => error.to_string(),
    };
    if json {
        json_line(&json!({ "event": "error", "message": what }));
    } else {
        what.lines().for_each(report::error);
    }
}

fn standing_words(standing: &Standing) -> String {
    match standing {
        Standing::Committed => "live".to_owned(),
        Standing::RolledBack => "was live, and is rolled back".to_owned(),
        Standing::Old(Some(why)) => format!("unchanged: {why}"),
        Standing::Old(None) => "unchanged, since another server failed".to_owned(),
        Standing::Unknown(why) => format!("unknown: {why}"),
        other => format!("{other:?}"),
    }
}

fn plan_json(plan: &Plan) -> Value {
    let service = |service: &ServiceChange| {
        let rpcs = service.rpcs.iter().filter(|rpc| rpc.mark != Mark::Unchanged);
        json!({
            "service": service.name,
            "mark": service.mark.to_string(),
            "notes": service.notes,
            "rpcs": rpcs.map(|rpc| json!({
                "key": rpc.key, "mark": rpc.mark.to_string(), "what": rpc.what,
            })).collect::<Vec<_>>(),
        })
    };
    let server = |server: &ServerPlan| {
        json!({
            "server": server.name,
            "address": server.address.to_string(),
            "generation": server.live.generation,
            "changes": server.changes,
            "services": server.services.iter().map(service).collect::<Vec<_>>(),
        })
    };
    json!({
        "event": "plan",
        "servers": plan.servers.iter().map(server).collect::<Vec<_>>(),
        "departed": plan.departed.keys().collect::<Vec<_>>(),
        "breaks": plan.breaks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "notes": plan.notes,
        "new": plan.count(Mark::New),
        "changed": plan.count(Mark::Changed),
        "removed": plan.count(Mark::Removed),
        "unchanged": plan.count(Mark::Unchanged),
    })
}

fn applied_json(applied: &Applied) -> Value {
    let servers: Vec<_> = applied
        .servers
        .iter()
        .map(|server| {
            json!({
                "server": server.name,
                "standing": standing_words(&server.standing),
                "generation": server.generation,
            })
        })
        .collect();
    json!({
        "event": "summary",
        "applied": applied.complete,
        "apply": applied.id,
        "servers": servers,
        "files-sent": applied.files_sent,
        "bytes-sent": applied.bytes_sent,
    })
}

fn json_line(value: &Value) {
    let mut value = value.clone();
    value["schema"] = SCHEMA.into();
    report::out(value);
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}
