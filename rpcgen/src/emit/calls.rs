//! `Calls`: a trait of the procedures of a service, which the client and the mock implement.

use super::arguments::{as_tuple, emit_parameters};
use super::overloads;
use crate::format::indent;
use crate::ir::{Call, Function, Module};
use crate::types::returns_in_text;

/// Emits the trait: a method per signature, and one per overload set. The methods repeat those of
/// the client, so each takes one line.
pub fn emit_calls(module: &Module) -> String {
    let methods: String = module
        .calls
        .iter()
        .map(|call| match call {
            Call::Plain(function) => emit_declaration(function),
            Call::Overloaded(set) => overloads::emit_provided_method(set),
        })
        .collect();
    format!(
        "\n/// The procedures of `{}`, for code that accepts a [`Client`] or a [`Mock`].\n\
         #[rustfmt::skip]\npub trait Calls {{\n{methods}}}\n",
        module.service
    )
}

/// Emits the trait of the asynchronous calls: a method per signature. An overload set has no method
/// of its own.
pub fn emit_async_calls(module: &Module) -> String {
    let methods: String = module.functions().map(emit_async_declaration).collect();
    let text = format!(
        "/// The procedures of `{}` as asynchronous calls, for code that accepts an [`AsyncClient`] or a [`Mock`].\n\
         pub trait AsyncCalls: Sync {{\n{methods}}}\n",
        module.service
    );
    format!("\n::rpc_runtime::if_async! {{\n{}}}\n", indent(&text))
}

fn emit_async_declaration(function: &Function) -> String {
    let Function {
        name, signature, ..
    } = function;
    let parameters = emit_parameters(function);
    let returns = returns_in_text(&signature.returns);
    format!(
        "    /// See [`Client::{}`].\n    \
         fn {name}(&self{parameters}) -> impl ::core::future::Future<Output = Result<{returns}, Error>> + Send;\n",
        name.as_str()
    )
}

/// Emits the implementation of `AsyncCalls` for every `AsyncCarrier`.
pub fn emit_async_calls_impl(module: &Module) -> String {
    let methods: String = module
        .functions()
        .map(emit_async_calls_impl_method)
        .collect();
    let text = format!("{ASYNC_PLUMBING}impl<C: AsyncCarrier> AsyncCalls for C {{\n{methods}}}\n");
    format!("\n::rpc_runtime::if_async! {{\n{}}}\n", indent(&text))
}

const ASYNC_PLUMBING: &str = "\
use ::core::future::Future;
use ::rpc_runtime::private::{AsyncCarrier, AsyncTransport};
use super::{AsyncCalls, AsyncClient};

impl AsyncCarrier for AsyncClient {
    type AsyncTransport = ::rpc_runtime::Network;
    fn async_transport(&self) -> &Self::AsyncTransport { &self.network }
}
impl AsyncCarrier for Mock {
    type AsyncTransport = ::rpc_runtime::private::Mock;
    fn async_transport(&self) -> &Self::AsyncTransport { &self.mock }
}

";

fn emit_async_calls_impl_method(function: &Function) -> String {
    let Function {
        name,
        procedure,
        signature,
        arguments,
        ..
    } = function;
    let parameters = emit_parameters(function);
    let returns = returns_in_text(&signature.returns);
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let tuple = as_tuple(&names);
    format!(
        "    fn {name}(&self{parameters}) -> impl Future<Output = Result<{returns}, Error>> + Send {{ \
         AsyncCarrier::async_transport(self).carry_async(&procedures::{procedure}, {tuple}) }}\n"
    )
}

fn emit_declaration(function: &Function) -> String {
    let Function {
        name, signature, ..
    } = function;
    let parameters = emit_parameters(function);
    let returns = returns_in_text(&signature.returns);
    format!(
        "    /// See [`Client::{}`].\n    fn {name}(&self{parameters}) -> Result<{returns}, Error>;\n",
        name.as_str()
    )
}

/// Emits the implementation of `Calls` for every `Carrier`.
pub fn emit_calls_impl(module: &Module) -> String {
    let methods: String = module.functions().map(emit_calls_impl_method).collect();
    format!("impl<C: Carrier> Calls for C {{\n{methods}}}\n")
}

fn emit_calls_impl_method(function: &Function) -> String {
    let Function {
        name,
        procedure,
        signature,
        arguments,
        ..
    } = function;
    let parameters = emit_parameters(function);
    let returns = returns_in_text(&signature.returns);
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let tuple = as_tuple(&names);
    format!(
        "    fn {name}(&self{parameters}) -> Result<{returns}, Error> {{ \
         Carrier::transport(self).carry(&procedures::{procedure}, {tuple}) }}\n"
    )
}
