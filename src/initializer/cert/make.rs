//! `cert`: makes what is missing.

use serde_json::json;

use super::arguments::MakeArguments;
use super::authority::{Ca, CurrentList};
use super::declared::Declared;
use super::inspect::{Damage, Inspected, Mend};
use super::layout::Kind;
use super::print::{Action, Printer, until};
use super::words::{Commands, shown};
use super::workshop::{Issuing, Workshop, Writing, warn_if_cut_short};
use super::{VerbError, steps};
use crate::exit_status::ExitStatus;
use crate::report::Colour;

/// What is to be done about a holder of the file.
enum Step {
    Make,
    Replace,
    Keep,
    KeepRevoked,
}

pub(super) fn make(arguments: &MakeArguments) -> Result<ExitStatus, VerbError> {
    let folder = &arguments.folder;
    let declared = Declared::load(folder.init())?;
    let commands = Commands {
        init: folder.init(),
        out: &folder.out,
    };
    let printer = Printer { json: folder.json };
    let (mut workshop, ca, list) = Workshop::to_make(&declared, commands, arguments.new_ca)?;
    let steps = plan(&workshop, list.as_ref(), arguments)?;
    workshop.print_finished(printer);
    let mut issuing = match (ca, list) {
        (Some(ca), Some(list)) => Issuing { ca, list },
        (_, earlier) => {
            let issuing = make_ca(&workshop, earlier.as_ref(), printer)?;
            workshop.forget_earlier_ca();
            issuing
        }
    };
    let refreshed = workshop.refresh_copies(&mut issuing, printer)?;
    let counts = carry_out(&workshop, &issuing, &steps, arguments.days, printer)?;
    let Counts {
        made,
        replaced,
        kept,
        revoked,
        left,
    } = counts;
    printer.object(&json!({
        "event": "summary", "network": declared.network(), "made": made, "replaced": replaced, "kept": kept,
        "revoked": revoked, "left": left, "refreshed": refreshed,
    }));
    printer.line(&format!(
        "cert: {made} made, {replaced} replaced, {kept} kept, {revoked} revoked, {left} not in the file"
    ));
    warn(
        &declared,
        &issuing.ca,
        arguments.days,
        made + replaced,
        printer,
    );
    if made + replaced > 0 {
        steps::print_next(&declared, &workshop.layout, printer);
    }
    Ok(ExitStatus::Done)
}

/// Decides about each holder of the file, in its order. Refuses all if one folder is not in order.
fn plan(
    workshop: &Workshop<'_>,
    list: Option<&CurrentList>,
    arguments: &MakeArguments,
) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    for inspected in workshop.of_file() {
        let serial = inspected.certificate.as_ref().map(|one| &one.serial);
        let is_revoked = serial.is_some_and(|serial| list.is_some_and(|list| list.revokes(serial)));
        match &inspected.damage {
            _ if inspected.is_missing() => steps.push(Step::Make),
            Some(damage) if !is_replaced(damage, arguments) => {
                refusals.push(workshop.refusal(&inspected.holder, damage));
            }
            _ if is_revoked && !arguments.new_ca => steps.push(Step::KeepRevoked),
            _ if arguments.overwrite => steps.push(Step::Replace),
            _ => steps.push(Step::Keep),
        }
    }
    if refusals.is_empty() {
        Ok(steps)
    } else {
        refusals.push("nothing has changed".to_owned());
        Err(refusals.join("\n"))
    }
}

fn is_replaced(damage: &Damage, arguments: &MakeArguments) -> bool {
    arguments.overwrite && damage.mend == Mend::NewPair
}

/// Makes the CA. Its list is newer than any earlier one, so that servers take it.
fn make_ca(
    workshop: &Workshop<'_>,
    earlier: Option<&CurrentList>,
    printer: Printer,
) -> Result<Issuing, String> {
    let network = workshop.declared.network();
    let number = earlier.map_or(0, CurrentList::number).saturating_add(1);
    let ca = Ca::make(&workshop.layout, network, number)?;
    let list = CurrentList::find(ca.certificate(), &workshop.layout, &[])?;
    let list = list.ok_or("the revocation list that was made is gone")?;
    let place = shown(ca.folder());
    let valid = until(ca.certificate().certificate());
    printer.object(&json!({
        "event": "authority", "network": network, "folder": place,
        "not-after": ca.certificate().certificate().not_after.to_string(),
    }));
    printer.marked(
        '+',
        Colour::Green,
        &format!("{place}: a new CA for the network `{network}`, {valid}"),
    );
    Ok(Issuing { ca, list })
}

#[derive(Debug, Default)]
struct Counts {
    made: usize,
    replaced: usize,
    kept: usize,
    revoked: usize,
    left: usize,
}

fn carry_out(
    workshop: &Workshop<'_>,
    issuing: &Issuing,
    steps: &[Step],
    days: u32,
    printer: Printer,
) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for (inspected, step) in workshop.of_file().zip(steps) {
        let holder = &inspected.holder;
        let present = inspected.certificate.as_ref();
        let place = shown(&inspected.folder);
        match step {
            Step::Make => {
                let made = workshop.write(issuing, inspected, Writing::Fresh, days)?;
                counts.made += 1;
                let details = format!("{}, in {place}", until(&made));
                printer.done(Action::Made, holder, Some(&made), &details);
            }
            Step::Replace => {
                let made = workshop.write(issuing, inspected, Writing::Over, days)?;
                counts.replaced += 1;
                let details = format!("{}, in {place}", until(&made));
                printer.done(Action::Replaced, holder, Some(&made), &details);
            }
            Step::Keep => {
                counts.kept += 1;
                let valid = present.map(until).unwrap_or_default();
                printer.done(Action::Kept, holder, present, &format!("kept, {valid}"));
            }
            Step::KeepRevoked => {
                counts.revoked += 1;
                let command = workshop.commands.cert("renew", &workshop.name_of(holder));
                let details = format!("revoked, and kept; `{command}` makes a new certificate");
                printer.done(Action::KeptRevoked, holder, present, &details);
            }
        }
    }
    for inspected in workshop.departed() {
        counts.left += usize::from(print_departed(workshop, issuing, inspected, printer));
    }
    Ok(counts)
}

/// Says that the file does not have somebody. Returns whether there is a certificate of theirs.
fn print_departed(
    workshop: &Workshop<'_>,
    issuing: &Issuing,
    inspected: &Inspected,
    printer: Printer,
) -> bool {
    let holder = &inspected.holder;
    let Some(present) = &inspected.certificate else {
        return false;
    };
    let place = shown(&inspected.folder);
    let details = if !inspected.is_of_ca {
        format!("not in the file, and worth nothing under this CA; {place} can be deleted")
    } else if issuing.list.revokes(&present.serial) {
        format!("not in the file, and revoked; {place} can be deleted")
    } else {
        let command = workshop.commands.cert("revoke", &workshop.name_of(holder));
        let valid = until(present);
        format!("not in the file, and still {valid}; `{command}` revokes it")
    };
    printer.done(Action::Left, holder, Some(present), &details);
    true
}

/// Says what the certificates leave open.
fn warn(declared: &Declared, ca: &Ca, days: u32, written: usize, printer: Printer) {
    if written > 0 {
        warn_if_cut_short(ca, days, printer);
    }
    if declared.lacks(Kind::Deployer) {
        printer.warning(&format!(
            "`{}` names no deployers, so nobody could deploy under TLS; add `deployers: [ops]` to its `network`, and \
             run this command again",
            shown(declared.path())
        ));
    }
}
