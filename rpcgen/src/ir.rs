//! The intermediate representation. It settles every identifier, order and sentence, so that
//! emitters only print.
//!
//! It is plain data without syntax trees, so that services can be emitted on several threads.

use rpc_schema::model::{Client, Server};
use rpc_schema::{Signature, Type};

use crate::ident::RustName;

/// Everything that is generated from one `init.yaml`.
#[derive(Debug)]
pub struct Root {
    /// The servers of the network.
    pub servers: Vec<Server>,
    /// The clients of the network.
    pub clients: Vec<Client>,
    /// The records and enumerations: with a tenant those that the modules mention, else all.
    pub types: Vec<NamedType>,
    /// One module per service, in the file's order.
    pub modules: Vec<Module>,
    /// The only client that these stubs are for; `None` means all clients.
    pub tenant: Option<String>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The documentation of the root module.
    pub docs: Vec<String>,
    /// The documentation of the static that describes the network.
    pub network_docs: Vec<String>,
}

/// A record or an enumeration.
#[derive(Debug)]
pub struct NamedType {
    /// Its Rust name.
    pub name: RustName,
    /// Its documentation.
    pub docs: Vec<String>,
    /// Its fields or variants.
    pub body: TypeBody,
}

/// The fields of a record, or the variants of an enumeration.
#[derive(Debug)]
pub enum TypeBody {
    /// The fields of a struct, with their types.
    Fields(Vec<(RustName, Type)>),
    /// The variants of an enum, with their items in `init.yaml`.
    Variants(Vec<(RustName, String)>),
}

/// The stubs of one service.
#[derive(Debug)]
pub struct Module {
    /// Its Rust name.
    pub name: RustName,
    /// The service's name.
    pub service: String,
    /// The server that runs it.
    pub provider: String,
    /// Its documentation.
    pub docs: Vec<String>,
    /// Whether it mentions a record or an enumeration.
    pub has_named_types: bool,
    /// Its calls in the order in which they are emitted.
    pub calls: Vec<Call>,
}

/// A call: one signature, or an overload set.
#[derive(Debug)]
pub enum Call {
    /// One signature.
    Plain(Function),
    /// All overloads of a name. Their plain functions come before it.
    Overloaded(OverloadSet),
}

/// One signature as a function that takes exactly the declared types.
#[derive(Debug)]
pub struct Function {
    /// The function's name.
    pub name: RustName,
    /// The static that describes the procedure to the runtime.
    pub procedure: RustName,
    /// The signature of the procedure.
    pub signature: Signature,
    /// Its documentation.
    pub docs: Vec<String>,
    /// Whether it is one of several overloads of a name.
    pub is_overload: bool,
    /// The names of its arguments, one for each in the signature.
    pub arguments: Vec<RustName>,
    /// Name of the closure that answers calls in tests; not a name of an argument.
    pub answer: RustName,
    /// Whether it is compiled into the provider's own binary.
    pub is_native: bool,
    /// Name of the variable that holds the handler; not a name of an argument.
    pub handler: RustName,
    /// Name of the handler's parameter that describes the call; not a name of an argument.
    pub call: RustName,
    /// Maximum duration of a call.
    pub deadline_ms: Option<u64>,
    /// Whether running it twice has the effect of running it once.
    pub is_idempotent: bool,
}

/// The overloads of one name, distinguished by the types of the arguments.
#[derive(Debug)]
pub struct OverloadSet {
    /// The function's name.
    pub name: RustName,
    /// The trait of the valid arguments.
    pub trait_name: RustName,
    /// The documentation of the trait.
    pub trait_docs: Vec<String>,
    /// The service and the name, such as `svc1.add`.
    pub path: String,
    /// The documentation of the function.
    pub docs: Vec<String>,
    /// The valid calls with Rust types, such as `add(i64, i64) -> i64`.
    pub valid: Vec<String>,
    /// How the arguments are passed.
    pub passing: Passing,
    /// The overloads.
    pub overloads: Vec<Overload>,
}

/// How the arguments of an overload set are passed.
#[derive(Debug)]
pub enum Passing {
    /// One by one, under these names. All overloads have this number of arguments.
    Separate(Vec<RustName>),
    /// As one value: no arguments as `()`, one argument bare, several as a tuple.
    Together,
}

/// One overload of a set.
#[derive(Debug)]
pub struct Overload {
    /// The plain function of the overload.
    pub function: RustName,
    /// The static that describes the procedure to the runtime.
    pub procedure: RustName,
    /// Its arguments, in order.
    pub arguments: Vec<OverloadArgument>,
    /// The types of its results.
    pub returns: Vec<Type>,
}

/// One argument of an overload.
#[derive(Debug)]
pub struct OverloadArgument {
    /// Its declared type.
    pub ty: Type,
    /// Whether it helps to select the overload.
    pub discriminating: bool,
}
