//! `Calls`: what can be called, as a trait that the client and its double implement.

use proc_macro2::TokenStream;
use quote::quote;

use super::function::emit_parameters;
use super::{as_tuple, emit_docs, overloads};
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

/// The one place that holds the calls, for everything that carries them.
pub fn emit_carried(module: &Module) -> TokenStream {
    let methods = module.functions().map(emit_carried_method);
    quote! {
        impl<C: Carrier> Calls for C {
            #(#methods)*
        }
    }
}

fn emit_carried_method(function: &Function) -> TokenStream {
    let Function { name, procedure, arguments, .. } = function;
    let parameters = emit_parameters(function);
    let returns = returns_in_code(&function.signature.returns);
    let values: Vec<TokenStream> = arguments.iter().map(|name| quote!(#name)).collect();
    let tuple = as_tuple(&values);
    quote! {
        fn #name(&self, #parameters) -> Result<#returns, Error> {
            Carrier::transport(self).carry(&procedures::#procedure, #tuple)
        }
    }
}
