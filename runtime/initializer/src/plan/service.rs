//! Compares a service before and after a plan: its procedures, its files and its settings.

use std::collections::{BTreeMap, BTreeSet};

use deploy::manifest::{FileEntry, GrantsEntry, RpcEntry, ServiceEntry, printed_type};

use super::{Aspect, AspectChange, FileChange, Mark, RpcChange, ServiceChange};

/// Compares the live service with the desired service.
pub(super) fn plan_service(
    name: &str,
    old: Option<&ServiceEntry>,
    new: Option<&ServiceEntry>,
) -> ServiceChange {
    let by_key = |service: Option<&ServiceEntry>| -> BTreeMap<String, RpcEntry> {
        let rpcs = service
            .map(|service| service.rpcs.as_slice())
            .unwrap_or_default();
        rpcs.iter()
            .map(|rpc| (rpc.key_text(name), rpc.clone()))
            .collect()
    };
    let old_rpcs = by_key(old);
    let new_rpcs = by_key(new);
    let keys: BTreeSet<_> = old_rpcs.keys().chain(new_rpcs.keys()).collect();
    let rpcs = keys
        .into_iter()
        .map(|key| plan_rpc(key, old_rpcs.get(key), new_rpcs.get(key)))
        .collect();
    let aspects = match (old, new) {
        (Some(old), Some(new)) => compare_service(old, new),
        _ => Vec::new(),
    };
    let mark = match (old, new) {
        (None, _) => Mark::New,
        (_, None) => Mark::Removed,
        (Some(old), Some(new)) if old == new => Mark::Unchanged,
        _ => Mark::Changed,
    };
    let is_granted = |service: &ServiceEntry| service.grants != GrantsEntry::default();
    let has_grants = [old, new].into_iter().flatten().any(is_granted);
    ServiceChange {
        name: name.to_owned(),
        mark,
        rpcs,
        aspects,
        files: changed_files(old, new),
        has_grants,
    }
}

/// Returns the files that differ.
pub(super) fn changed_files(
    old: Option<&ServiceEntry>,
    new: Option<&ServiceEntry>,
) -> Vec<FileChange> {
    if old == new {
        return Vec::new();
    }
    let by_path = |service: Option<&ServiceEntry>| -> BTreeMap<String, String> {
        let files = service.into_iter().flat_map(ServiceEntry::files);
        files
            .map(|file| (file.path.clone(), file.sha256.clone()))
            .collect()
    };
    let old = by_path(old);
    let new = by_path(new);
    let paths: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |path: &String| FileChange {
        path: path.clone(),
        before: old.get(path).cloned(),
        after: new.get(path).cloned(),
    };
    paths
        .into_iter()
        .map(change)
        .filter(|change| change.before != change.after)
        .collect()
}

fn plan_rpc(key: &str, old: Option<&RpcEntry>, new: Option<&RpcEntry>) -> RpcChange {
    let (mark, what) = match (old, new) {
        (None, Some(new)) => (Mark::New, short_hash(new)),
        (Some(old), Some(new)) if old != new => (Mark::Changed, compare_rpc(old, new).join(", ")),
        (Some(_), Some(_)) => (Mark::Unchanged, String::new()),
        (_, None) => (Mark::Removed, String::new()),
    };
    RpcChange {
        key: key.to_owned(),
        mark,
        what,
    }
}

/// Returns the first digits of the hash of a procedure's source, or `native`.
fn short_hash(rpc: &RpcEntry) -> String {
    rpc.source.as_ref().map_or_else(
        || "native".to_owned(),
        |source| source.sha256[..8].to_owned(),
    )
}

/// Returns what differs between two versions of a procedure, in words.
fn compare_rpc(old: &RpcEntry, new: &RpcEntry) -> Vec<String> {
    let mut differences = Vec::new();
    let before = short_hash(old);
    let after = short_hash(new);
    if before != after {
        differences.push(format!("code {before} -> {after}"));
    } else if old.source != new.source {
        differences.push("code moved to another path".to_owned());
    }
    if old.returns != new.returns {
        differences.push(compare_returns(&old.returns, &new.returns));
    }
    let types = |rpc: &RpcEntry| {
        rpc.parameters
            .iter()
            .map(|parameter| parameter.type_text.clone())
            .collect::<Vec<_>>()
    };
    if types(old) != types(new) {
        differences.push("definition of an argument type".to_owned());
    } else if old.parameters != new.parameters {
        differences.push("argument names".to_owned());
    }
    if old.deadline_ms != new.deadline_ms {
        differences.push("deadline".to_owned());
    }
    if old.idempotent != new.idempotent {
        differences.push("idempotent".to_owned());
    }
    differences
}

fn compare_returns(old: &[String], new: &[String]) -> String {
    let printed = |types: &[String]| {
        types
            .iter()
            .map(|ty| printed_type(ty))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let old = printed(old);
    let new = printed(new);
    if old == new {
        "definition of a return type".to_owned()
    } else {
        format!("returns ({old}) -> ({new})")
    }
}

/// Returns what differs between two versions of a service, beside its procedures.
fn compare_service(old: &ServiceEntry, new: &ServiceEntry) -> Vec<AspectChange> {
    let mut changes = Vec::new();
    let mut push = |mark, aspect| changes.push(AspectChange { mark, aspect });
    let is_missing = |tenants: &[String], tenant: &String| !tenants.contains(tenant);
    for tenant in new
        .tenants
        .iter()
        .filter(|tenant| is_missing(&old.tenants, tenant))
    {
        push(Mark::New, Aspect::Tenant(tenant.clone()));
    }
    for tenant in old
        .tenants
        .iter()
        .filter(|tenant| is_missing(&new.tenants, tenant))
    {
        push(Mark::Removed, Aspect::Tenant(tenant.clone()));
    }
    let old_grants = describe_grants(&old.grants);
    let new_grants = describe_grants(&new.grants);
    for grant in new_grants.difference(&old_grants) {
        push(Mark::New, Aspect::Grant(grant.clone()));
    }
    for grant in old_grants.difference(&new_grants) {
        push(Mark::Removed, Aspect::Grant(grant.clone()));
    }
    for (mark, path) in compare_files(&old.modules, &new.modules) {
        push(mark, Aspect::Module(path));
    }
    for (mark, path) in compare_files(&old.data, &new.data) {
        push(mark, Aspect::Data(path));
    }
    if old.concurrency != new.concurrency {
        push(Mark::Changed, Aspect::Concurrency);
    }
    changes
}

/// Returns the paths of the files that differ.
fn compare_files(old: &[FileEntry], new: &[FileEntry]) -> Vec<(Mark, String)> {
    let find = |files: &'_ [FileEntry], path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.map(|file| file.sha256.clone())
    };
    let paths: BTreeSet<&String> = old.iter().chain(new).map(|file| &file.path).collect();
    let compare = |path: &String| {
        let mark = match (find(old, path), find(new, path)) {
            (before, after) if before == after => return None,
            (None, _) => Mark::New,
            (_, None) => Mark::Removed,
            _ => Mark::Changed,
        };
        Some((mark, path.clone()))
    };
    paths.into_iter().filter_map(compare).collect()
}

/// Describes each grant in words.
fn describe_grants(grants: &GrantsEntry) -> BTreeSet<String> {
    let connect = grants.connect.iter().map(|port| format!("connect {port}"));
    let read = grants.read.iter().map(|path| format!("read {path}"));
    let write = grants.write.iter().map(|path| format!("write {path}"));
    let env = grants.env.iter().map(|name| format!("env {name}"));
    let memory = grants
        .memory
        .iter()
        .map(|bytes| format!("memory {bytes} bytes"));
    connect
        .chain(read)
        .chain(write)
        .chain(env)
        .chain(memory)
        .collect()
}
