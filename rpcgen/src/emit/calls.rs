//! `Calls`: what can be called, as a trait that the client and its double implement.

use super::overloads;
use crate::format::indent;
use crate::ir::{Call, Function, Module};
use crate::types::{returns_in_text, type_in_text};

/// The trait: a method per signature, and one for each overload set. It repeats what the client
/// shows, so it is a table.
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
        "\n/// What can be called of `{}`, for code that takes a [`Client`] as well as a [`Mock`].\n\
         #[rustfmt::skip]\npub trait Calls {{\n{methods}}}\n",
        module.service
    )
}

/// The same trait for code that does not block. A set of overloads has the methods of its overloads
/// alone.
pub fn emit_async_calls(module: &Module) -> String {
    let methods: String = module.functions().map(emit_async_declaration).collect();
    let text = format!(
        "/// What can be called of `{}` without blocking, for code that takes an [`AsyncClient`] as well as a [`Mock`].\n\
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

/// The asynchronous implementation for everything that carries calls.
pub fn emit_async_carried(module: &Module) -> String {
    let methods: String = module.functions().map(emit_async_carried_method).collect();
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

fn emit_async_carried_method(function: &Function) -> String {
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
    let tuple = super::tables::as_tuple(&names);
    format!(
        "    fn {name}(&self{parameters}) -> impl Future<Output = Result<{returns}, Error>> + Send {{ \
         AsyncCarrier::async_transport(self).carry_async(&procedures::{procedure}, {tuple}) }}\n"
    )
}

fn emit_declaration(function: &Function) -> String {
    let Function {
        name, signature, ..
    } = function;
    let (parameters, returns) = (
        emit_parameters(function),
        returns_in_text(&signature.returns),
    );
    format!(
        "    /// See [`Client::{}`].\n    fn {name}(&self{parameters}) -> Result<{returns}, Error>;\n",
        name.as_str()
    )
}

/// The implementation for everything that carries calls.
pub fn emit_carried(module: &Module) -> String {
    let methods: String = module.functions().map(emit_carried_method).collect();
    format!("impl<C: Carrier> Calls for C {{\n{methods}}}\n")
}

fn emit_carried_method(function: &Function) -> String {
    let Function {
        name,
        procedure,
        signature,
        arguments,
        ..
    } = function;
    let (parameters, returns) = (
        emit_parameters(function),
        returns_in_text(&signature.returns),
    );
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let tuple = super::tables::as_tuple(&names);
    format!(
        "    fn {name}(&self{parameters}) -> Result<{returns}, Error> {{ \
         Carrier::transport(self).carry(&procedures::{procedure}, {tuple}) }}\n"
    )
}

/// The arguments behind `&self`, with exactly their declared types.
pub fn emit_parameters(function: &Function) -> String {
    let typed = function.arguments.iter().zip(&function.signature.arguments);
    typed.fold(String::new(), |text, (name, ty)| {
        text + &format!(", {name}: {}", type_in_text(ty))
    })
}
