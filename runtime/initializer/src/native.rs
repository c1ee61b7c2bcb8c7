//! Native services of a server's program that the file does not give to the server. Nobody can
//! call them.

use std::collections::BTreeSet;

use rpc_schema::did_you_mean;
use rpc_schema::model::Service;

use crate::desired::DesiredServer;
use deploy::message::StatusAnswer;

/// Returns a sentence for each native service that `server` has and the file does not give it.
/// `services` are those of the file.
pub(super) fn note_unknown(
    services: &[Service],
    server: &DesiredServer,
    status: &StatusAnswer,
) -> Vec<String> {
    let given = &server.manifest.services;
    let native: BTreeSet<&String> = status.native.iter().collect();
    let unknown = native.into_iter().filter(|name| !given.contains_key(*name));
    let note = |name: &String| {
        let has = format!("{} has a native service `{name}`", server.name);
        let elsewhere = services
            .iter()
            .find(|service| service.name.as_str() == name);
        if let Some(service) = elsewhere {
            return format!("{has}, but the file gives `{name}` to {}", service.provider);
        }
        let hint = did_you_mean(name, given.keys().map(String::as_str));
        let hint = hint.map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{has} that the file does not name{hint}")
    };
    unknown.map(note).collect()
}
