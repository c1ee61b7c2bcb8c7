//! `cert revoke`: puts certificates on the revocation list, and brings it to the servers.

use std::collections::BTreeSet;

use serde_json::json;

use super::arguments::RevokeArguments;
use super::authority::CurrentList;
use super::bring::bring_list;
use super::declared::Declared;
use super::layout::Holder;
use super::print::{Action, Printer, path_json, short_serial};
use super::select::select;
use super::words::{Commands, shown};
use super::workshop::{Issuing, Workshop};
use super::{VerbError, steps};
use crate::exit_status::ExitStatus;
use crate::report::Colour;

/// A certificate that is to be revoked.
struct Revocation {
    serial: String,
    /// Its owner, if a folder has the certificate.
    holder: Option<Holder>,
}

pub(super) async fn revoke(arguments: &RevokeArguments) -> Result<ExitStatus, VerbError> {
    let folder = &arguments.folder;
    let declared = Declared::load(folder.init())?;
    let commands = Commands {
        init: folder.init(),
        out: &folder.out,
    };
    let printer = Printer { json: folder.json };
    let list = {
        let (workshop, mut issuing) = Workshop::to_change(&declared, commands)?;
        let revocations = plan(&workshop, &issuing, arguments)?;
        workshop.print_finished(printer);
        put_on_list(&workshop, &mut issuing, &revocations, printer)?;
        issuing.list
    };
    if arguments.offline {
        steps::print_bringing(&declared, list.path(), printer);
        return Ok(ExitStatus::Done);
    }
    match bring_list(&declared, list.text(), arguments, printer).await {
        Ok(()) => Ok(ExitStatus::Done),
        Err(error) => {
            steps::print_bringing(&declared, list.path(), printer);
            Err(VerbError::Message(format!("the list is made, but {error}")))
        }
    }
}

/// Finds what the command line means. Refuses all if one certificate cannot be revoked.
fn plan(
    workshop: &Workshop<'_>,
    issuing: &Issuing,
    arguments: &RevokeArguments,
) -> Result<Vec<Revocation>, String> {
    let all: Vec<&Holder> = workshop.inspected.iter().map(|one| &one.holder).collect();
    let selected = select(&arguments.names, &all)?;
    let mut revocations: Vec<Revocation> = Vec::new();
    let mut refusals = Vec::new();
    for inspected in &workshop.inspected {
        let holder = &inspected.holder;
        if !selected.contains(holder) {
            continue;
        }
        match &inspected.certificate {
            Some(certificate) if inspected.is_of_ca => revocations.push(Revocation {
                serial: certificate.serial.clone(),
                holder: Some(holder.clone()),
            }),
            _ => {
                let damage = inspected.damage.as_ref();
                let why = damage.map_or("", |damage| &damage.what);
                let why = if why.is_empty() {
                    format!(
                        "{holder} has no certificate in `{}`",
                        shown(&inspected.folder)
                    )
                } else {
                    why.to_owned()
                };
                refusals.push(format!("{why}; give its number with --serial"));
            }
        }
    }
    for serial in &arguments.serial {
        if *serial == issuing.ca.certificate().certificate().serial {
            refusals.push(format!(
                "{serial} is the CA itself; `{}` makes a new one",
                workshop.commands.new_ca()
            ));
        }
        if revocations.iter().all(|one| one.serial != *serial) {
            let serial = serial.clone();
            let holder = whose(workshop, &serial);
            revocations.push(Revocation { serial, holder });
        }
    }
    if refusals.is_empty() {
        Ok(revocations)
    } else {
        refusals.push("nothing has changed".to_owned());
        Err(refusals.join("\n"))
    }
}

/// Returns who has the certificate with this serial number.
fn whose(workshop: &Workshop<'_>, serial: &str) -> Option<Holder> {
    let mut inspected = workshop.inspected.iter();
    let found = inspected.find(|one| {
        let certificate = one.certificate.as_ref();
        certificate.is_some_and(|certificate| certificate.serial == serial)
    });
    found.map(|one| one.holder.clone())
}

/// Makes a new list if one is needed, and copies the list to all folders.
fn put_on_list(
    workshop: &Workshop<'_>,
    issuing: &mut Issuing,
    revocations: &[Revocation],
    printer: Printer,
) -> Result<(), String> {
    let before: BTreeSet<String> = issuing.list.serials().clone();
    let mut serials = before.clone();
    serials.extend(revocations.iter().map(|one| one.serial.clone()));
    let is_new = serials.len() > before.len() || issuing.list.is_incomplete();
    if is_new {
        issuing.list = issuing.ca.revoke(&issuing.list, serials)?;
    }
    for revocation in revocations {
        print_revocation(revocation, before.contains(&revocation.serial), printer);
    }
    let copies = workshop.refresh_copies(issuing, printer)?;
    print_list(&issuing.list, is_new, copies, printer);
    warn_of_others(workshop, printer);
    Ok(())
}

/// Names the folders to which the list was not copied, because they are not in order.
fn warn_of_others(workshop: &Workshop<'_>, printer: Printer) {
    for inspected in workshop.of_file().filter(|one| !one.is_of_ca) {
        if let Some(damage) = &inspected.damage {
            let refusal = workshop.refusal(&inspected.holder, damage);
            let place = shown(&inspected.folder);
            printer.warning(&format!("the list was not copied to `{place}`: {refusal}"));
        }
    }
}

fn print_revocation(revocation: &Revocation, was_revoked: bool, printer: Printer) {
    let Revocation { serial, holder } = revocation;
    let action = if was_revoked {
        Action::RevokedBefore
    } else {
        Action::Revoked
    };
    let who = holder.as_ref().map(Holder::to_string);
    let who = who.unwrap_or_else(|| "the certificate".to_owned());
    let details = if was_revoked {
        "revoked before"
    } else {
        "revoked"
    };
    let text = format!("{who}: {details}, serial {}", short_serial(serial));
    printer.revoked(action, holder.as_ref(), serial, &text);
}

fn print_list(list: &CurrentList, is_new: bool, copies: usize, printer: Printer) {
    let number = list.number();
    let count = list.len();
    printer.object(&json!({
        "event": "list", "number": number, "revoked": count, "new": is_new, "file": path_json(list.path()),
        "copies": copies,
    }));
    let made = if is_new { "made" } else { "nothing to add" };
    let text = format!(
        "list {number}: {made}, {count} revoked in all, in {}",
        shown(list.path())
    );
    let mark = if is_new { '+' } else { '=' };
    printer.marked(mark, Colour::Plain, &text);
}
