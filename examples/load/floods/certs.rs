//! The certificates of a network whose floods go over TLS.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, crypto,
};
use tls::{ClientTls, Credentials, ServerTls};

use super::network::{INIT, SERVER};

/// The folders of certificates. Dropping this removes them.
pub struct Certificates(TempDir);

/// The owner of the certificate that a connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Honest,
    Hostile,
    /// Nobody's: the handshake fails.
    Stranger,
}

impl Certificates {
    /// Makes a CA, and the certificates of everybody in the file of the network.
    pub fn make() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("init.yaml"), INIT)?;
        let output = Command::new(std::env::current_exe()?)
            .current_dir(folder.path())
            .args(["initializer", "cert", "init.yaml", "--out", "certs"])
            .output()?;
        if output.status.success() {
            return Ok(Self(folder));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!(
            "initializer cert: {}: {errors}",
            output.status
        )))
    }

    /// Returns the folder with those of everybody.
    pub fn folder(&self) -> PathBuf {
        self.0.path().join("certs")
    }
}

/// Returns the client's end of connections to the server.
pub fn client(folder: &Path, holder: Holder) -> io::Result<Arc<ClientConfig>> {
    let name = match holder {
        Holder::Honest => "honest",
        Holder::Hostile => "hostile",
        Holder::Stranger => return stranger(),
    };
    let credentials =
        Credentials::load(&folder.join("clients").join(name)).map_err(io::Error::other)?;
    let tls = ClientTls::new(&credentials, SERVER).map_err(io::Error::other)?;
    Ok(Arc::clone(tls.config()))
}

/// Begins a connection to the server at this address.
pub fn connect(config: &Arc<ClientConfig>, server: SocketAddr) -> io::Result<ClientConnection> {
    let name = ClientTls::server_name(server.ip());
    ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)
}

/// Returns the server's end, for the sink.
pub fn server(folder: &Path) -> io::Result<ServerTls> {
    let folder = folder.join("servers").join(SERVER);
    let credentials = Credentials::load(&folder).map_err(io::Error::other)?;
    Ok(ServerTls::new(&credentials))
}

/// Returns the end of somebody who has no certificate and trusts everybody.
fn stranger() -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = Arc::new(TrustsEverybody(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&tls::rustls::version::TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![tls::ALPN.to_vec()];
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct TrustsEverybody(Arc<crypto::CryptoProvider>);

impl ServerCertVerifier for TrustsEverybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
