//! `Calls`: what can be called, as a trait that the client and its double implement.

use proc_macro2::TokenStream;
use quote::quote;

use super::function::emit_parameters;
use super::{emit_docs, overloads};
use crate::ir::{Call, Function, Module};
use crate::types::returns_in_code;

/// The trait: a method per signature, and one for each overload set.
pub fn emit_calls(module: &Module) -> TokenStream {
    let docs = emit_docs(&[format!(
        "What can be called of `{}`, for code that takes a [`Client`] as well as a [`Mock`].",
        module.service
    )]);
    let methods = module.calls.iter().map(|call| match call {
        Call::Plain(function) => emit_declaration(function),
        Call::Overloaded(set) => overloads::emit_provided_method(set),
    });
    quote! {
        #docs
        pub trait Calls {
            #(#methods)*
        }
    }
}

fn emit_declaration(function: &Function) -> TokenStream {
    let name = &function.name;
    let docs = emit_docs(&[format!("See [`Client::{}`].", name.as_str())]);
    let parameters = emit_parameters(function);
    let returns = returns_in_code(&function.signature.returns);
    quote! {
        #docs
        fn #name(&self, #parameters) -> Result<#returns, Error>;
    }
}
