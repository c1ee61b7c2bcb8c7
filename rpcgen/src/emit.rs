//! Emits Rust code from the intermediate representation: one small function per item.

mod arguments;
mod async_client;
mod calls;
mod client;
mod function;
mod handler;
mod mock;
mod overloads;
mod root;
mod tables;
mod types;

use proc_macro2::TokenStream;
use quote::quote;

use crate::format::format;
use crate::ident::RustName;
use crate::ir::{Call, Function, Module, OverloadSet};
use crate::wrap::wrap;

pub use root::emit_root;
pub use types::emit_types;

/// Emits the stubs of a service. The items that users read come first, tables and plumbing last.
pub fn emit_module(module: &Module) -> String {
    let text = [
        format(emit_documented_items(module)),
        client::emit_overloads(module),
        async_client::emit_async_client(module),
        handler::emit_skeleton(module),
        calls::emit_calls(module),
        calls::emit_async_calls(module),
        mock::emit_mock(module),
        emit_argument_traits(module),
        tables::emit_tables(module),
    ]
    .concat();
    wrap(&text)
}

/// Emits the items that users read: the functions with their documentation, and the client.
fn emit_documented_items(module: &Module) -> TokenStream {
    let header = emit_header(&module.docs);
    let imports = emit_imports(module);
    let functions = module.calls.iter().map(function::emit_call);
    let client = client::emit_client(module);
    quote! {
        #header
        #imports
        #(#functions)*
        #client
    }
}

/// Emits imports of the few names that the stubs do not write in full.
fn emit_imports(module: &Module) -> TokenStream {
    let runtime = if module.has_native() {
        quote! {
            use ::core::future::Future;
            use ::rpc_runtime::{Call, Error, Failure, NativeService, Network, RecordedCall};
        }
    } else {
        quote!(
            use ::rpc_runtime::{Error, Network, RecordedCall};
        )
    };
    let types = module.has_named_types.then(|| {
        quote!(
            use super::types;
        )
    });
    quote!(#runtime #types)
}

fn emit_argument_traits(module: &Module) -> String {
    let text = |set| "\n".to_owned() + &format(overloads::emit_trait(set));
    module.overload_sets().map(text).collect()
}

fn emit_header(docs: &[String]) -> TokenStream {
    let docs = docs.iter().map(|line| spaced(line));
    quote!(#(#![doc = #docs])*)
}

/// Emits the documentation of an item.
fn emit_docs(lines: &[String]) -> TokenStream {
    let lines = lines.iter().map(|line| spaced(line));
    quote!(#(#[doc = #lines])*)
}

/// Returns a line of a doc comment, with a space after the slashes.
fn spaced(line: &str) -> String {
    if line.is_empty() {
        String::new()
    } else {
        format!(" {line}")
    }
}

impl Module {
    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.calls.iter().filter_map(|call| match call {
            Call::Plain(function) => Some(function),
            Call::Overloaded(_) => None,
        })
    }

    /// Returns the procedures that are compiled into the provider's own binary.
    fn native_functions(&self) -> impl Iterator<Item = &Function> {
        self.functions().filter(|function| function.is_native)
    }

    fn has_native(&self) -> bool {
        self.native_functions().next().is_some()
    }

    fn overload_sets(&self) -> impl Iterator<Item = &OverloadSet> {
        self.calls.iter().filter_map(|call| match call {
            Call::Plain(_) => None,
            Call::Overloaded(set) => Some(set),
        })
    }
}

/// Returns the type parameter of the argument at a position: `A`, `B`, ... `Q`. `R` is the type of
/// the result.
fn type_parameter(position: usize) -> RustName {
    RustName::new(match ('A'..='Q').nth(position) {
        Some(letter) => letter.to_string(),
        None => format!("A{position}"),
    })
}
