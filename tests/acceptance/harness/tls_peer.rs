//! [`TlsPeer`]: a scripted client that speaks TLS. It trusts every server and shows what it likes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use tls::rustls::client::ClientConfig;
use tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tls::rustls::crypto::CryptoProvider;
use tls::rustls::pki_types::pem::PemObject as _;
use tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tls::rustls::{self, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use tls::{CERTIFICATE_FILE, KEY_FILE};

use super::PATIENCE;

/// The client's end of a connection that speaks TLS.
pub struct TlsPeer(StreamOwned<ClientConnection, TcpStream>);

impl TlsPeer {
    /// Connects from 127.0.0.1. The handshake begins with the first bytes that are sent.
    pub fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let socket = TcpStream::connect(address).expect("a connection");
        socket.set_nodelay(true).expect("a socket option");
        for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            set(&socket, Some(PATIENCE)).expect("a socket option");
        }
        let name = ServerName::from(address.ip());
        let connection = ClientConnection::new(config, name).expect("a connection");
        Self(StreamOwned::new(connection, socket))
    }

    /// Returns the local address, which the server logs as the peer.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.sock.local_addr().expect("an address")
    }

    /// Sends bytes. Returns `false` if the server has closed the connection or refused the peer.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.0
            .write_all(bytes)
            .and_then(|()| self.0.flush())
            .is_ok()
    }

    /// Returns all plain bytes up to the end of the connection.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return bytes,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    panic!("the connection is still open: {error}")
                }
                // A refusal is an alert, after which the connection ends without its own end.
                Err(_) => return bytes,
            }
        }
    }
}

/// Returns a client without a certificate.
pub fn without_certificate() -> Arc<ClientConfig> {
    Arc::new(builder().with_no_client_auth())
}

/// Returns a client that shows the certificate of one folder and signs with the key of another.
pub fn with_certificate(certificate: &Path, key: &Path) -> Arc<ClientConfig> {
    let chain = CertificateDer::pem_file_iter(certificate.join(CERTIFICATE_FILE))
        .expect("a file")
        .collect::<Result<Vec<_>, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_file(key.join(KEY_FILE)).expect("a key");
    let key = provider()
        .key_provider
        .load_private_key(key)
        .expect("a key");
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    Arc::new(builder().with_client_cert_resolver(Arc::new(shown)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustsAll(provider())))
}

#[derive(Debug)]
struct TrustsAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
