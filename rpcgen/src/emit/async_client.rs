//! `AsyncClient`: the client's calls as `async fn`s, if the runtime has its feature `async`.

use super::{arguments, overloads};
use crate::format::indent;
use crate::ir::{Call, Function, Module};
use crate::types::returns_in_text;

const HEAD: &str = "\
/// The calls of [`Client`] as `async fn`s, for code that runs on tokio. It needs the feature
/// `async` of `rpc-runtime`. Dropping the future of a call cancels the call.
#[derive(Clone, Debug)]
pub struct AsyncClient {
    network: Network,
}

impl AsyncClient {
    /// Creates a client that calls through this network.
    #[must_use]
    pub fn new(network: &Network) -> Self { Self { network: network.clone() } }
";

/// Emits the client and its methods. The methods repeat those of [`Client`](super::client), so each
/// takes one line.
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

/// Emits a method for one signature. It calls `AsyncCalls::name(...)`, because a method call would
/// call the method itself.
fn emit_plain_method(function: &Function) -> String {
    let Function {
        name,
        signature,
        arguments,
        ..
    } = function;
    let parameters = arguments::emit_parameters(function);
    let returns = returns_in_text(&signature.returns);
    let arguments = arguments
        .iter()
        .fold(String::new(), |text, name| text + &format!(", {name}"));
    format!(
        "    /// See [`Client::{}`].\n    \
         pub async fn {name}(&self{parameters}) -> Result<{returns}, Error> \
         {{ AsyncCalls::{name}(self{arguments}).await }}\n",
        name.as_str()
    )
}
