//! Records as structs, enumerations as enums.

use proc_macro2::TokenStream;
use quote::quote;
use rpc_schema::Type;

use super::{emit_docs, emit_header};
use crate::ident::RustName;
use crate::ir::{NamedType, TypeBody};
use crate::lower::TYPES_DOC;
use crate::types::type_in_types;

/// Emits the module of all types.
pub fn emit_types(types: &[NamedType]) -> TokenStream {
    let header = emit_header(&[TYPES_DOC.to_owned()]);
    let items = types.iter().map(|ty| match &ty.body {
        TypeBody::Fields(fields) => emit_struct(ty, fields),
        TypeBody::Variants(variants) => emit_enum(ty, variants),
    });
    quote! {
        #header
        #(#items)*
    }
}

fn emit_struct(ty: &NamedType, fields: &[(RustName, Type)]) -> TokenStream {
    let NamedType { name, docs, .. } = ty;
    let docs = emit_docs(docs);
    let names: Vec<&RustName> = fields.iter().map(|(name, _)| name).collect();
    let field = |(name, ty): &(RustName, Type)| {
        let docs = emit_docs(&[format!("`{ty}`")]);
        let ty = type_in_types(ty);
        quote!(#docs pub #name: #ty)
    };
    let fields = fields.iter().map(field);
    quote! {
        #docs
        #[derive(
            Debug, Clone, PartialEq, ::rpc_runtime::private::serde::Serialize, ::rpc_runtime::private::serde::Deserialize
        )]
        #[serde(crate = "::rpc_runtime::private::serde", deny_unknown_fields)]
        pub struct #name {
            #(#fields),*
        }

        ::rpc_runtime::private::record!(#name, #(#names),*);
    }
}

fn emit_enum(ty: &NamedType, variants: &[(RustName, String)]) -> TokenStream {
    let NamedType { name, docs, .. } = ty;
    let docs = emit_docs(docs);
    let (names, items): (Vec<&RustName>, Vec<&String>) =
        variants.iter().map(|(name, item)| (name, item)).unzip();
    let variant = |(name, item): &(RustName, String)| {
        let docs = emit_docs(&[format!("`{item}`")]);
        quote!(#docs #[serde(rename = #item)] #name)
    };
    let count = proc_macro2::Literal::usize_unsuffixed(variants.len());
    let variants = variants.iter().map(variant);
    quote! {
        #docs
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::rpc_runtime::private::serde::Serialize, ::rpc_runtime::private::serde::Deserialize
        )]
        #[serde(crate = "::rpc_runtime::private::serde")]
        pub enum #name {
            #(#variants),*
        }

        impl #name {
            /// Every item, in order.
            pub const ALL: [Self; #count] = [#(Self::#names),*];

            /// Returns the item as `init.yaml` writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    #(Self::#names => #items),*
                }
            }
        }

        ::rpc_runtime::private::enumeration!(#name);
    }
}
