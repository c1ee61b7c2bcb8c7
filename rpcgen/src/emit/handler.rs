//! `Handler` and `serve`: the skeleton of a service's native procedures, for the provider.

use super::arguments::as_tuple;
use super::arguments::emit_parameters;
use crate::ir::{Function, Module};
use crate::types::returns_in_text;

const SERVE: &str = "
/// Returns the service that runs `handler`. Pass it to a `rpc_runtime::server::Server`, which
/// needs the feature `server` of `rpc-runtime`.
pub fn serve(handler: impl Handler) -> NativeService {
    plumbing::serve(handler)
}
";

/// Emits the trait with a method for each native procedure, and the function that makes a service
/// of a handler. Emits nothing if no procedure is native.
pub fn emit_skeleton(module: &Module) -> String {
    if !module.has_native() {
        return String::new();
    }
    let methods: String = module.native_functions().map(emit_method).collect();
    format!(
        "\n/// The native procedures of `{}`. The provider implements each as an `async fn`, and passes the handler \
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
    let parameters = emit_parameters(function);
    let returns = returns_in_text(&signature.returns);
    format!(
        "{docs}    fn {name}(&self, {call}: &Call{parameters}) \
         -> impl Future<Output = Result<{returns}, Failure>> + Send;\n"
    )
}

/// Emits the function behind `serve`, with a line for each procedure. Emits nothing if no procedure
/// is native.
pub fn emit_serve(module: &Module) -> String {
    if !module.has_native() {
        return String::new();
    }
    let methods: String = module.native_functions().map(emit_serve_method).collect();
    format!(
        "\n/// Returns the service of a handler. Each call holds the handler.\n\
         pub fn serve(handler: impl Handler) -> NativeService {{\n    \
         let handler = Arc::new(handler);\n    \
         NativeService::new({:?})\n{methods}}}\n",
        module.service
    )
}

/// Emits a method of the service. It calls `Handler::name(...)`, because a method call could resolve
/// to a trait of the prelude (`into`).
fn emit_serve_method(function: &Function) -> String {
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
