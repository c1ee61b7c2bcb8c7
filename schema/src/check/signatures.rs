//! Overloads: procedures with the same name must differ in the types of their arguments.

use std::collections::HashMap;

use super::placed_rpc::PlacedRpc;
use crate::diagnostic::{Code, Finding, Findings};
use crate::signature::Key;

/// Refuses two procedures with the same key. Returns the first procedure of each key.
pub(super) fn check_signatures<'r, 'a>(
    service: &str,
    rpcs: &[&'r PlacedRpc<'a>],
    findings: &mut Findings,
) -> Vec<&'r PlacedRpc<'a>> {
    let mut first: HashMap<Key, &PlacedRpc<'_>> = HashMap::with_capacity(rpcs.len());
    let mut distinct = Vec::with_capacity(rpcs.len());
    for placed in rpcs {
        let key = placed.key(service);
        let Some(other) = first.get(&key) else {
            first.insert(key, placed);
            distinct.push(*placed);
            continue;
        };
        let message = format!("there are two procedures `{key}`");
        let finding = Finding::new(Code::DuplicateSignature, placed.at.head(), message);
        findings.push(
            finding.related(other.at.head(), "the first is here").hint(
                "procedures with the same name must differ in the types of their arguments; return types do not count",
            ),
        );
    }
    distinct
}

impl PlacedRpc<'_> {
    fn key(&self, service: &str) -> Key {
        let types: Vec<_> = self
            .rpc
            .parameters
            .iter()
            .map(|parameter| parameter.ty.clone())
            .collect();
        Key::new(service, self.rpc.name.as_str(), &types)
    }
}
