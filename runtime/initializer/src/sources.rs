//! Checks changed sources against their signatures, before anything is sent.
//!
//! The servers check every source again before they load it. A finding here names the place in both
//! files, and no transaction has begun.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::desired::Desired;
use crate::error::InitializerError;
use crate::survey::LiveServer;
use deploy::manifest::{RpcEntry, ServiceEntry};
use deploy::message::MAX_FILE_BYTES;

// A file that passes the check of the document is one that servers accept.
const _: () = assert!(rpc_schema::MAX_SOURCE_BYTES == MAX_FILE_BYTES as u64);

/// Checks the sources that differ from the live sources. `seen` has the answers of the desired
/// servers, in the same order. Returns notes for the plan: why the sources could not be checked.
///
/// # Errors
/// [`InitializerError::File`] with the findings.
pub(super) async fn check_changed(
    desired: &Desired,
    seen: &[LiveServer],
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
        Err(error) => Ok(vec![format!("the sources were not checked: {error}")]),
    }
}

/// Returns the procedures whose code, signature or modules differ from what is live. Each is the
/// index of its service in the document, and its index in the service.
fn find_changed(desired: &Desired, seen: &[LiveServer]) -> HashSet<(usize, usize)> {
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

/// Returns the index of each procedure that differs from what is live.
fn changed_procedures(service: &str, old: Option<&ServiceEntry>, new: &ServiceEntry) -> Vec<usize> {
    let old = old
        .filter(|old| old.modules == new.modules)
        .map(|old| old.rpcs.as_slice())
        .unwrap_or_default();
    let by_key: BTreeMap<_, _> = old.iter().map(|rpc| (rpc.key_text(service), rpc)).collect();
    let has_passed = |rpc: &RpcEntry| {
        by_key
            .get(&rpc.key_text(service))
            .is_some_and(|old| is_unchanged(old, rpc))
    };
    let rpcs = new.rpcs.iter().enumerate();
    rpcs.filter(|(_, rpc)| !has_passed(rpc))
        .map(|(index, _)| index)
        .collect()
}

/// Returns whether the source and the types are unchanged. A live source has passed the check.
fn is_unchanged(old: &RpcEntry, new: &RpcEntry) -> bool {
    (&old.source, &old.parameters, &old.returns) == (&new.source, &new.parameters, &new.returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deploy::manifest::sample;

    #[test]
    fn a_live_source_is_not_checked_again() {
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
