//! [`ServerTls`]: the server's end of a connection.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerConfig, ServerSessionMemoryCache, StoresServerSessions};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::ALPN;
use crate::credentials::Credentials;
use crate::error::Refusal;
use crate::identity::Identity;
use crate::provider::{provider, refuse_old_signature, signature_schemes, verify_signature};
use crate::trust::{Purpose, Trust};

/// Number of sessions that can be resumed.
const RESUMABLE_SESSIONS: usize = 4096;

/// The server's end of connections, for one state of its certificates. After a change, another one
/// is made: with it, the sessions that can be resumed are forgotten.
#[derive(Debug)]
pub struct ServerTls {
    trust: Arc<Trust>,
    resolver: Arc<SingleCertAndKey>,
    sessions: Arc<dyn StoresServerSessions>,
}

/// The settings for one connection that is accepted, and what is learnt of its peer.
#[derive(Debug)]
pub struct Accepting {
    /// The settings.
    pub config: Arc<ServerConfig>,
    verifier: Arc<PeerVerifier>,
}

impl ServerTls {
    /// Returns the server's end with these credentials.
    pub fn new(credentials: &Credentials) -> Self {
        let key: CertifiedKey = CertifiedKey::clone(credentials.key());
        Self {
            trust: Arc::new(credentials.trust().clone()),
            resolver: Arc::new(SingleCertAndKey::from(key)),
            sessions: ServerSessionMemoryCache::new(RESUMABLE_SESSIONS),
        }
    }

    /// Returns the settings for one connection.
    ///
    /// # Errors
    /// Returns an error if the provider lacks TLS 1.3.
    pub fn accept(&self) -> Result<Accepting, rustls::Error> {
        let verifier = Arc::new(PeerVerifier {
            trust: Arc::clone(&self.trust),
            verified: OnceLock::new(),
        });
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::clone(&verifier) as Arc<dyn ClientCertVerifier>)
            .with_cert_resolver(Arc::clone(&self.resolver) as _);
        config.session_storage = Arc::clone(&self.sessions);
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Each connection brings one for the next.
        config.send_tls13_tickets = 1;
        Ok(Accepting {
            config: Arc::new(config),
            verifier,
        })
    }

    /// Returns which peers are let in.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

impl Accepting {
    /// Returns whom the peer's certificate names, after the handshake. `chain` are the certificates
    /// of the connection.
    ///
    /// # Errors
    /// Returns why the peer is refused: a session may be resumed although its certificate was
    /// revoked or has expired meanwhile.
    pub fn identity(&self, chain: Option<&[CertificateDer<'_>]>) -> Result<Identity, Refusal> {
        match self.verifier.verified.get() {
            Some(verified) => verified.clone(),
            None => self.verifier.trust.check_again(chain.unwrap_or_default()),
        }
    }

    /// Returns why the peer was refused in the handshake, if it was refused for its certificate.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.verifier.verified.get()?.as_ref().err()
    }
}

/// Checks the certificate of one peer, and remembers the result.
#[derive(Debug)]
struct PeerVerifier {
    trust: Arc<Trust>,
    verified: OnceLock<Result<Identity, Refusal>>,
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self
            .trust
            .verify(certificate, intermediates, now, Purpose::Connects);
        match self.verified.get_or_init(|| verified) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(refusal.to_rustls()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        refuse_old_signature()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature_schemes()
    }
}
