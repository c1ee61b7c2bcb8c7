//! `cert list`: shows the certificates of a folder, and what needs attention.

mod entry;
mod table;

use std::collections::BTreeSet;

use serde_json::json;
use tls::stored::StoredCertificate;
use tls::{CA_FILE, LIST_FILE, Time};

use self::entry::{Entry, Subject};
use super::VerbError;
use super::arguments::ListArguments;
use super::authority::read_certificate;
use super::declared::Declared;
use super::inspect::Inspected;
use super::layout::{Holder, Layout};
use super::print::Printer;
use super::private_files::is_taken;
use super::words::{Commands, said, shown};
use super::workshop::{all_holders, name_among};
use crate::exit_status::ExitStatus;
use crate::initializer::print::counted;

pub(super) fn list(arguments: &ListArguments) -> Result<ExitStatus, VerbError> {
    let folder = &arguments.folder;
    let declared = folder.named_init().map(Declared::load).transpose()?;
    let commands = Commands {
        init: folder.init(),
        out: &folder.out,
    };
    let printer = Printer { json: folder.json };
    let entries = read(declared.as_ref(), commands)?;
    let attention = entries
        .iter()
        .filter(|entry| entry.needs_attention())
        .count();
    table::print(&entries, printer);
    printer.object(&json!({
        "event": "summary", "certificates": entries.len(), "attention": attention,
    }));
    let need = if attention == 1 { "needs" } else { "need" };
    let certificates = counted(entries.len(), "certificate");
    printer.line(&format!(
        "cert list: {certificates}, {attention} {need} attention"
    ));
    Ok(if attention == 0 {
        ExitStatus::Done
    } else {
        ExitStatus::Difference
    })
}

/// Reads the folder: the CA, and everybody of the file or of the folder.
fn read(declared: Option<&Declared>, commands: Commands<'_>) -> Result<Vec<Entry>, String> {
    let layout = Layout::new(commands.out);
    let holders = all_holders(declared, &layout)?;
    let ca = read_ca(declared, &layout)?;
    if ca.is_none() && layout.holders()?.is_empty() {
        return Err(format!(
            "there are no certificates in `{}`; make them with `{}`",
            shown(layout.root()),
            commands.cert("", "")
        ));
    }
    let network = declared.map(|declared| declared.network().to_owned());
    let network = network.or_else(|| ca.as_ref().and_then(StoredCertificate::network));
    let mut inspected = Vec::new();
    for holder in &holders {
        let own = own_ca(&layout, holder);
        let ca = ca.as_ref().or(own.as_ref());
        inspected.push(Inspected::inspect(&layout, holder, network.as_deref(), ca)?);
    }
    let revoked = revoked(ca.as_ref(), &layout, &inspected)?;
    let now = Time::now();
    let known: Vec<&Holder> = holders.iter().collect();
    let mut entries = Vec::new();
    if let Some(ca) = &ca {
        let name = network.as_deref().unwrap_or("-");
        entries.push(Entry::of_ca(
            ca.certificate(),
            name,
            layout.authority(),
            commands,
            now,
        ));
    }
    for inspected in inspected {
        let subject = Subject {
            is_declared: declared.map(|declared| declared.names(&inspected.holder)),
            spelt: name_among(&inspected.holder, &known),
            commands,
            now,
        };
        entries.push(Entry::of_holder(inspected, &revoked, &subject));
    }
    Ok(entries)
}

/// Reads the certificate of the CA. Its folder may be kept elsewhere.
fn read_ca(
    declared: Option<&Declared>,
    layout: &Layout,
) -> Result<Option<StoredCertificate>, String> {
    let folder = layout.authority();
    if !is_taken(&folder.join(CA_FILE)).unwrap_or(false) {
        return Ok(None);
    }
    match declared {
        Some(declared) => read_certificate(&folder, declared.network()).map(Some),
        None => StoredCertificate::read(&folder.join(CA_FILE))
            .map(Some)
            .map_err(|error| said(&error)),
    }
}

/// Returns the copy of the CA's certificate in the folder of a holder.
fn own_ca(layout: &Layout, holder: &Holder) -> Option<StoredCertificate> {
    StoredCertificate::read(&layout.holder(holder).join(CA_FILE)).ok()
}

/// Returns the serial numbers that any list revokes.
fn revoked(
    ca: Option<&StoredCertificate>,
    layout: &Layout,
    inspected: &[Inspected],
) -> Result<BTreeSet<String>, String> {
    let at_home = ca.map(|ca| ca.read_list(&layout.authority().join(LIST_FILE)));
    let at_home = at_home.transpose().map_err(|error| said(&error))?.flatten();
    let copies = inspected.iter().filter_map(|one| one.list.as_ref());
    let lists = at_home.iter().chain(copies);
    let serials = lists.flat_map(|list| list.serials().map(str::to_owned));
    Ok(serials.collect())
}
