//! Procedures.

use std::time::Duration;

use super::all_or_none;
use super::declarations::Declarations;
use super::generated::check_generated_names;
use super::names::{Names, check_name};
use super::paths::check_path;
use super::placed_rpc::PlacedRpc;
use super::signature_size;
use super::signatures::check_signatures;
use super::types::check_type;
use super::units::check_duration;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::{self, Parameter, Rpc};
use crate::name::Name;
use crate::naming::RESERVED_FUNCTIONS;
use crate::raw::{NamedEntries, RawRpc, Texts};
use crate::signature::MAX_DEADLINE;
use crate::types::Type;

/// Checks the procedures of a service. `service` is its name as the file writes it.
pub(super) fn check_rpcs(
    raw: Vec<Option<RawRpc>>,
    service: &str,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Vec<Rpc>> {
    let mut names = Names::new("procedure");
    let rpcs = at.children().zip(raw).map(|(at, rpc)| {
        let rpc = check_rpc(rpc?, service, at, &mut names, declarations, findings)?;
        Some(PlacedRpc { rpc, at })
    });
    let rpcs: Vec<Option<PlacedRpc<'_>>> = rpcs.collect();
    let correct: Vec<&PlacedRpc<'_>> = rpcs.iter().flatten().collect();
    let distinct = check_signatures(service, &correct, findings);
    check_generated_names(&distinct, findings);
    all_or_none(rpcs).map(|rpcs| rpcs.into_iter().map(|placed| placed.rpc).collect())
}

fn check_rpc(
    raw: RawRpc,
    service: &str,
    at: Place<'_>,
    names: &mut Names,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Rpc> {
    let name = raw
        .name
        .as_deref()
        .and_then(|name| check_rpc_name(name, at, names, findings));
    let written = raw.name.unwrap_or_default();
    let parameters = check_parameters(
        raw.arguments.unwrap_or_default(),
        at.field("arguments"),
        declarations,
        findings,
    );
    let returns = check_returns(
        raw.returns.unwrap_or_default(),
        at.field("returns"),
        declarations,
        findings,
    );
    let code = check_code(
        raw.native == Some(true),
        raw.path.as_deref(),
        service,
        &written,
        at,
        findings,
    );
    let is_small = match (&name, &parameters, &returns) {
        (Some(name), Some(parameters), Some(returns)) => {
            signature_size::check(service, name, parameters, returns, at, findings)
        }
        _ => true,
    };
    let deadline = check_deadline(raw.deadline.as_deref(), at.field("deadline"), findings);
    if !is_small {
        return None;
    }
    Some(Rpc {
        name: name?,
        doc: raw.doc,
        parameters: parameters?,
        returns: returns?,
        code: code?,
        deadline: deadline?,
        idempotent: raw.idempotent == Some(true),
    })
}

fn check_rpc_name(
    written: &str,
    at: Place<'_>,
    names: &mut Names,
    findings: &mut Findings,
) -> Option<Name> {
    let span = at.field("name").span();
    let name = names.declare_shared(written, span.clone(), findings)?;
    if !RESERVED_FUNCTIONS.contains(&name.as_str()) {
        return Some(name);
    }
    let message = format!("a procedure cannot be called `{name}`");
    let hint = "the generated client has a function of that name; rename the procedure";
    findings.push(Finding::new(Code::ReservedName, span, message).hint(hint));
    None
}

fn check_parameters(
    raw: NamedEntries<String>,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Vec<Parameter>> {
    let parameters = at.children().zip(raw).map(|(at, (written, ty))| {
        let name = written
            .as_ref()
            .and_then(|name| check_name(name, &at.key_span(), findings));
        let ty = ty.and_then(|ty| check_type(&ty, at, &declarations.types, findings));
        if written.is_some() && name.is_none() {
            return None;
        }
        Some(Parameter { name, ty: ty? })
    });
    all_or_none(parameters.collect())
}

fn check_returns(
    raw: Texts,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Vec<Type>> {
    let types = at
        .items()
        .zip(raw)
        .map(|(at, ty)| check_type(&ty?, at, &declarations.types, findings));
    all_or_none(types.collect())
}

fn check_code(
    native: bool,
    path: Option<&str>,
    service: &str,
    rpc: &str,
    at: Place<'_>,
    findings: &mut Findings,
) -> Option<model::Code> {
    match (native, path) {
        (true, None) => Some(model::Code::Native),
        (true, Some(_)) => {
            let message = "a native procedure has no `path`";
            let hint =
                "it is compiled into the provider's own binary; remove `path` or `native: true`";
            findings.push(
                Finding::new(Code::NativeWithPath, at.field("path").span(), message).hint(hint),
            );
            None
        }
        (false, Some(path)) => {
            check_path(path, at.field("path"), findings).map(model::Code::Source)
        }
        (false, None) => Some(model::Code::Source(format!("services/{service}/{rpc}.py"))),
    }
}

/// Returns the outer `None` for an invalid value, and the inner `None` if there is no value.
#[allow(clippy::option_option)]
fn check_deadline(
    raw: Option<&str>,
    at: Place<'_>,
    findings: &mut Findings,
) -> Option<Option<Duration>> {
    match raw {
        Some(text) => {
            let deadline = check_duration(text, at, findings)?;
            if deadline > MAX_DEADLINE {
                let message = format!("a deadline is at most 366 days, not `{text}`");
                findings.push(Finding::new(Code::BadDuration, at.span(), message));
                return None;
            }
            Some(Some(deadline))
        }
        None => Some(None),
    }
}
