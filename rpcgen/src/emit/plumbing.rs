//! `plumbing`: what a reader of the stubs need not read.
//!
//! In a module of its own, whose names no procedure and no argument can take.

use proc_macro2::TokenStream;
use quote::quote;

use super::calls;
use crate::ir::Module;

pub fn emit_plumbing(module: &Module) -> TokenStream {
    let carried = calls::emit_carried(module);
    let types = module.has_named_types.then(|| quote!(, types));
    quote! {
        mod plumbing {
            use ::rpc_runtime::Error;
            use ::rpc_runtime::private::{Carrier, Transport};
            use super::{Calls, Client, Mock, procedures #types};

            /// The client on the installed network.
            pub(super) fn client() -> Result<Client, Error> {
                ::rpc_runtime::private::installed(&super::super::TOPOLOGY).map(|network| Client { network })
            }

            impl Carrier for Client {
                type Transport = ::rpc_runtime::Network;

                fn transport(&self) -> &Self::Transport {
                    &self.network
                }
            }

            impl Carrier for Mock {
                type Transport = ::rpc_runtime::private::Mock;

                fn transport(&self) -> &Self::Transport {
                    &self.0
                }
            }

            #carried
        }
    }
}
