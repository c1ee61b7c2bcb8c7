//! Brings a revocation list to the servers.

use std::sync::Arc;

use rpc_runtime::initializer::{InitializerOptions, ListInForce};
use serde_json::json;
use tls::ClientFolder;

use super::arguments::RevokeArguments;
use super::declared::Declared;
use super::layout::{Kind, Layout};
use super::print::Printer;
use crate::initializer::arguments::open_tls;
use crate::report::Colour;

/// Brings a revocation list to all servers of the file, and prints what is in force at each.
///
/// # Errors
/// Returns how many servers did not take it.
pub(super) async fn bring_list(
    declared: &Declared,
    list: &str,
    arguments: &RevokeArguments,
    printer: Printer,
) -> Result<(), String> {
    let mut options = InitializerOptions::default();
    options.tls = Some(deployer(declared, arguments)?);
    options.servers = arguments.server.iter().cloned().collect();
    options.timeout = arguments.timeout;
    let init = arguments.folder.init();
    let brought = rpc_runtime::initializer::bring_list(init, list, &options).await;
    let mut missed = 0;
    for server in brought.map_err(|error| error.to_string())? {
        match server {
            Ok(ListInForce {
                server,
                number,
                revoked,
                ..
            }) => {
                printer.object(&json!({
                    "event": "brought", "server": server, "number": number, "revoked": revoked,
                }));
                let text = format!("{server}: list {number} is in force, {revoked} revoked");
                printer.marked('=', Colour::Plain, &text);
            }
            Err(error) => {
                missed += 1;
                printer.object(
                    &json!({ "event": "missed", "server": error.name, "error": error.to_string() }),
                );
                printer.marked('!', Colour::Red, &error.to_string());
            }
        }
    }
    match missed {
        0 => Ok(()),
        1 => Err("1 server does not have it".to_owned()),
        _ => Err(format!("{missed} servers do not have it")),
    }
}

/// Returns the certificate of the deployer who brings the list.
fn deployer(declared: &Declared, arguments: &RevokeArguments) -> Result<Arc<ClientFolder>, String> {
    if let Some(folder) = &arguments.tls {
        return open_tls(folder);
    }
    let layout = Layout::new(&arguments.folder.out);
    let mut why = None;
    for holder in declared.of(Kind::Deployer) {
        match open_tls(&layout.holder(holder)) {
            Ok(tls) => return Ok(tls),
            Err(error) => why = why.or(Some(error)),
        }
    }
    let why = why.unwrap_or_else(|| "the file names no deployer".to_owned());
    Err(format!(
        "nobody can bring it: {why}; give the folder of a deployer with --tls"
    ))
}
