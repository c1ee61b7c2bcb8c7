//! Prints changes: as text by client, as JSON or as workflow commands one by one.

use anstyle::{AnsiColor, Style};
use rpc_schema::Document;
use rpc_schema::breaking::{Change, Effect};
use serde_json::json;

use crate::cli::format::github;
use crate::cli::print::{print_line, print_painted};

/// Version of the JSON lines.
const SCHEMA: u32 = 1;

const EFFECTS: [Effect; 3] = [Effect::Wire, Effect::Source, Effect::New];

pub(super) fn as_text(changes: &[Change]) {
    for of_client in changes.chunk_by(|a, b| a.client == b.client) {
        let breaks = of_client.iter().any(|change| change.effect == Effect::Wire);
        let of_name = if breaks { RED } else { Style::new() };
        print_painted(of_name, &of_client[0].client, 0);
        for of_effect in of_client.chunk_by(|a, b| a.effect == b.effect) {
            let effect = of_effect[0].effect;
            print_painted(style(effect), &format!("  {}", heading(effect)), 4);
            for Change { what, why, .. } in of_effect {
                print_painted(style(effect), &format!("    {what}: {why}"), 6);
            }
        }
    }
    print_painted(Style::new(), &summary(changes), 4);
}

const RED: Style = AnsiColor::Red.on_default();

fn style(effect: Effect) -> Style {
    match effect {
        Effect::Wire => RED,
        Effect::Source => AnsiColor::Yellow.on_default(),
        Effect::New => AnsiColor::Green.on_default(),
    }
}

fn heading(effect: Effect) -> &'static str {
    match effect {
        Effect::Wire => "breaks on the wire: calls with the old stubs fail",
        Effect::Source => "breaks Rust sources: calls may have to change",
        Effect::New => "is new",
    }
}

fn summary(changes: &[Change]) -> String {
    let [wire, source, new] = EFFECTS.map(|effect| count(changes, effect));
    match (wire + source, new) {
        (0, 0) => "compatible: nothing changes for any client".to_owned(),
        (0, new) => format!("compatible: {new} new"),
        _ => format!("breaking: {wire} on the wire, {source} in Rust sources; {new} new"),
    }
}

fn count(changes: &[Change], effect: Effect) -> usize {
    changes
        .iter()
        .filter(|change| change.effect == effect)
        .count()
}

pub(super) fn as_json(changes: &[Change]) {
    for Change {
        client,
        effect,
        service,
        rpc,
        what,
        why,
    } in changes
    {
        let effect = effect.as_str();
        let line = json!({
            "schema": SCHEMA, "client": client, "effect": effect, "service": service, "rpc": rpc, "what": what, "why": why,
        });
        print_line(&line.to_string());
    }
    let [wire, source, new] = EFFECTS.map(|effect| count(changes, effect));
    let summary =
        json!({ "breaking": wire + source > 0, "wire": wire, "source": source, "new": new });
    print_line(&json!({ "schema": SCHEMA, "summary": summary }).to_string());
}

/// Prints each change at its place in the new file. A removed procedure is shown at its service; if
/// the service was removed too, the change has no place.
pub(super) fn as_commands(changes: &[Change], new: &Document) {
    let places = new.places();
    for change in changes {
        let level = match change.effect {
            Effect::Wire => "error",
            Effect::Source => "warning",
            Effect::New => "notice",
        };
        let found = place(change, new).map(|offset| places.locate(offset));
        let file = found.map_or(new.path(), |found| found.path);
        let mut properties = vec![("file", file.display().to_string())];
        properties.extend(found.map(|found| ("line", found.line.to_string())));
        print_line(&github::command(level, &properties, &change.to_string()));
    }
}

fn place(change: &Change, new: &Document) -> Option<usize> {
    let services = &new.schema.services;
    let index = services
        .iter()
        .position(|service| service.name == *change.service)?;
    let service = &services[index];
    let has_same_signature =
        |rpc: &&rpc_schema::model::Rpc| service.signature(rpc).key().as_str() == change.what;
    let has_same_name =
        |rpc: &&rpc_schema::model::Rpc| change.rpc.as_deref() == Some(rpc.name.as_str());
    let rpcs = || service.rpcs.iter();
    let found = rpcs()
        .position(|rpc| has_same_signature(&rpc))
        .or_else(|| rpcs().position(|rpc| has_same_name(&rpc)));
    let span = found.map_or_else(
        || new.service_name_span(index),
        |rpc| new.rpc_span(index, rpc, "name"),
    );
    Some(span.start)
}
