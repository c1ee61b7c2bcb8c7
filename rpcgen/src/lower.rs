//! Lowers the checked model to the intermediate representation.

mod arguments;
mod docs;
mod function;
mod markdown;
pub mod overloads;
mod types;

use std::collections::{HashMap, HashSet};

use rpc_schema::model::{Rpc, Schema, Service};
use rpc_schema::naming;

pub use docs::TYPES_DOC;

use crate::ident::RustName;
use crate::ir::{Call, Module, Root};

/// Lowers a whole `init.yaml`, or with a tenant only what that client may call.
pub fn lower(schema: &Schema, tenant: Option<&str>) -> Root {
    let callable = |service: &&Service| tenant.is_none_or(|tenant| service.has_tenant(tenant));
    let (services, others): (Vec<&Service>, Vec<&Service>) =
        schema.services.iter().partition(callable);
    let modules: Vec<Module> = services
        .iter()
        .map(|service| lower_service(service))
        .collect();
    Root {
        types: types::lower(schema, tenant.is_some().then_some(&services)),
        servers: schema.network.servers.clone(),
        clients: schema.network.clients.clone(),
        docs: docs::of_root(schema, &modules, &others, tenant),
        network_docs: docs::of_network(schema),
        modules,
        tenant: tenant.map(str::to_owned),
        sha256: schema.sha256.clone(),
    }
}

fn lower_service(service: &Service) -> Module {
    let sets = overload_sets(service);
    let mut calls: Vec<Call> = sets
        .iter()
        .flat_map(|set| lower_set(service, set))
        .collect();
    make_procedure_names_unique(&mut calls);
    Module {
        name: RustName::new(service.name.as_str()),
        service: service.name.to_string(),
        provider: service.provider.to_string(),
        docs: docs::of_service(service, &sets),
        has_named_types: types::mentions_any(service),
        calls,
    }
}

/// Returns the procedures grouped by name. The names are in the order of their first procedures.
pub fn overload_sets(service: &Service) -> Vec<Vec<&Rpc>> {
    let mut indices = HashMap::new();
    let mut sets: Vec<Vec<&Rpc>> = Vec::new();
    for rpc in &service.rpcs {
        let index = *indices.entry(&rpc.name).or_insert_with(|| {
            sets.push(Vec::new());
            sets.len() - 1
        });
        sets[index].push(rpc);
    }
    sets
}

fn lower_set(service: &Service, set: &[&Rpc]) -> Vec<Call> {
    if let [single] = set {
        return vec![Call::Plain(function::lower(
            service,
            single,
            single.name.as_str(),
        ))];
    }
    let plain = |rpc: &&Rpc| {
        let name = naming::plain_function(rpc.name.as_str(), &rpc.parameters);
        Call::Plain(function::lower(service, rpc, &name))
    };
    let mut calls: Vec<Call> = set.iter().map(plain).collect();
    calls.extend(overloads::lower(service, set).map(Call::Overloaded));
    calls
}

/// Makes the names of the procedures' statics unique. Functions whose names differ only in case
/// (`add_INT`, `add(int)`) would have the same static.
fn make_procedure_names_unique(calls: &mut [Call]) {
    let mut taken = HashSet::new();
    let mut procedures = HashMap::new();
    for call in calls {
        match call {
            Call::Plain(function) => {
                while !taken.insert(function.procedure.clone()) {
                    function.procedure = RustName::new(format!("{}_", function.procedure));
                }
                procedures.insert(function.name.clone(), function.procedure.clone());
            }
            Call::Overloaded(set) => {
                for overload in &mut set.overloads {
                    overload
                        .procedure
                        .clone_from(&procedures[&overload.function]);
                }
            }
        }
    }
}
