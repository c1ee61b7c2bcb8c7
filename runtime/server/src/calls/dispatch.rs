//! From a request to a handler. The service, the procedure, the client and the arguments are
//! checked in this order, so that a stranger learns no signatures.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rpc_schema::types::first_difference;
use rpc_schema::{Signature, Type, TypeErrorKind, TypeList};

use crate::connection::peers::Remote;
use crate::registry::{Handler, Registry, Service};
use wire::LONGEST_CALL;
use wire::exception::{Exception, ExceptionType};
use wire::json;
use wire::message::Request;
use wire::value::DecodeError;

/// What a caller names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallTarget<'a, S> {
    pub(crate) service: &'a str,
    pub(crate) rpc: &'a str,
    /// The types of the arguments, as the caller writes them.
    pub(crate) argument_types: &'a [S],
    /// The return types that the caller expects; `None` if they are not checked.
    pub(crate) return_types: Option<&'a [S]>,
    /// The client that the caller claims to be.
    pub(crate) client: Option<&'a str>,
}

/// A handler that a client may call.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) handler: Arc<Handler>,
    pub(crate) client: Arc<str>,
}

/// A call that passed every check.
#[derive(Debug)]
pub(crate) struct AcceptedCall {
    pub(crate) grant: Grant,
    /// The binary values of the arguments.
    pub(crate) arguments: Vec<u8>,
    /// Maximum time of the call.
    pub(crate) time: Duration,
}

/// Finds the handler of a request, checks that the caller may call it, and decodes the arguments.
///
/// # Errors
/// Returns the exception that the caller gets. Nothing has run.
pub(crate) fn dispatch(
    registry: &Registry,
    request: &Request<'_>,
    remote: &Remote,
    default_deadline: Duration,
) -> Result<AcceptedCall, Exception> {
    let target = CallTarget {
        service: &request.service,
        rpc: &request.rpc,
        argument_types: &request.argument_types,
        return_types: request.return_types.as_deref(),
        client: request.client.as_deref(),
    };
    let (service, overloads, client) = find_overloads(registry, &target, remote)?;
    let values = request.arguments.len();
    let types = request.argument_types.len();
    if values != types {
        let plural = |count| if count == 1 { "" } else { "s" };
        let what = format!(
            "the message has {values} argument{} and {types} argument type{}",
            plural(values),
            plural(types)
        );
        return Err(invalid(overloads, what));
    }
    let handler = resolve(service, overloads, &target)?;
    let arguments = decode_arguments(handler, overloads, request)?;
    let time = time_allowed(handler, default_deadline, request.deadline_ms);
    let grant = Grant {
        handler: Arc::clone(handler),
        client: Arc::clone(client),
    };
    Ok(AcceptedCall {
        grant,
        arguments,
        time,
    })
}

/// Finds the handler that a caller names, and checks that the caller may call it.
///
/// # Errors
/// Returns the exception that the caller gets.
pub(crate) fn find_handler<S: AsRef<str>>(
    registry: &Registry,
    target: &CallTarget<'_, S>,
    remote: &Remote,
) -> Result<Grant, Exception> {
    let (service, overloads, client) = find_overloads(registry, target, remote)?;
    let handler = resolve(service, overloads, target)?;
    Ok(Grant {
        handler: Arc::clone(handler),
        client: Arc::clone(client),
    })
}

/// Returns the maximum time of a call: the declared deadline, or less if the caller asks for less.
/// It is at most [`LONGEST_CALL`].
pub(crate) fn time_allowed(
    handler: &Handler,
    default_deadline: Duration,
    asked_ms: Option<u64>,
) -> Duration {
    let declared = handler
        .deadline
        .unwrap_or(default_deadline)
        .min(LONGEST_CALL);
    asked_ms.map_or(declared, |asked| declared.min(Duration::from_millis(asked)))
}

/// Returns the exception for arguments that do not decode.
pub(crate) fn undecodable_arguments(
    registry: &Registry,
    handler: &Handler,
    error: &DecodeError,
) -> Exception {
    let Signature { service, rpc, .. } = &handler.signature;
    let overloads = registry
        .service(service.as_ref())
        .and_then(|service| service.overloads(rpc.as_ref()));
    invalid(
        overloads.unwrap_or_default(),
        format!("the arguments of `{}` do not decode: {error}", handler.key),
    )
}

/// A service, the overloads of one of its procedures, and the calling client.
type ClientOverloads<'a> = (&'a Service, &'a [Arc<Handler>], &'a Arc<str>);

/// Finds the overloads of a procedure, and checks that the caller is a tenant of its service.
fn find_overloads<'a, S>(
    registry: &'a Registry,
    target: &CallTarget<'_, S>,
    remote: &Remote,
) -> Result<ClientOverloads<'a>, Exception> {
    let address = remote.address.ip();
    let service_name = json::shortened(target.service);
    let service = registry
        .service(target.service)
        .ok_or_else(|| service_not_found(registry, service_name))?;
    let rpc_name = json::shortened(target.rpc);
    let overloads = service.overloads(target.rpc).ok_or_else(|| {
        let message = format!("service `{service_name}` has no procedure `{rpc_name}`");
        Exception::refused(ExceptionType::RpcNotFound, message)
    })?;
    let not_registered = |why: String| {
        if remote.logs() {
            tracing::warn!(event = "unauthorized", client = target.client.map(json::shortened), address = %address,
                service = service_name, rpc = rpc_name, reason = why);
        }
        let message = format!("{why}: no access to service `{service_name}`");
        Exception::refused(ExceptionType::ClientNotRegistered, message)
    };
    let client = registry
        .identity()
        .identify(remote, target.client)
        .map_err(not_registered)?;
    if !service.has_tenant(client) {
        return Err(not_registered(format!("client `{client}` is not a tenant")));
    }
    Ok((service, overloads, client))
}

fn service_not_found(registry: &Registry, service: &str) -> Exception {
    let message = if registry.generation == 0 {
        format!("this server has not been initialized, so it provides no service `{service}`")
    } else {
        format!(
            "server `{}` provides no service `{service}`",
            registry.server()
        )
    };
    Exception::refused(ExceptionType::ServiceNotFound, message)
}

/// Returns the overload with exactly these argument types.
fn resolve<'a, S: AsRef<str>>(
    service: &Service,
    overloads: &'a [Arc<Handler>],
    target: &CallTarget<'_, S>,
) -> Result<&'a Arc<Handler>, Exception> {
    let handler = match overloads
        .iter()
        .find(|handler| handler.takes(target.argument_types))
    {
        Some(handler) => handler,
        None => resolve_other_spelling(service, overloads, target)?,
    };
    check_returns(service, handler, overloads, target)?;
    Ok(handler)
}

/// Resolves types that are not written as stubs write them, such as `list[int]`, or a record that
/// is given by its name alone.
fn resolve_other_spelling<'a, S: AsRef<str>>(
    service: &Service,
    overloads: &'a [Arc<Handler>],
    target: &CallTarget<'_, S>,
) -> Result<&'a Arc<Handler>, Exception> {
    let types = parse_types(service, overloads, target.argument_types)?;
    overloads
        .iter()
        .find(|handler| handler.signature.arguments == types)
        .ok_or_else(|| {
            let printed = TypeList(&types).to_string();
            let what = explain_difference(overloads, &types, &printed).unwrap_or_else(|| {
                let name = format!("{}.{}", target.service, target.rpc);
                format!("`{name}` has no overload ({})", json::cut(&printed, 200))
            });
            invalid(overloads, what)
        })
}

/// Explains why types do not match an overload whose types have the same names: a record or an
/// enumeration has another content.
fn explain_difference(overloads: &[Arc<Handler>], types: &[Type], printed: &str) -> Option<String> {
    let is_same =
        |handler: &&Arc<Handler>| TypeList(&handler.signature.arguments).to_string() == printed;
    let handler = overloads.iter().find(is_same)?;
    let (index, difference) = first_difference(&handler.signature.arguments, types)?;
    Some(format!(
        "argument {} of `{}`: {difference}",
        index + 1,
        handler.key
    ))
}

fn check_returns<S: AsRef<str>>(
    service: &Service,
    handler: &Handler,
    overloads: &[Arc<Handler>],
    target: &CallTarget<'_, S>,
) -> Result<(), Exception> {
    let Some(expected) = target.return_types else {
        return Ok(());
    };
    let declared = &handler.signature.returns;
    let expected = parse_types(service, overloads, expected)?;
    if expected == *declared {
        return Ok(());
    }
    let asked_text = TypeList(&expected).to_string();
    let declared_text = TypeList(declared).to_string();
    let difference = first_difference(declared, &expected);
    let what = match difference.filter(|_| asked_text == declared_text) {
        Some((_, difference)) => format!("the return types of `{}`: {difference}", handler.key),
        None => format!(
            "`{}` returns ({declared_text}), not ({})",
            handler.key,
            json::cut(&asked_text, 200)
        ),
    };
    Err(invalid(overloads, what))
}

fn parse_types<S: AsRef<str>>(
    service: &Service,
    overloads: &[Arc<Handler>],
    texts: &[S],
) -> Result<Vec<Type>, Exception> {
    let parse = |text: &S| {
        Type::parse_in(text.as_ref(), &|name| service.type_named(name)).map_err(|error| {
            let shown = json::shortened(text.as_ref());
            let what = match error.kind {
                TypeErrorKind::Unknown(_) => format!("unknown type `{shown}`"),
                kind => format!("invalid type `{shown}`: {kind}"),
            };
            invalid(overloads, what)
        })
    };
    texts.iter().map(parse).collect()
}

fn decode_arguments(
    handler: &Handler,
    overloads: &[Arc<Handler>],
    request: &Request<'_>,
) -> Result<Vec<u8>, Exception> {
    let mut binary = Vec::new();
    let typed = handler.signature.arguments.iter().zip(&request.arguments);
    for (index, (ty, text)) in typed.enumerate() {
        json::argument_to_binary(ty, text.get(), &mut binary).map_err(|error| {
            let number = index + 1;
            invalid(
                overloads,
                format!("argument {number} of `{}`: {error}", handler.key),
            )
        })?;
    }
    Ok(binary)
}

/// Returns the exception for invalid arguments. It lists the signatures of the procedure.
fn invalid(overloads: &[Arc<Handler>], what: String) -> Exception {
    let signatures: Vec<_> = overloads
        .iter()
        .map(|handler| handler.signature.to_string())
        .collect();
    let mut message = what;
    // Writing into a string does not fail.
    let _ = write!(message, "; valid: {}", signatures.join(", "));
    Exception {
        valid_signatures: signatures,
        ..Exception::refused(ExceptionType::InvalidArguments, message)
    }
}
