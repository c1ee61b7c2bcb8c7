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
            network: ::rpc_runtime::Network,
        }

        impl Client {
            /// Calls through this network from here on.
            #[must_use]
            pub fn new(network: &::rpc_runtime::Network) -> Self {
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

/// The one place that holds the call.
fn emit_plain_method(function: &Function) -> TokenStream {
    let Function { name, procedure, .. } = function;
    let docs = emit_docs(&function.docs);
    let parameters = emit_parameters(function);
    let returns = returns_in_code(&function.signature.returns);
    let encode = emit_encode(function);
    quote! {
        #docs
        pub fn #name(&self, #parameters) -> Result<#returns, ::rpc_runtime::Error> {
            ::rpc_runtime::private::call(&self.network, &plumbing::#procedure, #encode)
        }
    }
}

fn emit_encode(function: &Function) -> TokenStream {
    let Function { arguments, buffer, .. } = function;
    if arguments.is_empty() {
        return quote!(|_| {});
    }
    quote! {
        move |#buffer| {
            #(::rpc_runtime::private::Value::encode(&#arguments, #buffer);)*
        }
    }
}
