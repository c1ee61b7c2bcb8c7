//! [`ClientStream`]: the byte stream of a multiplexed session, with or without TLS.

#[cfg(not(feature = "tls"))]
pub(crate) type ClientStream = tokio::net::TcpStream;

#[cfg(feature = "tls")]
pub(crate) type ClientStream = tls::Stream;
