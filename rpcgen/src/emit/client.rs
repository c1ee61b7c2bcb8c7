//! `Client`: the calls as methods on an explicit network.

use proc_macro2::TokenStream;
use quote::quote;

use super::function::emit_parameters;
use super::{arguments, emit_docs, overloads};
use crate::ir::{Call, Function, Module};
use crate::types::{returns_in_code, returns_in_text};

pub fn emit_client(module: &Module) -> TokenStream {
    let docs = emit_docs(&[format!(
        "Calls `{}` through a network of your choice.",
        module.service
    )]);
    let methods = module.calls.iter().filter_map(emit_method);
    quote! {
        #docs
        #[derive(Clone, Debug)]
        pub struct Client {
            network: Network,
        }

        impl Client {
            /// Creates a client that calls through this network.
            #[must_use]
            pub fn new(network: &Network) -> Self {
                Self { network: network.clone() }
            }

            #(#methods)*
        }
    }
}

/// Emits a method for one signature; `None` for overloads, which [`emit_overloads`] emits.
fn emit_method(call: &Call) -> Option<TokenStream> {
    match call {
        Call::Plain(function) if !function.is_overload => Some(emit_plain_method(function)),
        _ => None,
    }
}

/// Emits a method for each overload and for each overload set, one line each.
pub fn emit_overloads(module: &Module) -> String {
    let methods: String = module
        .calls
        .iter()
        .filter_map(|call| match call {
            Call::Plain(function) => function.is_overload.then(|| emit_overload(function)),
            Call::Overloaded(set) => Some(overloads::emit_method(set)),
        })
        .collect();
    if methods.is_empty() {
        methods
    } else {
        format!("\n#[rustfmt::skip]\nimpl Client {{\n{methods}}}\n")
    }
}

fn emit_overload(function: &Function) -> String {
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
        "    /// `{signature}`\n    pub fn {name}(&self{parameters}) -> Result<{returns}, Error> \
         {{ Calls::{name}(self{arguments}) }}\n"
    )
}

/// Emits a method for one signature. It calls `Calls::name(...)`, because a method call would call
/// the method itself.
fn emit_plain_method(function: &Function) -> TokenStream {
    let Function {
        name, arguments, ..
    } = function;
    let docs = emit_docs(&function.docs);
    let parameters = emit_parameters(function);
    let returns = returns_in_code(&function.signature.returns);
    quote! {
        #docs
        pub fn #name(&self, #parameters) -> Result<#returns, Error> {
            Calls::#name(self, #(#arguments),*)
        }
    }
}
