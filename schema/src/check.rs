//! The only road from the raw mirror to the model: [`check`] consumes the one and returns the
//! other, or says why not.
//!
//! Every function here returns `None` for what it cannot build and has made a finding about it, or
//! leaves that to the hole it was given; its siblings are checked all the same.

mod generated;
mod grants;
mod names;
mod network;
mod paths;
mod records;
mod rpcs;
mod services;
mod signatures;
mod spelling;
mod types;
pub(crate) mod units;

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::{Network, Service, TypeDecl};
use crate::raw::RawFile;

/// The only version of the format.
pub(crate) const VERSION: i64 = 1;

/// The parts of a file that is right.
pub(crate) struct Checked {
    pub(crate) network: Network,
    pub(crate) types: Vec<TypeDecl>,
    pub(crate) services: Vec<Service>,
}

/// Checks a whole file; `None` is never without a finding.
pub(crate) fn check(raw: RawFile, file: Place<'_>, findings: &mut Findings) -> Option<Checked> {
    check_version(raw.version, file, findings);
    let (network, roster) = network::check_network(raw.network, file.field("network"), findings);
    let (declared, types) =
        records::check_types(raw.types.unwrap_or_default(), file.field("types"), findings);
    let world = services::World { roster, types };
    let services = services::check_services(
        raw.services.unwrap_or_default(),
        file.field("services"),
        &world,
        findings,
    );
    findings.is_empty().then_some(Checked {
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

/// All of the parts, when none is missing.
fn whole<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}
