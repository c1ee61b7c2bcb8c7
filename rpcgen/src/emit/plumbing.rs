//! `plumbing`: what a reader of the stubs need not read.
//!
//! In a module of its own, whose names no procedure and no argument can take.

use proc_macro2::TokenStream;
use quote::quote;

use super::overloads;
use crate::ir::{Function, Module};
use crate::types::code;

pub fn emit_plumbing(module: &Module) -> TokenStream {
    let imports = emit_imports(module);
    let procedures = module.functions().map(emit_procedure);
    let implementations = module.overload_sets().map(overloads::emit_implementations);
    quote! {
        mod plumbing {
            #imports

            /// The client on the installed network.
            pub(super) fn client() -> Result<Client, Error> {
                ::rpc_runtime::private::installed(&super::super::TOPOLOGY).map(|network| Client { network })
            }

            #(#procedures)*
            #(#implementations)*
        }
    }
}

fn emit_imports(module: &Module) -> TokenStream {
    let traits: Vec<_> = module.overload_sets().map(|set| &set.trait_name).collect();
    let private = match (traits.is_empty(), module.calls.is_empty()) {
        (false, _) => quote!(
            use ::rpc_runtime::private::{Arg, Procedure};
        ),
        (true, false) => quote!(
            use ::rpc_runtime::private::Procedure;
        ),
        (true, true) => TokenStream::new(),
    };
    let items = if traits.is_empty() { quote!(Client) } else { quote!({#(#traits,)* Client}) };
    quote! {
        use ::rpc_runtime::Error;
        #private
        use super::#items;
    }
}

fn emit_procedure(function: &Function) -> TokenStream {
    let Function { procedure, signature, .. } = function;
    let (service, rpc) = (&signature.service, &signature.rpc);
    let arguments = signature.arguments.iter().map(ToString::to_string);
    let returns = signature.returns.iter().map(ToString::to_string);
    let millis = function.deadline_ms.map(grouped);
    let deadline = millis.map_or_else(|| quote!(None), |millis| quote!(Some(#millis)));
    quote! {
        pub(super) static #procedure: Procedure = Procedure {
            service: #service,
            rpc: #rpc,
            arguments: &[#(#arguments),*],
            returns: &[#(#returns),*],
            deadline_ms: #deadline,
        };
    }
}

/// A number as it is read: `3_600_000`.
fn grouped(number: u64) -> TokenStream {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    code(&groups.join("_"))
}
