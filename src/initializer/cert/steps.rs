//! What to do next, as commands.

use std::path::Path;

use super::declared::Declared;
use super::layout::{Kind, Layout};
use super::print::Printer;
use super::words::shell_word;

/// Prints what to do with certificates that were made.
pub(super) fn print_next(declared: &Declared, layout: &Layout, printer: Printer) {
    printer.line("next, for example:");
    let init = shell_word(declared.path());
    for kind in Kind::ALL {
        let mut holders = declared.holders().iter();
        let Some(holder) = holders.find(|holder| holder.kind == kind) else {
            continue;
        };
        let folder = shell_word(&layout.holder(holder));
        let command = match kind {
            Kind::Server => {
                let mut servers = declared.servers();
                let address = servers.find(|(name, _)| *name == holder.name);
                let address = address.map(|(_, address)| format!(" --listen {address}"));
                let name = shell_word(Path::new(&holder.name));
                format!(
                    "rpc-server --tls {folder}{} --data {name}",
                    address.unwrap_or_default()
                )
            }
            Kind::Client => format!("rpc-client --tls {folder} --init {init} list"),
            Kind::Deployer => format!("initializer apply {init} --tls {folder}"),
        };
        printer.line(&format!("    {command}"));
    }
    printer.line(&format!(
        "bring to each machine its own folder only; keep `{}` apart, where no program of the network runs",
        shell_word(&layout.authority())
    ));
}

/// Prints how to bring a revocation list to the servers by hand.
pub(super) fn print_bringing(declared: &Declared, list: &Path, printer: Printer) {
    let list = shell_word(list);
    printer.line(&format!(
        "to bring the list to the servers, copy `{list}` into the --tls folder of each; it is picked up without a \
         restart:"
    ));
    for (name, address) in declared.servers() {
        printer.line(&format!("    {name} at {address}"));
    }
}
