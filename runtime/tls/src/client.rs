//! [`ClientTls`]: the client's end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientSessionMemoryCache, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::ALPN;
use crate::credentials::Credentials;
use crate::error::Refusal;
use crate::identity::Identity;
use crate::provider::{provider, refuse_old_signature, signature_schemes, verify_signature};
use crate::trust::{Purpose, Trust};

/// Number of sessions with one server that can be resumed.
const RESUMABLE_SESSIONS: usize = 64;

/// The client's end of connections to one server, for one state of its certificates.
#[derive(Debug, Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    identity: Identity,
}

impl ClientTls {
    /// Returns the client's end of connections to the server of this name.
    ///
    /// # Errors
    /// Returns an error if the provider lacks TLS 1.3.
    pub fn new(credentials: &Credentials, server: &str) -> Result<Self, rustls::Error> {
        let verifier = ServerVerifier {
            trust: credentials.trust().clone(),
            server: server.to_owned(),
        };
        let key: CertifiedKey = CertifiedKey::clone(credentials.key());
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption =
            Resumption::store(Arc::new(ClientSessionMemoryCache::new(RESUMABLE_SESSIONS)));
        Ok(Self {
            config: Arc::new(config),
            identity: credentials.identity().clone(),
        })
    }

    /// Returns the settings of rustls.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Returns whom the own certificate names.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the name of the server as rustls wants one. It is the address, so that no name is
    /// sent in clear text; the certificate is checked against the name that [`new`](Self::new) got.
    pub fn server_name(address: IpAddr) -> ServerName<'static> {
        ServerName::IpAddress(address.into())
    }

    /// Begins a connection to the server at this address.
    ///
    /// # Errors
    /// Returns an error of rustls.
    pub fn connect(&self, address: IpAddr) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), Self::server_name(address))
    }
}

/// Checks that the peer is the server that was dialled.
#[derive(Debug)]
struct ServerVerifier {
    trust: Trust,
    server: String,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .trust
            .verify(certificate, intermediates, now, Purpose::Serves)
            .and_then(|identity| {
                if identity.name == self.server {
                    Ok(())
                } else {
                    Err(Refusal::OtherName(identity, self.server.clone()))
                }
            });
        verified
            .map(|()| ServerCertVerified::assertion())
            // The caller reads the reason; the server gets an alert that means less.
            .map_err(|refusal| {
                rustls::Error::InvalidCertificate(rustls::CertificateError::Other(
                    rustls::OtherError(Arc::new(refusal)),
                ))
            })
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        refuse_old_signature()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature_schemes()
    }
}
