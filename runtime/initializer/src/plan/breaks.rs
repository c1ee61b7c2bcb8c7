//! Finds the callers that a plan breaks.

use deploy::manifest::{Manifest, ServiceEntry};
use rpc_schema::breaking::{Change, Contract, ServiceContract, compare};

use crate::desired::DesiredServer;
use crate::survey::LiveServer;

/// Returns what clients with stubs of the live file can no longer call, or must call in another
/// way.
pub(super) fn find_breaks(servers: &[DesiredServer], seen: &[LiveServer]) -> Vec<Change> {
    let old: Vec<&Manifest> = servers
        .iter()
        .zip(seen)
        .filter_map(|(server, seen)| seen.running(server))
        .collect();
    let new: Vec<&Manifest> = servers.iter().map(|server| &server.manifest).collect();
    let changes = compare(&contract(&old), &contract(&new));
    changes
        .into_iter()
        .filter(|change| change.effect.is_breaking())
        .collect()
}

/// Returns the contract of a whole network, from all its manifests.
fn contract(manifests: &[&Manifest]) -> Contract {
    let mut contract = Contract::default();
    for manifest in manifests {
        contract.servers.extend(manifest.network.servers.clone());
        contract.clients.extend(manifest.network.clients.clone());
        for (name, service) in &manifest.services {
            contract.services.insert(
                name.clone(),
                service_contract(&manifest.server, name, service),
            );
        }
    }
    contract
}

fn service_contract(provider: &str, name: &str, service: &ServiceEntry) -> ServiceContract {
    ServiceContract {
        provider: provider.to_owned(),
        tenants: service.tenants.clone(),
        // Skip an invalid signature: it has never passed a check, so nobody could call it.
        signatures: service
            .rpcs
            .iter()
            .filter_map(|rpc| rpc.signature(name).ok())
            .collect(),
    }
}
