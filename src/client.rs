//! `rpc-client`: calls a procedure, and lists what a client may call.

mod interrupt;
mod list;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use rpc_runtime::{Answer, Error, ErrorKind, ExceptionType, Executed, Network, Topology};
use rpc_schema::model::{Schema, Service};
use rpc_schema::visible;
use serde_json::{Value, json};

use self::values::TypedCall;
use crate::args;
use crate::exit_status::ExitStatus;
use crate::report;

const NAME: &str = "rpc-client";

/// Version of the JSON lines. It is their member `schema`.
const JSON_VERSION: u32 = 1;

/// Pause between two attempts to reach a server.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  rpc-client --init init.yaml --as client1 list
      what client1 may call
  rpc-client --init init.yaml --as client1 call svc1.rpc1 7 '[\"a\", \"b\"]'
      values are JSON; a str may also be a plain word
  rpc-client --init init.yaml --as client1 call svc1.add 2 3 --types float,float
      choose an overload; without --types, the first one in the file that takes the values is called
  rpc-client --init init.yaml --as client1 call svc1.add 2 3 --wait 10s
      wait for a server that is still starting

Returned values are printed as JSON, one per line. An exception is printed to stderr, and the exit
code is 1.";

/// Calls remote procedures from the command line.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES)]
struct CommandLine {
    /// File that declares the network
    #[arg(long, value_name = "FILE", default_value = "init.yaml", global = true)]
    init: PathBuf,
    /// Client that calls; the default is the environment variable `RPC_CLIENT`, then the only
    /// client of the file
    #[arg(long = "as", value_name = "CLIENT", global = true)]
    client: Option<String>,
    /// Folder with the client's certificate, as `initializer cert` makes it; servers are then reached
    /// by TLS. The variable `RPC_TLS` names it too
    #[arg(long, value_name = "DIR", global = true)]
    tls: Option<PathBuf>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    /// Print the completions for a shell and exit
    #[arg(long, value_name = "SHELL")]
    completions: Option<clap_complete::Shell>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Call a procedure
    Call(CallArguments),
    /// List what this client may call
    List,
}

#[derive(Debug, clap::Args)]
struct CallArguments {
    /// Procedure to call
    #[arg(value_name = "SERVICE.PROCEDURE")]
    procedure: String,
    /// Arguments, as JSON; a str may also be a plain word
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    values: Vec<String>,
    /// Types of the arguments, to choose an overload or to call a procedure that the file does not
    /// declare
    #[arg(long, value_name = "TYPE,...")]
    types: Option<String>,
    /// Call this server instead of the service's provider
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Time to wait for a server that cannot be reached
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    wait: Option<Duration>,
    /// Time that the call may take
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    deadline: Option<Duration>,
}

/// Runs `rpc-client` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    args::run(NAME, arguments, |command_line: CommandLine| {
        if let Some(shell) = command_line.completions {
            return args::print_completions::<CommandLine>(shell, NAME);
        }
        let document = match rpc_schema::load(&command_line.init) {
            Ok(document) => document,
            Err(findings) => {
                if command_line.json {
                    report::out(format_args!(
                        "{}",
                        json!({ "schema": JSON_VERSION, "error": findings.to_string() })
                    ));
                } else {
                    report::findings(&findings);
                }
                return ExitStatus::Failed;
            }
        };
        match &command_line.verb {
            None => {
                report::error(
                    "missing command; expected `call` or `list`; see `rpc-client --help`",
                );
                ExitStatus::Usage
            }
            Some(Verb::List) => list::list(&document.schema, &command_line),
            Some(Verb::Call(call)) => match call_procedure(&document.schema, &command_line, call) {
                Ok(Some(answer)) => print_answer(&answer, command_line.json),
                Ok(None) => {
                    let error = ClientError::Call(interrupt::error());
                    print_error(&error, command_line.json);
                    ExitStatus::Interrupted
                }
                Err(error) => print_error(&error, command_line.json),
            },
        }
    })
}

/// Why a command failed.
enum ClientError {
    /// The command line does not describe a call.
    Usage(String),
    /// The call failed.
    Call(Error),
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

/// Makes a call and returns its answer. Returns `None` if Ctrl-C came first.
fn call_procedure(
    schema: &Schema,
    command_line: &CommandLine,
    call: &CallArguments,
) -> Result<Option<Answer>, ClientError> {
    let (service, rpc) = call.procedure.split_once('.').ok_or_else(|| {
        ClientError::Usage(format!(
            "invalid procedure `{}`; expected SERVICE.PROCEDURE, such as `svc1.rpc1`",
            call.procedure
        ))
    })?;
    let typed_call = match &call.types {
        Some(types) => values::typed(schema, (service, rpc), types, &call.values),
        None => values::inferred(schema, (service, rpc), &call.values),
    };
    let TypedCall { arguments, returns } = typed_call.map_err(ClientError::Usage)?;
    let declared = schema
        .service(service)
        .and_then(|service| declared_deadline(service, rpc));
    let network = network(schema, command_line, call.deadline.or(declared))?;
    let server = call.server.as_deref();
    let server = server.map(|name| network.server(name)).transpose()?;
    let names = (service.to_owned(), rpc.to_owned());
    let retry_until = Instant::now() + call.wait.unwrap_or_default();
    let answered = interrupt::until_interrupted(move || {
        let service = names.0.as_str();
        let rpc = names.1.as_str();
        call_until(retry_until, || match &server {
            Some(server) => server.call(service, rpc, &arguments),
            None => network.call(service, rpc, &arguments),
        })
    })?;
    let Some(answer) = answered.transpose()? else {
        return Ok(None);
    };
    let check = returns.map_or(Ok(()), |returns| values::check_answer(&returns, &answer));
    check.map_err(|reason| {
        let procedure = &call.procedure;
        let message = format!("`{procedure}` returned what the file does not declare: {reason}");
        Error::new(ErrorKind::Protocol, Executed::Yes, message)
    })?;
    Ok(Some(answer))
}

/// Calls again and again while the server cannot be reached, until `retry_until`.
fn call_until(
    retry_until: Instant,
    call: impl Fn() -> Result<Answer, Error>,
) -> Result<Answer, Error> {
    loop {
        match call() {
            Err(error) if is_unreachable(&error) && Instant::now() < retry_until => {
                std::thread::sleep(RETRY_PAUSE);
            }
            result => return result,
        }
    }
}

/// Returns whether the server could not be reached.
fn is_unreachable(error: &Error) -> bool {
    let unavailable = error.kind() == ErrorKind::Exception(ExceptionType::Unavailable);
    unavailable && error.executed() == Executed::No && !error.is_from_peer()
}

/// Returns the longest deadline of a procedure's overloads.
fn declared_deadline(service: &Service, rpc: &str) -> Option<Duration> {
    service
        .rpcs
        .iter()
        .filter(|declared| declared.name == *rpc)
        .filter_map(|declared| declared.deadline)
        .max()
}

fn network(
    schema: &Schema,
    command_line: &CommandLine,
    deadline: Option<Duration>,
) -> Result<Network, Error> {
    let mut builder = Network::builder(topology_of(schema));
    if let Some(client) = &command_line.client {
        builder = builder.client(client);
    }
    if let Some(folder) = &command_line.tls {
        builder = builder.tls(folder);
    }
    if let Some(deadline) = deadline {
        builder = builder.deadline(deadline);
    }
    builder.build()
}

/// Returns the topology of a file that was read at run time.
fn topology_of(schema: &Schema) -> Topology {
    let mut topology = Topology::new();
    for server in &schema.network.servers {
        topology = topology.server(server.name.to_string(), server.address);
    }
    for client in &schema.network.clients {
        let name = client.name.to_string();
        topology = match client.ip {
            Some(ip) => topology.client(name, ip),
            None => topology.client_without_ip(name),
        };
    }
    for service in &schema.services {
        topology = topology.service(service.name.to_string(), service.provider.to_string());
    }
    topology
}

fn print_answer(answer: &Answer, as_json: bool) -> ExitStatus {
    let values: Vec<&str> = answer
        .return_values
        .iter()
        .map(|value| value.get())
        .collect();
    if as_json {
        // Print the values as they arrived: parsing them would sort the keys of a `Dict`.
        let Answer {
            generation, source, ..
        } = answer;
        let line = format!(
            "{{\"schema\":{JSON_VERSION},\"return-values\":[{}],\"generation\":{generation},\"source\":{}}}",
            values.join(","),
            Value::from(source.as_str())
        );
        report::out(visible(&line));
    } else {
        for value in values {
            report::out(visible(value));
        }
    }
    ExitStatus::Done
}

fn print_error(error: &ClientError, as_json: bool) -> ExitStatus {
    let (line, status) = match error {
        ClientError::Usage(message) => (json!({ "error": message }), ExitStatus::Usage),
        ClientError::Call(error) => (error_json(error), ExitStatus::Failed),
    };
    if as_json {
        let mut line = line;
        line["schema"] = JSON_VERSION.into();
        report::out(visible(&line.to_string()));
        return status;
    }
    match error {
        ClientError::Usage(message) => report::error(message),
        ClientError::Call(error) => {
            let kind = error
                .raised()
                .map_or_else(String::new, |kind| format!(" ({})", visible(kind)));
            report::error(format!("{error}{kind}"));
            report::note(format_args!("executed: {}", error.executed()));
        }
    }
    status
}

fn error_json(error: &Error) -> Value {
    json!({
        "error": error.message(),
        "exception-type": error.exception_type().map(ExceptionType::as_str),
        "exception-kind": error.raised(),
        "executed": error.executed().as_str(),
        "valid-signatures": error.valid_signatures(),
    })
}
