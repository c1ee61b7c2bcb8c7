//! [`StoredCertificate`]: a certificate as it lies in a file, for a tool that makes certificates. It
//! need not be one that a peer would let in: it may have expired, or be revoked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, KeyUsage};

use crate::certificate::{Certificate, common_name};
use crate::credentials::{read, read_certificates, read_key, read_list};
use crate::error::TlsError;
use crate::issue::{AUTHORITY_NAME, Issued};
use crate::provider::provider;
use crate::revocation::RevocationList;

/// The first certificate of a file.
#[derive(Clone)]
pub struct StoredCertificate {
    path: PathBuf,
    der: CertificateDer<'static>,
    certificate: Certificate,
}

impl fmt::Debug for StoredCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCertificate")
            .field("path", &self.path)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl StoredCertificate {
    /// Reads the first certificate of a file.
    ///
    /// # Errors
    /// Returns what is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let mut certificates = read_certificates(path)?;
        let der = certificates.swap_remove(0);
        let certificate = Certificate::read(&der).map_err(|what| {
            let what = format!("its first certificate cannot be read: {what}");
            TlsError::new(path, what, "")
        })?;
        Ok(Self {
            path: path.to_owned(),
            der,
            certificate,
        })
    }

    /// Returns what the certificate says.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the name of the network whose authority this is. Returns `None` if
    /// [`Authority::make`](crate::issue::Authority::make) did not make it.
    pub fn network(&self) -> Option<String> {
        let name = common_name(&self.der)?;
        name.strip_prefix(AUTHORITY_NAME).map(str::to_owned)
    }

    /// Returns whether this is the certificate of the authority that signed another one. The time is
    /// not looked at.
    pub fn has_signed(&self, other: &Self) -> bool {
        let time = Duration::from_secs(other.certificate.not_before.0);
        let verify = || {
            let anchor = webpki::anchor_from_trusted_cert(&self.der)?;
            let algorithms = provider().signature_verification_algorithms.all;
            EndEntityCert::try_from(&other.der)?
                .verify_for_usage(
                    algorithms,
                    &[anchor],
                    &[],
                    UnixTime::since_unix_epoch(time),
                    KeyUsage::client_auth(),
                    None,
                    None,
                )
                .map(|_| ())
        };
        verify().is_ok()
    }

    /// Returns whether a file has this certificate among its own.
    ///
    /// # Errors
    /// Returns what is wrong with the file.
    pub fn is_in(&self, path: &Path) -> Result<bool, TlsError> {
        Ok(read_certificates(path)?.contains(&self.der))
    }

    /// Returns whether a file has the private key of this certificate.
    ///
    /// # Errors
    /// Returns what is wrong with the file.
    pub fn has_key_in(&self, path: &Path) -> Result<bool, TlsError> {
        let key = provider()
            .key_provider
            .load_private_key(read_key(path)?)
            .map_err(|error| {
                let what = format!("it is not a key that can sign: {error}");
                TlsError::new(path, what, "")
            })?;
        Ok(CertifiedKey::new(vec![self.der.clone()], key)
            .keys_match()
            .is_ok())
    }

    /// Reads a revocation list that this authority has signed. Returns `None` if there is no such
    /// file.
    ///
    /// # Errors
    /// Returns what is wrong with the file.
    pub fn read_list(&self, path: &Path) -> Result<Option<RevocationList>, TlsError> {
        read_list(path, std::slice::from_ref(&self.der))
    }

    /// Returns the text of this certificate's file and of a file with its key, for
    /// [`Authority::load`](crate::issue::Authority::load).
    ///
    /// # Errors
    /// Returns what is wrong with a file.
    pub fn with_key(&self, key: &Path) -> Result<Issued, TlsError> {
        read_key(key)?;
        Ok(Issued {
            certificate: read_text(&self.path)?,
            key: read_text(key)?,
        })
    }
}

/// Reads a file as text.
///
/// # Errors
/// Returns what is wrong with the file.
pub fn read_text(path: &Path) -> Result<String, TlsError> {
    String::from_utf8(read(path)?).map_err(|_| TlsError::new(path, "it is not text", ""))
}
