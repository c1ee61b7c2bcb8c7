//! Lowers overload sets: which arguments select the overload, and how they are passed.

use super::arguments::{name_arguments, valid_call};
use rpc_schema::model::{Parameter, Rpc, Service};
use rpc_schema::naming;
use rpc_schema::overloads::{OverloadShape, shape};

use super::docs;
use crate::ident::RustName;
use crate::ir::{Overload, OverloadArgument, OverloadSet, Passing};

/// Lowers a set to one function for all overloads. Returns `None` if the compiler could not
/// distinguish the overloads.
pub fn lower(service: &Service, set: &[&Rpc]) -> Option<OverloadSet> {
    let OverloadShape::Generic {
        discriminating,
        together,
    } = shape(set)
    else {
        return None;
    };
    let name = set.first()?.name.as_str();
    let passing = if together {
        Passing::Together
    } else {
        lower_separate(set)
    };
    let valid: Vec<String> = set.iter().map(|rpc| valid_call(rpc, &passing)).collect();
    Some(OverloadSet {
        name: RustName::new(name),
        trait_name: RustName::new(naming::arguments_trait(name)),
        trait_docs: docs::of_arguments_trait(name),
        path: format!("{}.{name}", service.name),
        docs: docs::of_overloads(service, set, &passing),
        overloads: set
            .iter()
            .map(|rpc| lower_overload(rpc, &discriminating, &passing))
            .collect(),
        valid,
        passing,
    })
}

/// Returns the names of arguments that are passed one by one: those in the file if all overloads
/// use the same names, else letters.
fn lower_separate(set: &[&Rpc]) -> Passing {
    let [first, rest @ ..] = set else {
        return Passing::Together;
    };
    let names = name_arguments(&first.parameters);
    if rest
        .iter()
        .all(|rpc| name_arguments(&rpc.parameters) == names)
    {
        return Passing::Separate(names);
    }
    let unnamed = |parameter: &Parameter| Parameter {
        name: None,
        ty: parameter.ty.clone(),
    };
    Passing::Separate(name_arguments(
        &first.parameters.iter().map(unnamed).collect::<Vec<_>>(),
    ))
}

/// Lowers one overload. A single argument that is passed bare always helps to select the overload:
/// another overload may take a tuple in its place.
fn lower_overload(rpc: &Rpc, discriminating: &[usize], passing: &Passing) -> Overload {
    let is_bare = matches!(passing, Passing::Together) && rpc.parameters.len() == 1;
    let argument = |(position, parameter): (usize, &Parameter)| OverloadArgument {
        ty: parameter.ty.clone(),
        discriminating: is_bare || discriminating.contains(&position),
    };
    let function = naming::plain_function(rpc.name.as_str(), &rpc.parameters);
    Overload {
        procedure: RustName::new(function.to_ascii_uppercase()),
        function: RustName::new(function),
        arguments: rpc.parameters.iter().enumerate().map(argument).collect(),
        returns: rpc.returns.clone(),
    }
}
