//! `Client`: the calls as methods, on an explicit network.

use proc_macro2::TokenStream;
use quote::quote;

use super::function::emit_parameters;
use super::{emit_docs, overloads};
use crate::ir::{Call, Function, Module};
use crate::types::returns_in_code;

pub fn emit_client(module: &Module) -> TokenStream {
    let docs = emit_docs(&[format!("The calls of `{}` on a network of one's own choice.", module.service)]);
    let methods = module.calls.iter().map(emit_method);
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

fn emit_method(call: &Call) -> TokenStream {
    match call {
        Call::Plain(function) => emit_plain_method(function),
        Call::Overloaded(set) => overloads::emit_method(set),
    }
}

/// `Calls::name(...)` rather than a method call, which would be this one.
fn emit_plain_method(function: &Function) -> TokenStream {
    let Function { name, arguments, .. } = function;
    let docs = emit_docs(&function.method_docs);
    let parameters = emit_parameters(function);
    let returns = returns_in_code(&function.signature.returns);
    quote! {
        #docs
        pub fn #name(&self, #parameters) -> Result<#returns, Error> {
            Calls::#name(self, #(#arguments),*)
        }
    }
}
