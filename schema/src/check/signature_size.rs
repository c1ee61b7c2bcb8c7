//! The size of a signature: what a message of the protocol and a tuple of Rust can hold.

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::Parameter;
use crate::name::Name;
use crate::signature::{MAX_ARGUMENTS, MAX_RETURNS, MAX_SIGNATURE_BYTES, bind_bytes};
use crate::types::Type;

/// Returns whether a call can carry a signature.
pub(super) fn check(
    service: &str,
    rpc: &Name,
    parameters: &[Parameter],
    returns: &[Type],
    at: Place<'_>,
    findings: &mut Findings,
) -> bool {
    if parameters.len() > MAX_ARGUMENTS {
        let message = format!(
            "`{rpc}` has {} arguments; the limit is {MAX_ARGUMENTS}",
            parameters.len()
        );
        let place = at.field("arguments").children().nth(MAX_ARGUMENTS);
        findings.push(too_large(place.unwrap_or(at), message).hint("take a list or a record"));
        return false;
    }
    if returns.len() > MAX_RETURNS {
        let message = format!(
            "`{rpc}` returns {} values; the limit is {MAX_RETURNS}",
            returns.len()
        );
        let place = at.field("returns").children().nth(MAX_RETURNS);
        findings.push(too_large(place.unwrap_or(at), message).hint("return a list or a record"));
        return false;
    }
    let types = parameters.iter().map(|parameter| &parameter.ty);
    let bytes = bind_bytes(service, rpc.as_str(), types, returns);
    if bytes > MAX_SIGNATURE_BYTES {
        let message = format!(
            "the signature of `{rpc}` has {bytes} bytes, with the fields of its records; the limit is {MAX_SIGNATURE_BYTES}"
        );
        let hint = "use smaller records, or fewer of them";
        findings.push(Finding::new(Code::SignatureTooLarge, at.head(), message).hint(hint));
        return false;
    }
    true
}

fn too_large(at: Place<'_>, message: String) -> Finding {
    let span = if at.key().is_some() {
        at.key_span()
    } else {
        at.span()
    };
    Finding::new(Code::SignatureTooLarge, span, message)
}
