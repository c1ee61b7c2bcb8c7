//! Prints a plan.

use std::path::Path;

use rpc_runtime::initializer::{Mark, Plan, RpcChange, ServerPlan, ServiceChange};
use rpc_schema::breaking::{Change, Effect};
use serde_json::{Value, json};

use super::{PrintOptions, counted, json_line};
use crate::report::{self, Colour};

/// Maximum number of procedures of one service with one mark that have a row each. If there are
/// more, only their number is printed, unless `--verbose` is given.
const MAX_ROWS: usize = 20;

/// Number of columns of a mark and the space behind it.
pub(super) const MARK_INDENT: usize = 2;

/// Number of columns by which the further lines of a summary are indented.
pub(super) const SUMMARY_INDENT: usize = 4;

/// The meaning of the marks of a plan.
const LEGEND: &str = "+ new  ~ changed  - removed  = unchanged";

pub(in super::super) fn plan(plan: &Plan, print_options: PrintOptions) {
    if print_options.json {
        return json_line(&plan_json(plan));
    }
    if print_options.legend && !plan.is_empty() {
        report::out(report::painted(Colour::Faint, LEGEND));
    }
    for server in &plan.servers {
        print_server(server, print_options.verbose);
    }
    for (name, address) in &plan.departed {
        let hint = if print_options.retire {
            "it is emptied"
        } else {
            "it keeps running; `--retire` empties it"
        };
        row(
            0,
            Mark::Removed,
            &format!("{name} at {address} was removed from the file: {hint}"),
        );
    }
    let services = plan.servers.iter().flat_map(|server| &server.services);
    for service in services.filter(|service| service.has_grants && service.mark != Mark::Removed) {
        let message = "its `allow` is stored, but this version does not enforce it";
        warn(&format!("`{}`: {message}", service.name));
    }
    plan.breaks.iter().for_each(warn_of_break);
    plan.notes.iter().for_each(|note| warn(note));
    report::out_wrapped(&summary(plan), SUMMARY_INDENT);
}

/// Prints what needs attention as workflow commands of GitHub, then the summary.
///
/// Source of the format: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.
pub(in super::super) fn plan_as_commands(plan: &Plan, init: &Path) {
    let file = escape_property(&init.to_string_lossy());
    for broken in &plan.breaks {
        let level = if broken.effect == Effect::Wire {
            "error"
        } else {
            "warning"
        };
        let message = escape_command(&broken.to_string());
        report::out(format_args!(
            "::{level} file={file},title=breaks a client::{message}"
        ));
    }
    for note in &plan.notes {
        report::out(format_args!(
            "::notice file={file}::{}",
            escape_command(note)
        ));
    }
    report::out(format_args!(
        "::notice file={file}::{}",
        escape_command(&summary(plan))
    ));
}

fn escape_command(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_command(text).replace(':', "%3A").replace(',', "%2C")
}

fn summary(plan: &Plan) -> String {
    let files: usize = plan.servers.iter().map(|server| server.load.files).sum();
    let bytes: u64 = plan.servers.iter().map(|server| server.load.bytes).sum();
    let load = match files {
        0 if plan.is_empty() => String::new(),
        0 => ", nothing to send".to_owned(),
        _ => format!(
            ", {} to send in {}",
            counted(files, "file"),
            report::bytes(bytes)
        ),
    };
    let shared = match plan.shared_files().len() {
        0 => String::new(),
        count => format!(", {} that procedures share", counted(count, "file")),
    };
    format!(
        "plan: {} new, {} changed, {} removed, {} unchanged{shared} on {}{load}",
        plan.count(Mark::New),
        plan.count(Mark::Changed),
        plan.count(Mark::Removed),
        plan.count(Mark::Unchanged),
        counted(plan.servers.len(), "server"),
    )
}

/// Prints a row of a plan. `depth` is the number of indents.
pub(super) fn row(depth: usize, mark: Mark, text: &str) {
    let colour = match mark {
        Mark::New => Colour::Green,
        Mark::Changed => Colour::Yellow,
        Mark::Removed => Colour::Red,
        Mark::Unchanged => Colour::Faint,
    };
    let line = format!("{mark} {text}");
    let indent = "    ".repeat(depth);
    report::out_wrapped(
        &format!("{indent}{}", report::painted(colour, &line)),
        indent.len() + MARK_INDENT,
    );
}

/// Prints what needs attention.
pub(super) fn warn(message: &str) {
    print_warning(Colour::Yellow, message);
}

/// Prints a client that a plan breaks: red if its calls fail, yellow if only its source has to
/// change.
fn warn_of_break(change: &Change) {
    let colour = if change.effect == Effect::Wire {
        Colour::Red
    } else {
        Colour::Yellow
    };
    print_warning(colour, &change.to_string());
}

fn print_warning(colour: Colour, message: &str) {
    let line = report::painted(colour, &format!("! {message}"));
    report::out_wrapped(&line, MARK_INDENT);
}

fn print_server(server: &ServerPlan, verbose: bool) {
    let ServerPlan {
        name,
        address,
        live,
        ..
    } = server;
    let generation = live.generation;
    let next = generation.saturating_add(1);
    if !server.changes {
        row(
            0,
            Mark::Unchanged,
            &format!("{name} at {address}: generation {generation}, nothing changes"),
        );
        if !verbose {
            return;
        }
    } else if generation == 0 {
        row(
            0,
            Mark::New,
            &format!("{name} at {address}: first generation"),
        );
    } else {
        row(
            0,
            Mark::Changed,
            &format!("{name} at {address}: generation {generation} -> {next}"),
        );
    }
    print_services(server, verbose);
}

/// Prints what changes on a server.
pub(super) fn print_services(server: &ServerPlan, verbose: bool) {
    if server.network_changes {
        row(1, Mark::Changed, "the network section");
    }
    for service in &server.services {
        print_service(service, verbose);
    }
}

fn print_service(service: &ServiceChange, verbose: bool) {
    if service.mark == Mark::Unchanged && !verbose {
        return;
    }
    row(1, service.mark, &service.name);
    for change in &service.aspects {
        row(2, change.mark, &change.aspect.to_string());
    }
    for mark in [Mark::New, Mark::Changed, Mark::Removed, Mark::Unchanged] {
        let rpcs: Vec<&RpcChange> = service.rpcs.iter().filter(|rpc| rpc.mark == mark).collect();
        let max_rows = if mark == Mark::Unchanged { 0 } else { MAX_ROWS };
        if rpcs.len() > max_rows && !verbose {
            row(2, mark, &counted(rpcs.len(), "procedure"));
            continue;
        }
        for RpcChange { key, what, .. } in rpcs {
            let line = if what.is_empty() {
                key.clone()
            } else {
                format!("{key}  {what}")
            };
            row(2, mark, &line);
        }
    }
}

fn plan_json(plan: &Plan) -> Value {
    json!({
        "event": "plan",
        "servers": plan.servers.iter().map(server_json).collect::<Vec<_>>(),
        "departed": plan.departed.keys().collect::<Vec<_>>(),
        "breaks": plan.breaks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "notes": plan.notes,
        "new": plan.count(Mark::New),
        "changed": plan.count(Mark::Changed),
        "removed": plan.count(Mark::Removed),
        "unchanged": plan.count(Mark::Unchanged),
        "shared-files": plan.shared_files(),
    })
}

/// Returns what changes on a server, as JSON.
pub(super) fn server_json(server: &ServerPlan) -> Value {
    json!({
        "server": server.name,
        "address": server.address.to_string(),
        "generation": server.live.generation,
        "changes": server.changes,
        "services": server.services.iter().map(service_json).collect::<Vec<_>>(),
        "files-to-send": server.load.files,
        "bytes-to-send": server.load.bytes,
    })
}

fn service_json(service: &ServiceChange) -> Value {
    let rpcs = service
        .rpcs
        .iter()
        .filter(|rpc| rpc.mark != Mark::Unchanged);
    let files = service.files.iter();
    json!({
        "service": service.name,
        "mark": service.mark.to_string(),
        "notes": service.aspects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rpcs": rpcs.map(|rpc| json!({
            "key": rpc.key, "mark": rpc.mark.to_string(), "what": rpc.what,
        })).collect::<Vec<_>>(),
        "files": files.map(|file| json!({
            "path": file.path, "before": file.before, "after": file.after,
        })).collect::<Vec<_>>(),
    })
}
