//! `Mock`: the client's double, with a closure for each signature.

use proc_macro2::TokenStream;
use quote::quote;

use super::emit_docs;
use super::tables::as_tuple;
use crate::ident::RustName;
use crate::ir::{Function, Module};
use crate::types::{code, returns_in_code, type_in_code};

/// The double and its setters.
pub fn emit_mock(module: &Module) -> TokenStream {
    let setters = module.functions().map(emit_setter);
    quote! {
        /// A double of [`Client`] for tests: closures answer, and every call is remembered. Clones are the same double.
        #[derive(Clone, Debug, Default)]
        #[must_use]
        pub struct Mock(::rpc_runtime::private::Mock);

        impl Mock {
            /// A double that answers nothing yet.
            pub fn new() -> Self {
                Self(::rpc_runtime::private::Mock::default())
            }

            /// Every call so far, in order.
            #[must_use]
            pub fn recorded(&self) -> Vec<RecordedCall> {
                self.0.recorded()
            }

            #(#setters)*
        }
    }
}

fn emit_setter(function: &Function) -> TokenStream {
    let Function { name, procedure, signature, answer, arguments, .. } = function;
    let setter = RustName::new(format!("on_{}", name.as_str()));
    let docs = emit_docs(&[format!("Answers `{signature}`.")]);
    let types = signature.arguments.iter().map(type_in_code);
    let returns = returns_in_code(&signature.returns);
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let tuple = code(&as_tuple(&names));
    quote! {
        #docs
        pub fn #setter<F>(self, mut #answer: F) -> Self
        where
            F: FnMut(#(#types),*) -> Result<#returns, Error> + Send + 'static,
        {
            Self(self.0.on(&procedures::#procedure, move |#tuple| #answer(#(#arguments),*)))
        }
    }
}
