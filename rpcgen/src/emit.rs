//! From what is to be printed to Rust: one small function per item.

mod client;
mod function;
mod overloads;
mod plumbing;
mod root;

use proc_macro2::TokenStream;
use quote::quote;

use crate::ident::RustName;
use crate::ir::{Call, Function, Module, OverloadSet};

pub use root::emit_root;

/// The table of contents of a service's stubs: what a reader wants first, the plumbing last.
pub fn emit_module(module: &Module) -> TokenStream {
    let header = emit_header(module);
    let functions = module.calls.iter().map(function::emit_call);
    let client = client::emit_client(module);
    let traits = module.overload_sets().map(overloads::emit_trait);
    let plumbing = plumbing::emit_plumbing(module);
    quote! {
        #header
        #(#functions)*
        #client
        #(#traits)*
        #plumbing
    }
}

fn emit_header(module: &Module) -> TokenStream {
    let docs = module.docs.iter().map(|line| spaced(line));
    quote! {
        #(#![doc = #docs])*
        #![allow(
            dead_code,
            non_snake_case,
            clippy::doc_markdown,
            clippy::fn_params_excessive_bools,
            clippy::iter_not_returning_iterator,
            clippy::many_single_char_names,
            clippy::missing_errors_doc,
            clippy::should_implement_trait,
            clippy::similar_names,
            clippy::too_many_arguments,
            clippy::type_complexity,
            clippy::wrong_self_convention,
            rustdoc::bare_urls,
            rustdoc::broken_intra_doc_links,
            rustdoc::invalid_html_tags,
            reason = "names, types and words are those of init.yaml"
        )]
    }
}

/// Documentation above an item.
fn emit_docs(lines: &[String]) -> TokenStream {
    let lines = lines.iter().map(|line| spaced(line));
    quote!(#(#[doc = #lines])*)
}

/// A line of a doc comment stands one blank off its slashes.
fn spaced(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(" {line}") }
}

impl Module {
    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.calls.iter().filter_map(|call| match call {
            Call::Plain(function) => Some(function),
            Call::Overloaded(_) => None,
        })
    }

    fn overload_sets(&self) -> impl Iterator<Item = &OverloadSet> {
        self.calls.iter().filter_map(|call| match call {
            Call::Plain(_) => None,
            Call::Overloaded(set) => Some(set),
        })
    }
}

/// The type parameter of the argument at a position: `A`, `B`, ... `Q`; `R` is what is returned.
fn type_parameter(position: usize) -> RustName {
    RustName::new(match ('A'..='Q').nth(position) {
        Some(letter) => letter.to_string(),
        None => format!("A{position}"),
    })
}
