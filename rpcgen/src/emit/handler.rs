//! `Handler` and `serve`: the skeleton of a service's native procedures, for who provides them.

use super::calls::emit_parameters;
use super::tables::as_tuple;
use crate::ir::{Function, Module};
use crate::types::returns_in_text;

const SERVE: &str = "
/// What a server needs to run `handler`: a `rpc_runtime::server::Server` takes it, which the
/// feature `server` of `rpc-runtime` has.
pub fn serve(handler: impl Handler) -> NativeService {
    plumbing::serve(handler)
}
";

/// The trait with a method for each native procedure, a line each below its documentation, and what
/// makes a service of it; nothing where there is none.
pub fn emit_skeleton(module: &Module) -> String {
    if !module.has_native() {
        return String::new();
    }
    let methods: String = module.native_functions().map(emit_method).collect();
    format!(
        "\n/// The native procedures of `{}`, for who provides it: implement each as an `async fn`, and hand the whole \
         to [`serve`].\n#[rustfmt::skip]\npub trait Handler: Send + Sync + 'static {{\n{methods}}}\n{SERVE}",
        module.service
    )
}

fn emit_method(function: &Function) -> String {
    let Function {
        name,
        call,
        docs,
        signature,
        ..
    } = function;
    let docs = docs.iter().fold(String::new(), |text, line| {
        text + format!("    /// {line}").trim_end() + "\n"
    });
    let (parameters, returns) = (
        emit_parameters(function),
        returns_in_text(&signature.returns),
    );
    format!(
        "{docs}    fn {name}(&self, {call}: &Call{parameters}) \
         -> impl Future<Output = Result<{returns}, Failure>> + Send;\n"
    )
}

/// The function behind `serve`, a line for each procedure; nothing where none is native.
pub fn emit_served(module: &Module) -> String {
    if !module.has_native() {
        return String::new();
    }
    let methods: String = module.native_functions().map(emit_served_method).collect();
    format!(
        "\n/// The procedures of a handler, which each of its calls holds.\n\
         pub fn serve(handler: impl Handler) -> NativeService {{\n    \
         let handler = Arc::new(handler);\n    \
         NativeService::new({:?})\n{methods}}}\n",
        module.service
    )
}

/// `Handler::name(...)` rather than a method call, which a trait of the prelude could catch
/// (`into`).
fn emit_served_method(function: &Function) -> String {
    let Function {
        name,
        procedure,
        handler,
        call,
        arguments,
        ..
    } = function;
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let passed = names
        .iter()
        .fold(String::new(), |text, name| text + &format!(", {name}"));
    let tuple = as_tuple(&names);
    format!(
        "        .method(&procedures::{procedure}, held_by(&handler, |{handler}, {call}, {tuple}| \
         async move {{ Handler::{name}(&*{handler}, &{call}{passed}).await }}))\n"
    )
}
