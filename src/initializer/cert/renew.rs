//! `cert renew`: makes new certificates and keys, signed by the same CA.

use serde_json::json;

use super::VerbError;
use super::arguments::RenewArguments;
use super::authority::CurrentList;
use super::declared::Declared;
use super::inspect::{Inspected, Mend};
use super::layout::Holder;
use super::print::{Action, Printer, until};
use super::select::select;
use super::words::{Commands, shown};
use super::workshop::{Workshop, Writing, warn_if_cut_short};
use crate::exit_status::ExitStatus;

/// What is to be done about a holder.
enum Step {
    Renew,
    KeepRevoked,
    LeaveMissing,
}

pub(super) fn renew(arguments: &RenewArguments) -> Result<ExitStatus, VerbError> {
    let RenewArguments {
        folder,
        names,
        days,
    } = arguments;
    let declared = Declared::load(folder.init())?;
    let commands = Commands {
        init: folder.init(),
        out: &folder.out,
    };
    let printer = Printer { json: folder.json };
    let (workshop, mut issuing) = Workshop::to_change(&declared, commands)?;
    let steps = plan(&workshop, &issuing.list, names)?;
    workshop.print_finished(printer);
    workshop.refresh_copies(&mut issuing, printer)?;
    let mut renewed = 0;
    for (inspected, step) in &steps {
        let holder = &inspected.holder;
        let present = inspected.certificate.as_ref();
        match step {
            Step::Renew => {
                let made = workshop.write(&issuing, inspected, Writing::Over, *days)?;
                renewed += 1;
                let details = format!("{}, in {}", until(&made), shown(&inspected.folder));
                printer.done(Action::Replaced, holder, Some(&made), &details);
                if let Some(earlier) = present {
                    print_earlier(&workshop, &issuing.list, earlier, printer);
                }
            }
            Step::KeepRevoked => {
                let command = commands.cert("renew", &workshop.name_of(holder));
                let details = format!("revoked, and kept; `{command}` makes a new certificate");
                printer.done(Action::KeptRevoked, holder, present, &details);
            }
            Step::LeaveMissing => {
                let details = format!("none yet; `{}` makes it", commands.cert("", ""));
                printer.done(Action::Missing, holder, None, &details);
            }
        }
    }
    let others = steps.len() - renewed;
    printer.object(&json!({ "event": "summary", "renewed": renewed, "others": others }));
    printer.line(&format!(
        "cert renew: {renewed} renewed, {others} left as they are"
    ));
    if renewed > 0 {
        warn_if_cut_short(&issuing.ca, *days, printer);
        printer.line(
            "bring each folder to its machine; a running server takes its new certificate without a restart",
        );
    }
    Ok(ExitStatus::Done)
}

/// Says that a certificate that was replaced is still valid.
fn print_earlier(
    workshop: &Workshop<'_>,
    list: &CurrentList,
    earlier: &tls::Certificate,
    printer: Printer,
) {
    let serial = &earlier.serial;
    if list.revokes(serial) {
        return printer.line(&format!("    its earlier one, {serial}, is revoked"));
    }
    let command = workshop
        .commands
        .cert("revoke", &format!("--serial {serial}"));
    printer.line(&format!(
        "    its earlier one is not revoked, and {}; `{command}` revokes it",
        until(earlier)
    ));
}

/// Decides about each holder that is meant. Refuses all if one of them cannot be renewed.
fn plan<'w>(
    workshop: &'w Workshop<'_>,
    list: &CurrentList,
    names: &[String],
) -> Result<Vec<(&'w Inspected, Step)>, String> {
    let all: Vec<&Holder> = workshop.inspected.iter().map(|one| &one.holder).collect();
    let selected = select(names, &all)?;
    let is_meant = |one: &&Inspected| names.is_empty() || selected.contains(&one.holder);
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    if !names.is_empty() {
        let departed = workshop.departed().filter(is_meant);
        refusals.extend(departed.map(|one| format!("the file does not have {}", one.holder)));
    }
    for inspected in workshop.of_file().filter(is_meant) {
        match step(inspected, list, !names.is_empty()) {
            Some(step) => steps.push((inspected, step)),
            None => refusals.push(refusal(workshop, inspected)),
        }
    }
    if refusals.is_empty() {
        Ok(steps)
    } else {
        refusals.push("nothing has changed".to_owned());
        Err(refusals.join("\n"))
    }
}

/// Returns what is done about a folder. Returns `None` if it is not in order. `is_named` says whether
/// the command line names its holder.
fn step(inspected: &Inspected, list: &CurrentList, is_named: bool) -> Option<Step> {
    let certificate = inspected.certificate.as_ref();
    let is_revoked = certificate.is_some_and(|certificate| list.revokes(&certificate.serial));
    match &inspected.damage {
        Some(damage) if !(is_named && damage.mend == Mend::NewPair) => None,
        None if inspected.is_missing() => (!is_named).then_some(Step::LeaveMissing),
        _ if is_revoked && !is_named => Some(Step::KeepRevoked),
        _ => Some(Step::Renew),
    }
}

fn refusal(workshop: &Workshop<'_>, inspected: &Inspected) -> String {
    let holder = &inspected.holder;
    match &inspected.damage {
        Some(damage) => workshop.refusal(holder, damage),
        None => format!(
            "{holder} has no certificate yet; `{}` makes it",
            workshop.commands.cert("", "")
        ),
    }
}
