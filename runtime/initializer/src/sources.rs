//! Sources that differ from what is live, held against their signatures before anything is sent.
//!
//! The servers check every source again before they load it; here, a finding has its place in both
//! files and costs no transaction.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::InitializerError;
use super::desired::Desired;
use super::survey::Seen;
use deploy::manifest::{RpcEntry, ServiceEntry};

/// Checks what differs; `seen` has the answers of the desired servers, in their order. What comes
/// back are notes for the plan: why nothing could be checked.
///
/// # Errors
/// The findings.
pub(super) async fn check_changed(
    desired: &Desired,
    seen: &[Seen],
    python: Option<&Path>,
) -> Result<Vec<String>, InitializerError> {
    let Some(python) = python.map(Path::to_owned) else {
        return Ok(Vec::new());
    };
    let changed = find_changed(desired, seen);
    let document = Arc::clone(&desired.document);
    let check = move || {
        let only = |service, rpc| changed.contains(&(service, rpc));
        rpc_conformance::check_procedures(&document, Some(&python), only)
    };
    match tokio::task::spawn_blocking(check).await {
        Ok(Ok(findings)) if findings.is_empty() => Ok(Vec::new()),
        Ok(Ok(findings)) => Err(InitializerError::File(Box::new(
            desired.document.report(findings),
        ))),
        Ok(Err(unavailable)) => Ok(vec![unavailable.to_string()]),
        Err(ended) => Ok(vec![format!("the check of the sources ended: {ended}")]),
    }
}

/// The procedures whose code, signature or modules are not what is live, by their places in the
/// document.
fn find_changed(desired: &Desired, seen: &[Seen]) -> HashSet<(usize, usize)> {
    let mut changed = HashSet::new();
    for (index, service) in desired.document.schema.services.iter().enumerate() {
        let name = service.name.as_str();
        let mut servers = desired.servers.iter().zip(seen);
        let Some((server, seen)) = servers.find(|(server, _)| service.provider == *server.name)
        else {
            continue;
        };
        let Some(new) = server.manifest.services.get(name) else {
            continue;
        };
        let old = seen
            .running(server)
            .and_then(|manifest| manifest.services.get(name));
        changed.extend(
            changed_procedures(name, old, new)
                .into_iter()
                .map(|rpc| (index, rpc)),
        );
    }
    changed
}

fn changed_procedures(service: &str, old: Option<&ServiceEntry>, new: &ServiceEntry) -> Vec<usize> {
    let old = old
        .filter(|old| old.modules == new.modules)
        .map(|old| old.rpcs.as_slice())
        .unwrap_or_default();
    let by_key: BTreeMap<_, _> = old.iter().map(|rpc| (rpc.key_text(service), rpc)).collect();
    let passed = |rpc: &RpcEntry| {
        by_key
            .get(&rpc.key_text(service))
            .is_some_and(|old| is_as_before(old, rpc))
    };
    let rpcs = new.rpcs.iter().enumerate();
    rpcs.filter(|(_, rpc)| !passed(rpc))
        .map(|(place, _)| place)
        .collect()
}

/// Whether nothing changed that a source is held against; a live one has passed.
fn is_as_before(old: &RpcEntry, new: &RpcEntry) -> bool {
    (&old.source, &old.parameters, &old.returns) == (&new.source, &new.parameters, &new.returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deploy::manifest::sample;

    #[test]
    fn what_passed_before_is_not_checked_again() {
        let service = |hash| sample(hash).services["svc1"].clone();
        let check =
            |old: Option<&ServiceEntry>, spoil: fn(&mut ServiceEntry), expected: &[usize]| {
                let mut new = service('a');
                spoil(&mut new);
                assert_eq!(changed_procedures("svc1", old, &new), expected);
            };
        check(None, |_| (), &[0]);
        check(Some(&service('b')), |_| (), &[0]);
        let live = service('a');
        check(Some(&live), |_| (), &[]);
        check(Some(&live), |new| new.rpcs[0].deadline_ms = Some(1), &[]);
        check(Some(&live), |new| new.tenants.clear(), &[]);
        check(
            Some(&live),
            |new| new.rpcs[0].returns = vec!["int".to_owned()],
            &[0],
        );
        check(
            Some(&live),
            |new| new.rpcs[0].parameters[0].name = None,
            &[0],
        );
        check(
            Some(&live),
            |new| new.modules.extend(new.rpcs[0].source.clone()),
            &[0],
        );
    }
}
