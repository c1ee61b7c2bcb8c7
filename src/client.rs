//! `rpc-client`: calls by hand, and what may be called.

mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use rpc_runtime::{Answer, Error, ErrorKind, ExceptionType, Executed, Network, Topology};
use rpc_schema::model::{Rpc, Schema, Service};
use rpc_schema::visible;
use serde_json::{Value, json};

use crate::args::{self, ExitStatus};
use crate::report;

const NAME: &str = "rpc-client";

/// The version of the JSON lines.
const SCHEMA: u32 = 1;

/// How long to rest before a server that was not there is tried again.
const WAIT_PAUSE: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  rpc-client --init init.yaml --as client1 list
      what client1 may call
  rpc-client --init init.yaml --as client1 call svc1.rpc1 7 '[\"a\", \"b\"]'
      values are JSON; where a str is declared, plain words do
  rpc-client --init init.yaml --as client1 call svc1.add 2 3 --types float,float
      choose an overload; else the first in the file that takes the values is called
  rpc-client --init init.yaml --as client1 call svc1.add 2 3 --wait 10s
      wait for a server that is still starting

Returned values are printed as JSON, one per line. An exception is printed to stderr, and the exit code is 1.";

/// Calls remote procedures by hand.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES)]
struct Arguments {
    /// The file that declares the network
    #[arg(long, value_name = "FILE", default_value = "init.yaml", global = true)]
    init: PathBuf,
    /// Who is calling; else the environment's `RPC_CLIENT`, else the file's only client
    #[arg(long = "as", value_name = "CLIENT", global = true)]
    client: Option<String>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    /// Print completions for a shell and exit
    #[arg(long, value_name = "SHELL")]
    completions: Option<clap_complete::Shell>,
    #[command(subcommand)]
    command: Option<Verb>,
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
    /// What to call: SERVICE.PROCEDURE
    #[arg(value_name = "SERVICE.PROCEDURE")]
    procedure: String,
    /// The arguments, as JSON; where a str is declared, plain words do
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    values: Vec<String>,
    /// The argument types, to choose an overload or to call what the file does not declare
    #[arg(long, value_name = "TYPE,...")]
    types: Option<String>,
    /// Ask this server instead of the service's provider
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Wait as long for a server that cannot be reached
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    wait: Option<Duration>,
    /// The longest the call may take
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    deadline: Option<Duration>,
}

/// Runs `rpc-client` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    args::run(NAME, arguments, |arguments: Arguments| {
        if let Some(shell) = arguments.completions {
            return args::print_completions::<Arguments>(shell, NAME);
        }
        let document = match rpc_schema::load(&arguments.init) {
            Ok(document) => document,
            Err(findings) => {
                if arguments.json {
                    report::out(format_args!(
                        "{}",
                        json!({ "schema": SCHEMA, "error": findings.to_string() })
                    ));
                } else {
                    report::note(findings.render(report::colored()));
                }
                return ExitStatus::Failed;
            }
        };
        match &arguments.command {
            None => {
                report::error("say `call` or `list`; see --help");
                ExitStatus::Usage
            }
            Some(Verb::List) => list(&document.schema, &arguments),
            Some(Verb::Call(call)) => match call_by_hand(&document.schema, &arguments, call) {
                Ok(answer) => print_answer(&answer, arguments.json),
                Err(failure) => print_failure(&failure, arguments.json),
            },
        }
    })
}

/// Why a call did not return.
enum Failure {
    Usage(String),
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn call_by_hand(
    schema: &Schema,
    arguments: &Arguments,
    call: &CallArguments,
) -> Result<Answer, Failure> {
    let (service, rpc) = call.procedure.split_once('.').ok_or_else(|| {
        Failure::Usage(format!(
            "`{}` is no SERVICE.PROCEDURE, such as svc1.rpc1",
            call.procedure
        ))
    })?;
    let values = match &call.types {
        Some(types) => values::typed(schema, types, &call.values).map_err(Failure::Usage)?,
        None => values::inferred(schema, service, rpc, &call.values).map_err(Failure::Usage)?,
    };
    let declared = schema
        .service(service)
        .and_then(|service| declared_deadline(service, rpc));
    let network = network(schema, arguments, call.deadline.or(declared))?;
    let give_up = Instant::now() + call.wait.unwrap_or_default();
    loop {
        let result = match &call.server {
            Some(server) => network.server(server)?.call(service, rpc, &values),
            None => network.call(service, rpc, &values),
        };
        match result {
            Err(error) if is_not_there(&error) && Instant::now() < give_up => {
                std::thread::sleep(WAIT_PAUSE);
            }
            result => return Ok(result?),
        }
    }
}

/// Whether the server could not be reached at all.
fn is_not_there(error: &Error) -> bool {
    let unavailable = error.kind() == ErrorKind::Exception(ExceptionType::Unavailable);
    unavailable && error.executed() == Executed::No && !error.is_from_peer()
}

/// The longest that any overload of a procedure may take.
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
    arguments: &Arguments,
    deadline: Option<Duration>,
) -> Result<Network, Error> {
    let mut builder = Network::builder(topology_of(schema));
    if let Some(client) = &arguments.client {
        builder = builder.client(client);
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
        topology = topology.client(client.name.to_string(), client.ip);
    }
    for service in &schema.services {
        topology = topology.service(service.name.to_string(), service.provider.to_string());
    }
    topology
}

fn list(schema: &Schema, arguments: &Arguments) -> ExitStatus {
    let client = match Network::builder(topology_of(schema))
        .client_or_default(arguments.client.as_deref())
    {
        Ok(client) => client,
        Err(error) => return print_failure(&Failure::Error(error), arguments.json),
    };
    for service in schema
        .services
        .iter()
        .filter(|service| service.has_tenant(&client))
    {
        for rpc in &service.rpcs {
            print_procedure(service, rpc, arguments.json);
        }
    }
    ExitStatus::Done
}

fn print_procedure(service: &Service, rpc: &Rpc, as_json: bool) {
    let signature = service.signature(rpc).to_string();
    if as_json {
        let line = json!({
            "schema": SCHEMA, "signature": signature, "provider": service.provider.as_str(), "doc": rpc.doc,
        });
        report::out(visible(&line.to_string()));
    } else {
        let doc = rpc.doc.as_deref().and_then(|doc| doc.lines().next());
        let doc = doc.map_or_else(String::new, |doc| format!("  # {}", visible(doc)));
        report::out(format_args!("{signature}{doc}"));
    }
}

fn print_answer(answer: &Answer, as_json: bool) -> ExitStatus {
    let values: Vec<&str> = answer
        .return_values
        .iter()
        .map(|value| value.get())
        .collect();
    if as_json {
        // As they came: a tree in between would sort the keys of a `Dict`.
        let Answer {
            generation, source, ..
        } = answer;
        let line = format!(
            "{{\"schema\":{SCHEMA},\"return-values\":[{}],\"generation\":{generation},\"source\":{}}}",
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

fn print_failure(failure: &Failure, as_json: bool) -> ExitStatus {
    let (line, status) = match failure {
        Failure::Usage(what) => (json!({ "error": what }), ExitStatus::Usage),
        Failure::Error(error) => (error_json(error), ExitStatus::Failed),
    };
    if as_json {
        let mut line = line;
        line["schema"] = SCHEMA.into();
        report::out(visible(&line.to_string()));
        return status;
    }
    match failure {
        Failure::Usage(what) => report::error(what),
        Failure::Error(error) => {
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
