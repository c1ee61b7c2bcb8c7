//! The only way from the raw content of a file to the model: [`check`] consumes the raw content,
//! and returns the model or makes findings.
//!
//! A function here returns `None` for a part that it cannot build. It makes a finding about the
//! part, unless the raw value is missing because of an earlier finding. The other parts are still
//! checked.

mod declarations;
mod generated;
mod grants;
mod names;
mod network;
mod paths;
mod placed_rpc;
mod records;
mod rpcs;
mod services;
mod signature_size;
mod signatures;
mod spelling;
mod types;
pub(crate) mod units;

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::{Network, Service, TypeDecl};
use crate::name::Name;
use crate::raw::RawFile;

/// The only version of the format.
pub(crate) const VERSION: i64 = 1;

/// The parts of a correct file.
pub(crate) struct Checked {
    pub(crate) name: Option<Name>,
    pub(crate) doc: Option<String>,
    pub(crate) network: Network,
    pub(crate) types: Vec<TypeDecl>,
    pub(crate) services: Vec<Service>,
}

/// Checks a whole file. If the result is `None`, there is at least one finding.
pub(crate) fn check(raw: RawFile, file: Place<'_>, findings: &mut Findings) -> Option<Checked> {
    check_version(raw.version, file, findings);
    let name = match raw.name {
        Some(name) => names::check_name(&name, &file.field("name").span(), findings).map(Some),
        None => Some(None),
    };
    let (network, network_names) =
        network::check_network(raw.network, file.field("network"), findings);
    let (declared, types) =
        records::check_types(raw.types.unwrap_or_default(), file.field("types"), findings);
    let declarations = declarations::Declarations {
        network_names,
        types,
    };
    let services = services::check_services(
        raw.services.unwrap_or_default(),
        file.field("services"),
        &declarations,
        findings,
    );
    findings.is_empty().then_some(Checked {
        name: name?,
        doc: raw.doc,
        network: network?,
        types: declared?,
        services: services?,
    })
}

fn check_version(version: Option<i64>, file: Place<'_>, findings: &mut Findings) {
    if let Some(version) = version.filter(|version| *version != VERSION) {
        let span = file.field("version").span();
        let message = format!("there is no version {version} of this format");
        findings.push(
            Finding::new(Code::Version, span, message).hint(format!("write `version: {VERSION}`")),
        );
    }
}

/// Returns the parts if none of them is `None`.
fn all_or_none<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}
