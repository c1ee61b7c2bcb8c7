//! From a request to a handler: service, procedure, client, arguments, checked in this order, so
//! that a stranger learns no signatures.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rpc_schema::types::first_difference;
use rpc_schema::{Signature, Type, TypeErrorKind, TypeList};

use crate::connection::peers::Remote;
use crate::registry::{Handler, Registry, Service};
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
    /// The types the caller expects back; `None` where it does not care.
    pub(crate) return_types: Option<&'a [S]>,
    /// Who the caller says it is.
    pub(crate) client: Option<&'a str>,
}

/// What a caller named, and may call.
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
    /// How long it may take.
    pub(crate) time: Duration,
}

/// Finds what a request calls and checks that its caller may.
///
/// # Errors
/// The exception that the caller gets; nothing has run.
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
    let (service, overloads, client) = admit(registry, &target, remote)?;
    let values = request.arguments.len();
    let types = request.argument_types.len();
    if values != types {
        let plural = |count| if count == 1 { "" } else { "s" };
        let (s, ts) = (plural(values), plural(types));
        let what = format!("the message has {values} argument{s} and {types} argument type{ts}");
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

/// Finds what a caller names and checks that it may call that.
///
/// # Errors
/// The exception that the caller gets.
pub(crate) fn find<S: AsRef<str>>(
    registry: &Registry,
    target: &CallTarget<'_, S>,
    remote: &Remote,
) -> Result<Grant, Exception> {
    let (service, overloads, client) = admit(registry, target, remote)?;
    let handler = resolve(service, overloads, target)?;
    Ok(Grant {
        handler: Arc::clone(handler),
        client: Arc::clone(client),
    })
}

/// How long a call may take: what is declared, or less where the caller asks for less.
pub(crate) fn time_allowed(
    handler: &Handler,
    default_deadline: Duration,
    asked_ms: Option<u64>,
) -> Duration {
    let declared = handler.deadline.unwrap_or(default_deadline);
    asked_ms.map_or(declared, |asked| declared.min(Duration::from_millis(asked)))
}

/// The exception for arguments that are none of the procedure's.
pub(crate) fn not_its_arguments(
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

type Admitted<'a> = (&'a Service, &'a [Arc<Handler>], &'a Arc<str>);

/// The service, the overloads of the procedure, and who calls.
fn admit<'a, S>(
    registry: &'a Registry,
    target: &CallTarget<'_, S>,
    remote: &Remote,
) -> Result<Admitted<'a>, Exception> {
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
        .identify(address, target.client)
        .map_err(not_registered)?;
    if !service.has_tenant(client) {
        return Err(not_registered(format!("client `{client}` is no tenant")));
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

/// The overload with exactly these argument types.
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

/// For types that are not written as stubs write them, such as `list[int]`, or a record by its name
/// alone.
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

/// For arguments whose types have the names of an overload's and stand for something else.
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
    let (asked, printed) = (
        TypeList(&expected).to_string(),
        TypeList(declared).to_string(),
    );
    let difference = first_difference(declared, &expected);
    let what = match difference.filter(|_| asked == printed) {
        Some((_, difference)) => format!("what `{}` returns: {difference}", handler.key),
        None => format!(
            "`{}` returns ({printed}), not ({})",
            handler.key,
            json::cut(&asked, 200)
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
            let kind = match error.kind {
                TypeErrorKind::Unknown(_) => "there is no such type".to_owned(),
                kind => kind.to_string(),
            };
            invalid(overloads, format!("the type `{shown}`: {kind}"))
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
            let place = index + 1;
            invalid(
                overloads,
                format!("argument {place} of `{}`: {error}", handler.key),
            )
        })?;
    }
    Ok(binary)
}

fn invalid(overloads: &[Arc<Handler>], what: String) -> Exception {
    let signatures: Vec<_> = overloads
        .iter()
        .map(|handler| handler.signature.to_string())
        .collect();
    let mut message = what;
    let _ = write!(message, "; valid: {}", signatures.join(", "));
    Exception {
        valid_signatures: signatures,
        ..Exception::refused(ExceptionType::InvalidArguments, message)
    }
}
