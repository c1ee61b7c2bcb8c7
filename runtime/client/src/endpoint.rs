//! [`Endpoint`]: where a server is reached; [`Caller`]: who calls it, and from where.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
#[cfg(feature = "tls")]
use std::sync::Arc;

use wire::keep_alive::KeepAlive;

/// A server and where it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) server: String,
    pub(crate) address: SocketAddr,
}

/// As error messages name it: ``server `server1` at 127.0.0.1:7101``.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server `{}` at {}", self.server, self.address)
    }
}

/// The client that calls, and its declared address, if it has one.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    /// How the kernel notices that a server is gone.
    pub(crate) keep_alive: KeepAlive,
    pub(crate) ip: Option<IpAddr>,
    /// The certificate of the client. With it, servers are reached by TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<tls::ClientFolder>>,
}

impl Caller {
    /// Returns whether the client calls over TLS, with a certificate.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "there is no certificate")
    )]
    pub(crate) fn has_certificate(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Returns the address from which the client must call. With a certificate, any will do.
    pub(crate) fn own_address(&self) -> Option<IpAddr> {
        self.ip.filter(|_| !self.has_certificate())
    }
}
