//! `AsyncClient`: the client's calls as `async fn`s, where the runtime has its feature `async`.

use super::{calls, overloads, tables};
use crate::format::indent;
use crate::ir::{Call, Function, Module};
use crate::types::returns_in_text;

const HEAD: &str = "\
/// The calls of [`Client`] as `async fn`s, to be awaited inside of a tokio runtime. It needs the
/// feature `async` of `rpc-runtime`; without it there is none.
#[derive(Clone, Debug)]
pub struct AsyncClient {
    network: Network,
}

impl AsyncClient {
    /// Calls through this network from here on.
    #[must_use]
    pub fn new(network: &Network) -> Self { Self { network: network.clone() } }
";

/// The client and its methods, which repeat what [`Client`](super::client) shows, so a line each.
pub fn emit_async_client(module: &Module) -> String {
    let methods: String = module.calls.iter().map(emit_method).collect();
    format!(
        "\n::rpc_runtime::if_async! {{\n{}}}\n",
        indent(&format!("{HEAD}{methods}}}\n"))
    )
}

fn emit_method(call: &Call) -> String {
    match call {
        Call::Plain(function) => emit_plain_method(function),
        Call::Overloaded(set) => overloads::emit_async_method(set),
    }
}

fn emit_plain_method(function: &Function) -> String {
    let Function {
        name,
        procedure,
        signature,
        arguments,
        ..
    } = function;
    let (parameters, returns) = (
        calls::emit_parameters(function),
        returns_in_text(&signature.returns),
    );
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let tuple = tables::as_tuple(&names);
    format!(
        "    #[doc = \"See [`Client::{}`].\"] pub async fn {name}(&self{parameters}) -> Result<{returns}, Error> \
         {{ ::rpc_runtime::private::carry_async(&self.network, &procedures::{procedure}, {tuple}).await }}\n",
        name.as_str()
    )
}
