//! Services: their providers, their tenants, and the files that belong to their code.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;

use super::all_or_none;
use super::declarations::Declarations;
use super::grants::check_grants;
use super::names::Names;
use super::network::NetworkNames;
use super::paths::check_path;
use super::rpcs::check_rpcs;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::Service;
use crate::name::Name;
use crate::naming::{PYTHON_TYPES_MODULE, RESERVED_MODULES, RUNTIME_CRATE};
use crate::raw::{NamedEntries, RawService, Texts};

pub(super) fn check_services(
    raw: NamedEntries<RawService>,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Vec<Service>> {
    let mut names = Names::new("service");
    let services = at.children().zip(raw).map(|(at, (written, service))| {
        let name = written
            .as_ref()
            .and_then(|name| check_service_name(name, at, &mut names, findings));
        let written = written.unwrap_or_default();
        check_service(service?, name, &written, at, declarations, findings)
    });
    all_or_none(services.collect())
}

fn check_service_name(
    written: &str,
    at: Place<'_>,
    names: &mut Names,
    findings: &mut Findings,
) -> Option<Name> {
    let name = names.declare(written, at.head(), findings)?;
    if !RESERVED_MODULES.contains(&name.as_str()) {
        return Some(name);
    }
    let message = format!("a service cannot be called `{name}`");
    let hint = if name == *RUNTIME_CRATE {
        "the stubs use the crate of this name; rename the service"
    } else {
        "the name is reserved for a generated file; rename the service"
    };
    findings.push(Finding::new(Code::ReservedName, at.head(), message).hint(hint));
    None
}

fn check_service(
    raw: RawService,
    name: Option<Name>,
    written: &str,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Service> {
    let provider = raw
        .provider
        .and_then(|name| check_provider(&name, at.field("provider"), declarations, findings));
    let tenants = check_tenants(
        raw.tenants.unwrap_or_default(),
        at.field("tenants"),
        declarations,
        findings,
    );
    let modules = check_files(
        raw.modules.unwrap_or_default(),
        at.field("modules"),
        FileKind::Module,
        findings,
    );
    let data = check_files(
        raw.data.unwrap_or_default(),
        at.field("data"),
        FileKind::Data,
        findings,
    );
    let grants = check_grants(raw.allow.unwrap_or_default(), at.field("allow"), findings);
    let concurrency = check_concurrency(raw.concurrency, at, findings);
    let rpcs = check_rpcs(
        raw.rpcs.unwrap_or_default(),
        written,
        at.field("rpcs"),
        declarations,
        findings,
    );
    Some(Service {
        name: name?,
        provider: provider?,
        tenants: tenants?,
        modules: modules?,
        data: data?,
        grants: grants?,
        concurrency: concurrency?,
        rpcs: rpcs?,
    })
}

fn check_provider(
    name: &str,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Name> {
    let NetworkNames {
        servers,
        clients,
        is_complete,
    } = &declarations.network_names;
    if servers.contains(name) {
        return Name::new(name).ok();
    }
    if *is_complete && !findings.is_full() {
        let hint = if clients.contains(name) {
            Some(format!(
                "`{name}` is a client; services are provided by servers"
            ))
        } else {
            findings.name_hint(|| servers.hint(name))
        };
        let message = format!("unknown provider `{name}`");
        findings.push(Finding::new(Code::UnknownProvider, at.span(), message).maybe_hint(hint));
    }
    None
}

fn check_tenants(
    raw: Texts,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Vec<Name>> {
    let mut seen = HashMap::new();
    let tenants = at.children().zip(raw).map(|(at, name)| {
        let name = name?;
        if let Some(first) = seen.insert(name.clone(), at.span()) {
            let finding = Finding::new(
                Code::DuplicateTenant,
                at.span(),
                format!("`{name}` is already a tenant"),
            );
            findings.push(finding.related(first, "it is listed here"));
            return None;
        }
        check_tenant(&name, at, declarations, findings)
    });
    all_or_none(tenants.collect())
}

fn check_tenant(
    name: &str,
    at: Place<'_>,
    declarations: &Declarations,
    findings: &mut Findings,
) -> Option<Name> {
    let NetworkNames {
        servers,
        clients,
        is_complete,
    } = &declarations.network_names;
    if clients.contains(name) {
        return Name::new(name).ok();
    }
    if servers.contains(name) {
        let message = format!("the tenant `{name}` is a server");
        let hint = "a server does not call services; declare a client for it, and list the client as a tenant";
        findings.push(Finding::new(Code::TenantIsServer, at.span(), message).hint(hint));
    } else if *is_complete && !findings.is_full() {
        let message = format!("unknown tenant `{name}`");
        let hint = findings.name_hint(|| clients.hint(name));
        findings.push(Finding::new(Code::UnknownTenant, at.span(), message).maybe_hint(hint));
    }
    None
}

#[derive(Clone, Copy)]
enum FileKind {
    Module,
    Data,
}

impl FileKind {
    /// Returns the part of a path that must be unique among the files of this kind.
    fn identity(self, path: &str) -> &str {
        match self {
            Self::Module => stem(path),
            Self::Data => path,
        }
    }

    fn duplicate_message(self, identity: &str) -> String {
        match self {
            Self::Module => format!("two modules are imported as `{identity}`"),
            Self::Data => format!("the data file `{identity}` is listed twice"),
        }
    }
}

fn check_files(
    raw: Texts,
    at: Place<'_>,
    kind: FileKind,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let mut seen: HashMap<String, Range<usize>> = HashMap::new();
    let files = at.children().zip(raw).map(|(at, path)| {
        let path = check_path(&path?, at, findings)?;
        let identity = kind.identity(&path);
        if matches!(kind, FileKind::Module) && identity == PYTHON_TYPES_MODULE {
            let message = format!("a module cannot be called `{identity}`");
            let hint =
                "the name is reserved for the module of records and enumerations; rename the file";
            findings.push(Finding::new(Code::ReservedName, at.span(), message).hint(hint));
            return None;
        }
        if let Some(first) = seen.get(identity) {
            let message = kind.duplicate_message(identity);
            let finding = Finding::new(Code::SameFile, at.span(), message);
            findings.push(finding.related(first.clone(), "the first is here"));
            return None;
        }
        seen.insert(identity.to_owned(), at.span());
        Some(path)
    });
    all_or_none(files.collect())
}

/// Returns the name of a file without its folder and its last extension.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Returns the outer `None` for an invalid value, and the inner `None` if there is no value.
#[allow(clippy::option_option)]
fn check_concurrency(
    raw: Option<i64>,
    service: Place<'_>,
    findings: &mut Findings,
) -> Option<Option<NonZeroU32>> {
    let Some(written) = raw else {
        return Some(None);
    };
    let checked = u32::try_from(written).ok().and_then(NonZeroU32::new);
    if checked.is_none() {
        let message = format!("`concurrency` is between 1 and {}, not {written}", u32::MAX);
        let finding = Finding::new(
            Code::BadConcurrency,
            service.field("concurrency").span(),
            message,
        );
        findings.push(
            finding.hint("1 allows one call at a time; leave the key out to let the server decide"),
        );
    }
    checked.map(Some)
}
