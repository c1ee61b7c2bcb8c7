//! What stubs, servers and the initializer share.
//!
//! A stub's crate uses the default feature `client`: the [`Network`] of an `init.yaml`, blocking calls, [`Error`].
//! Generated code does the rest:
//!
//! ```
//! use rpc_runtime::{Network, Topology};
//! static TOPOLOGY: Topology = Topology::empty();
//! let error = Network::builder(&TOPOLOGY).client("client1").build().unwrap_err();
//! assert_eq!(error.to_string(), "no client `client1` in this network; it has no clients");
//! ```
//!
//! | module | holds | feature |
//! |---|---|---|
//! | [`wire`] | frames, messages, values; no I/O, no clock | always |
//! | [`client`](Network) | sessions of the blocking client | `client` |
//! | `native` | procedures in the provider's own binary | `client` |
//! | `server` | sessions, dispatch, identity, limits, drain | `server` |
//! | `engine` | what runs a source: Python workers | `server` |
//! | `store` | the data folder | `server` |
//! | `deploy` | manifests and the transaction, as pure state machines | `deploy` |
//! | `initializer` | plan and apply | `initializer` |

pub mod wire;

mod error;
pub use error::{Error, ErrorKind};
pub use wire::exception::{ExceptionType, Executed};

#[cfg(feature = "client")]
mod arg;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod dynamic;
#[cfg(feature = "client")]
mod mock;
#[cfg(feature = "client")]
#[cfg_attr(not(feature = "server"), allow(dead_code, reason = "handlers can be written without a server"))]
mod native;
#[cfg(feature = "client")]
mod network;
#[cfg(feature = "client")]
pub mod topology;
#[cfg(feature = "client")]
pub use {
    dynamic::{Answer, Argument},
    mock::RecordedCall,
    native::{Call, Failure, NativeService},
    network::{Network, NetworkBuilder, ServerHandle},
    topology::Topology,
};

#[cfg(feature = "client")]
#[doc(hidden)]
pub mod private;

/// Includes the stubs that `rpcgen::build` wrote in `build.rs`, as items of the module it stands in.
///
/// ```text
/// mod stubs {
///     rpc_runtime::include_stubs!();
/// }
/// ```
///
/// Where the build script gave its stubs a name, as for a second `init.yaml`, that is its argument.
#[cfg(feature = "client")]
#[macro_export]
macro_rules! include_stubs {
    () => {
        $crate::include_stubs!("rpc_stubs.rs");
    };
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name));
    };
}

/// What needs the feature `async`; generated code has its asynchronous clients in it, which are not there without.
#[cfg(all(feature = "client", feature = "async"))]
#[doc(hidden)]
#[macro_export]
macro_rules! if_async {
    ($($items:tt)*) => { $($items)* };
}

/// What needs the feature `async`, which is not on.
#[cfg(all(feature = "client", not(feature = "async")))]
#[doc(hidden)]
#[macro_export]
macro_rules! if_async {
    ($($items:tt)*) => {};
}

#[cfg(any(all(test, feature = "client"), feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "deploy")]
pub mod deploy;

#[cfg(feature = "server")]
mod engine;
#[cfg(feature = "server")]
mod meter;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
mod store;

#[cfg(feature = "initializer")]
pub mod initializer;
