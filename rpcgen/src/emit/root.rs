//! The root: the network's addresses as static data.

use std::net::{IpAddr, SocketAddr};

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use rpc_schema::model::{Client, Server};

use crate::ir::{Module, Root};

/// `TOPOLOGY`.
pub fn emit_root(root: &Root) -> TokenStream {
    let servers = root.servers.iter().map(emit_server);
    let clients = root.clients.iter().map(emit_client);
    let services = root.modules.iter().map(emit_service);
    let tenant = root.tenant.as_ref().map_or_else(
        || quote!(::core::option::Option::None),
        |tenant| quote!(::core::option::Option::Some(#tenant)),
    );
    let sha256 = &root.sha256;
    quote! {
        /// The network these stubs were made for: its servers, its clients, and who provides which service.
        #[rustfmt::skip]
        #[allow(dead_code, clippy::ip_constant)]
        pub static TOPOLOGY: ::rpc_runtime::Topology = ::rpc_runtime::Topology::new(
            &[#(#servers),*],
            &[#(#clients),*],
            &[#(#services),*],
            #tenant,
            #sha256,
        );
    }
}

fn emit_server(server: &Server) -> TokenStream {
    let name = server.name.as_str();
    let address = emit_address(server.address);
    quote!(::rpc_runtime::topology::Server { name: #name, address: #address })
}

fn emit_client(client: &Client) -> TokenStream {
    let name = client.name.as_str();
    let ip = emit_ip(client.ip);
    quote!(::rpc_runtime::topology::Client { name: #name, ip: #ip })
}

fn emit_service(module: &Module) -> TokenStream {
    let Module { service, provider, tenants, .. } = module;
    quote! {
        ::rpc_runtime::topology::Service { name: #service, provider: #provider, tenants: &[#(#tenants),*] }
    }
}

fn emit_address(address: SocketAddr) -> TokenStream {
    let ip = emit_ip(address.ip());
    let port = Literal::u16_unsuffixed(address.port());
    quote!(::std::net::SocketAddr::new(#ip, #port))
}

fn emit_ip(ip: IpAddr) -> TokenStream {
    match ip {
        IpAddr::V4(ip) => {
            let parts = ip.octets().map(Literal::u8_unsuffixed);
            quote!(::std::net::IpAddr::V4(::std::net::Ipv4Addr::new(#(#parts),*)))
        }
        IpAddr::V6(ip) => {
            let parts = ip.segments().map(Literal::u16_unsuffixed);
            quote!(::std::net::IpAddr::V6(::std::net::Ipv6Addr::new(#(#parts),*)))
        }
    }
}
