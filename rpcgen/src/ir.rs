//! What will be printed: every identifier, order and sentence is settled here, so that emitters
//! only print.
//!
//! It is plain data, free of syntax trees, so that services can be emitted on several threads.

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
    /// The records and enumerations that the modules mention, or all of them.
    pub types: Vec<NamedType>,
    /// One per service, in the file's order.
    pub modules: Vec<Module>,
    /// The only client these stubs are for.
    pub tenant: Option<String>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// What stands above it all.
    pub docs: Vec<String>,
}

/// A record or an enumeration.
#[derive(Debug)]
pub struct NamedType {
    /// Its Rust name.
    pub name: RustName,
    /// What stands above it.
    pub docs: Vec<String>,
    /// What it holds.
    pub body: TypeBody,
}

/// What a record or an enumeration holds.
#[derive(Debug)]
pub enum TypeBody {
    /// The fields of a struct, with their types.
    Fields(Vec<(RustName, Type)>),
    /// The variants of an enum, with the items that they stand for.
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
    /// What stands at its top.
    pub docs: Vec<String>,
    /// Whether it mentions a record or an enumeration.
    pub has_named_types: bool,
    /// Its calls in the order in which they are shown.
    pub calls: Vec<Call>,
}

/// Something that can be called.
#[derive(Debug)]
pub enum Call {
    /// One signature.
    Plain(Function),
    /// All overloads of a name at once; their plain functions come before it.
    Overloaded(OverloadSet),
}

/// One signature as a function that takes exactly the declared types.
#[derive(Debug)]
pub struct Function {
    /// The function's name.
    pub name: RustName,
    /// The static that tells the runtime about it.
    pub procedure: RustName,
    /// What it calls.
    pub signature: Signature,
    /// What stands above it.
    pub docs: Vec<String>,
    /// Whether it is one of several of a name, which share a function beside it.
    pub is_overload: bool,
    /// The names of its arguments, one for each in the signature.
    pub arguments: Vec<RustName>,
    /// What the closure is called that answers it in a test; none of their names.
    pub answer: RustName,
    /// Whether it is compiled into the provider's own binary.
    pub is_native: bool,
    /// What its handler is called where it is handed on; none of the arguments' names.
    pub handler: RustName,
    /// What a handler's argument is called that says who calls; none of the arguments' names.
    pub call: RustName,
    /// The longest a call may take.
    pub deadline_ms: Option<u64>,
    /// Whether running it twice has the effect of running it once.
    pub is_idempotent: bool,
}

/// The overloads of one name, told apart by the types of the arguments.
#[derive(Debug)]
pub struct OverloadSet {
    /// The function's name.
    pub name: RustName,
    /// The trait of the valid arguments.
    pub trait_name: RustName,
    /// What stands above the trait.
    pub trait_docs: Vec<String>,
    /// What is called, such as `svc1.add`.
    pub path: String,
    /// What stands above the function.
    pub docs: Vec<String>,
    /// The valid calls in Rust's types, such as `add(i64, i64) -> i64`.
    pub valid: Vec<String>,
    /// How the arguments are passed.
    pub passing: Passing,
    /// The overloads.
    pub overloads: Vec<Overload>,
}

/// How the arguments of an overload set are passed.
#[derive(Debug)]
pub enum Passing {
    /// One by one, under these names; every overload has as many.
    Separate(Vec<RustName>),
    /// As one value: nothing as `()`, one argument bare, several as a tuple.
    Together,
}

/// One overload of a set.
#[derive(Debug)]
pub struct Overload {
    /// The plain function that does it.
    pub function: RustName,
    /// The static that tells the runtime about it.
    pub procedure: RustName,
    /// Its arguments, in order.
    pub arguments: Vec<OverloadArgument>,
    /// What it returns.
    pub returns: Vec<Type>,
}

/// One argument of an overload.
#[derive(Debug)]
pub struct OverloadArgument {
    /// Its declared type.
    pub ty: Type,
    /// Whether the overloads are told apart by it.
    pub discriminating: bool,
}
