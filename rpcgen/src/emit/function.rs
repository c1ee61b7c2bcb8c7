//! Free functions: the client's methods on the installed network.

use proc_macro2::TokenStream;
use quote::quote;

use super::{emit_docs, overloads};
use crate::ir::{Call, Function};
use crate::types::{returns_in_code, type_in_code};

pub fn emit_call(call: &Call) -> TokenStream {
    match call {
        Call::Plain(function) => emit_function(function),
        Call::Overloaded(set) => overloads::emit_function(set),
    }
}

/// Emits a function for one signature. It calls `Client::name(...)`, because a method call could
/// resolve to a trait of the prelude (`into`).
fn emit_function(function: &Function) -> TokenStream {
    let Function {
        name, arguments, ..
    } = function;
    let docs = emit_docs(&function.docs);
    let parameters = emit_parameters(function);
    let returns = returns_in_code(&function.signature.returns);
    quote! {
        #docs
        pub fn #name(#parameters) -> Result<#returns, Error> {
            Client::#name(&plumbing::client()?, #(#arguments),*)
        }
    }
}

/// Emits the parameters with exactly their declared types.
pub fn emit_parameters(function: &Function) -> TokenStream {
    let names = &function.arguments;
    let types = function.signature.arguments.iter().map(type_in_code);
    quote!(#(#names: #types),*)
}
