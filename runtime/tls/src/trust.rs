//! [`Trust`]: which peers are let in.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::certificate::{Certificate, Time};
use crate::error::{CALLERS, Refusal, SERVERS, may_connect};
use crate::identity::Identity;
use crate::provider::provider;
use crate::revocation::RevocationList;

/// Which peers are let in: those of this network whose certificate leads to a trusted one and is not
/// revoked.
#[derive(Debug, Clone)]
pub struct Trust {
    pub(crate) roots: Arc<RootCertStore>,
    /// The name of the network.
    pub(crate) network: String,
    /// The certificates that are no longer valid.
    pub(crate) list: Option<Arc<RevocationList>>,
}

/// What the certificate of a peer must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The peer connects to a server.
    Connects,
    /// The peer is the server.
    Serves,
}

impl Trust {
    /// Returns the list of revoked certificates.
    pub fn list(&self) -> Option<&RevocationList> {
        self.list.as_deref()
    }

    /// Checks the chain of a peer's certificate, and returns whom it names.
    pub(crate) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        purpose: Purpose,
    ) -> Result<Identity, Refusal> {
        let usage = match purpose {
            Purpose::Connects => KeyUsage::client_auth(),
            Purpose::Serves => KeyUsage::server_auth(),
        };
        // Only what a trusted certificate has signed is looked at further.
        let refused = |error: webpki::Error| {
            // Named for the log: nothing is decided by it.
            let read = Certificate::read(certificate).ok();
            refusal(&error, read.and_then(|read| read.identity))
        };
        let parsed = EndEntityCert::try_from(certificate).map_err(refused)?;
        let algorithms = provider().signature_verification_algorithms.all;
        parsed
            .verify_for_usage(
                algorithms,
                &self.roots.roots,
                intermediates,
                now,
                usage,
                None,
                None,
            )
            .map_err(refused)?;
        self.check_names(certificate, intermediates, Time(now.as_secs()), purpose)
    }

    /// Checks everything but signatures: for a chain that was verified before, such as that of a
    /// resumed session. The certificate comes first.
    ///
    /// # Errors
    /// Returns why the peer is refused.
    pub fn check_again(&self, chain: &[CertificateDer<'_>]) -> Result<Identity, Refusal> {
        let (certificate, intermediates) = chain.split_first().ok_or(Refusal::Missing)?;
        self.check_names(certificate, intermediates, Time::now(), Purpose::Connects)
    }

    fn check_names(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Time,
        purpose: Purpose,
    ) -> Result<Identity, Refusal> {
        let read = |der: &CertificateDer<'_>| {
            Certificate::read(der).map_err(|what| Refusal::Invalid(None, what))
        };
        let own = read(certificate)?;
        let identity = own.identity.clone();
        for certificate in std::iter::once(Ok(own)).chain(intermediates.iter().map(read)) {
            let certificate = certificate?;
            if now < certificate.not_before {
                return Err(Refusal::NotYetValid(identity, certificate.not_before));
            }
            if now > certificate.not_after {
                return Err(Refusal::Expired(identity, certificate.not_after));
            }
            if let Some(list) = &self.list
                && list.revokes(&certificate.serial)
            {
                return Err(Refusal::Revoked(identity, certificate.serial));
            }
        }
        let identity = identity.ok_or(Refusal::NoIdentity)?;
        if identity.network != self.network {
            return Err(Refusal::OtherNetwork(identity, self.network.clone()));
        }
        match purpose {
            Purpose::Connects if !may_connect(identity.role) => {
                Err(Refusal::WrongRole(identity, CALLERS))
            }
            Purpose::Serves if !identity.role.serves() => {
                Err(Refusal::WrongRole(identity, SERVERS))
            }
            _ => Ok(identity),
        }
    }
}

fn refusal(error: &webpki::Error, identity: Option<Identity>) -> Refusal {
    use webpki::Error;
    match error {
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => {
            Refusal::UnknownIssuer(identity)
        }
        Error::CertExpired { not_after, .. } => {
            Refusal::Expired(identity, Time(not_after.as_secs()))
        }
        Error::CertNotValidYet { not_before, .. } => {
            Refusal::NotYetValid(identity, Time(not_before.as_secs()))
        }
        error => Refusal::Invalid(identity, error.to_string()),
    }
}
