//! The crate that users and generated stubs depend on.
//!
//! A crate with stubs uses the default feature `client`: the [`Network`] of an `init.yaml`,
//! blocking calls, [`Error`]. Generated code does everything else:
//!
//! ```
//! use rpc_runtime::{Network, StaticTopology};
//! static TOPOLOGY: StaticTopology = StaticTopology::new(&[], &[], &[], None, "");
//! let error = Network::builder(&TOPOLOGY).client("client1").build().unwrap_err();
//! assert_eq!(error.to_string(), "no client `client1` in this network; it has no clients");
//! ```
//!
//! | feature | what it adds |
//! |---|---|
//! | `client` | the clients, and what handlers in Rust are written with |
//! | `async` | clients that do not block, on tokio |
//! | `tls` | calls over TLS with the certificate of a client; `rpc_runtime::tls` |
//! | `server` | `rpc_runtime::server`: the server, to embed in a program |
//! | `initializer` | `rpc_runtime::initializer`: plan and apply |
//!
//! The code is in the member crates in the folder `runtime/`. This crate only re-exports it.

#[cfg(feature = "client")]
pub use client::{
    Answer, Argument, CallEnd, CallHooks, CallOptions, CallStart, Error, ErrorKind, Network,
    NetworkBuilder, ServerHandle, StaticTopology, Topology, mock::RecordedCall, topology,
};
#[cfg(feature = "client")]
pub use handler::{Call, Failure, NativeService};
#[cfg(feature = "initializer")]
pub use initializer;
#[cfg(feature = "server")]
pub use server;
#[cfg(feature = "tls")]
pub use tls;
#[cfg(feature = "client")]
pub use wire::exception::{ExceptionType, Executed};

#[cfg(feature = "client")]
#[doc(hidden)]
pub mod private;

/// Includes the stubs that `rpcgen::build` wrote in `build.rs`. They become items of the module
/// that contains this call.
///
/// ```text
/// mod stubs {
///     rpc_runtime::include_stubs!();
/// }
/// ```
///
/// If the build script gave the stubs a name, as for a second `init.yaml`, pass that name as the
/// argument.
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

/// Expands to its tokens, since the feature `async` is on. Generated code wraps its asynchronous
/// clients in this macro.
#[cfg(all(feature = "client", feature = "async"))]
#[doc(hidden)]
#[macro_export]
macro_rules! if_async {
    ($($items:tt)*) => { $($items)* };
}

/// Expands to nothing, since the feature `async` is off.
#[cfg(all(feature = "client", not(feature = "async")))]
#[doc(hidden)]
#[macro_export]
macro_rules! if_async {
    ($($items:tt)*) => {};
}
