//! The root: the network as static data.

use std::net::IpAddr;

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use rpc_schema::model::{Client, Server};

use super::emit_docs;
use crate::ir::{Module, Root};

/// Emits `TOPOLOGY`.
pub fn emit_root(root: &Root) -> TokenStream {
    let servers = root.servers.iter().map(emit_server);
    let clients = root.clients.iter().map(emit_client);
    let services = root.modules.iter().map(emit_service);
    let tenant = root.tenant.as_ref().map_or_else(
        || quote!(::core::option::Option::None),
        |tenant| quote!(::core::option::Option::Some(#tenant)),
    );
    let sha256 = &root.sha256;
    let docs = emit_docs(&root.network_docs);
    let lints = (root.network_docs.len() > 1).then(emit_lints_of_docs);
    quote! {
        #docs
        #[rustfmt::skip]
        #lints
        pub static TOPOLOGY: ::rpc_runtime::StaticTopology = ::rpc_runtime::StaticTopology::new(
            &[#(#servers),*],
            &[#(#clients),*],
            &[#(#services),*],
            #tenant,
            #sha256,
        );
    }
}

/// Emits an attribute for a text of the user. It stands in a module of the user, whose lints are not
/// about this text.
fn emit_lints_of_docs() -> TokenStream {
    quote! {
        #[allow(
            clippy::doc_lazy_continuation,
            clippy::doc_link_with_quotes,
            clippy::doc_markdown,
            clippy::doc_nested_refdefs,
            clippy::doc_overindented_list_items,
            rustdoc::bare_urls,
            rustdoc::broken_intra_doc_links,
            rustdoc::invalid_html_tags,
            rustdoc::redundant_explicit_links,
            reason = "the doc comes from init.yaml"
        )]
    }
}

fn emit_server(server: &Server) -> TokenStream {
    let name = server.name.as_str();
    let port = Literal::u16_unsuffixed(server.address.port());
    let (version, ip) = emit_ip(server.address.ip());
    quote!(::rpc_runtime::topology::StaticServer::#version(#name, #ip, #port))
}

fn emit_client(client: &Client) -> TokenStream {
    let name = client.name.as_str();
    let Some(ip) = client.ip else {
        return quote!(::rpc_runtime::topology::StaticClient::without_ip(#name));
    };
    let (version, ip) = emit_ip(ip);
    quote!(::rpc_runtime::topology::StaticClient::#version(#name, #ip))
}

fn emit_service(module: &Module) -> TokenStream {
    let Module {
        service, provider, ..
    } = module;
    quote!(::rpc_runtime::topology::StaticService::new(#service, #provider))
}

/// Emits the constructor for the version of an address, and the parts of the address.
fn emit_ip(ip: IpAddr) -> (TokenStream, TokenStream) {
    match ip {
        IpAddr::V4(ip) => {
            let parts = ip.octets().map(Literal::u8_unsuffixed);
            (quote!(v4), quote!([#(#parts),*]))
        }
        IpAddr::V6(ip) => {
            let parts = ip.segments().map(Literal::u16_unsuffixed);
            (quote!(v6), quote!([#(#parts),*]))
        }
    }
}
