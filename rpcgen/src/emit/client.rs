//! `Client`: the calls as methods, on an explicit network.

use proc_macro2::TokenStream;
use quote::quote;

use super::function::emit_parameters;
use super::{calls, emit_docs, overloads};
use crate::ir::{Call, Function, Module};
use crate::types::{returns_in_code, returns_in_text};

pub fn emit_client(module: &Module) -> TokenStream {
    let docs = emit_docs(&[format!(
        "The calls of `{}` on a network of one's own choice.",
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
            /// Calls through this network from here on.
            #[must_use]
            pub fn new(network: &Network) -> Self {
                Self { network: network.clone() }
            }

            #(#methods)*
        }
    }
}

/// What is overloaded is left to the [table](emit_overloads).
fn emit_method(call: &Call) -> Option<TokenStream> {
    match call {
        Call::Plain(function) if !function.is_overload => Some(emit_plain_method(function)),
        _ => None,
    }
}

/// The methods of overloads, alone and together, a line each.
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
    let (parameters, returns) = (
        calls::emit_parameters(function),
        returns_in_text(&signature.returns),
    );
    let arguments = arguments
        .iter()
        .fold(String::new(), |text, name| text + &format!(", {name}"));
    format!(
        "    /// `{signature}`\n    pub fn {name}(&self{parameters}) -> Result<{returns}, Error> \
         {{ Calls::{name}(self{arguments}) }}\n"
    )
}

/// `Calls::name(...)` rather than a method call, which would be this one.
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
