//! [`RevocationList`]: the certificates that are no longer valid, signed by the CA.

use std::collections::HashSet;
use std::fmt;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::CrlNumber;

use crate::certificate::{Time, serial, signed_part, subject};
use crate::provider::provider;

/// A certificate revocation list
/// ([RFC 5280, section 5](https://datatracker.ietf.org/doc/html/rfc5280#section-5)) whose signature
/// was checked.
///
/// A list stays in force until a newer one replaces it, whatever its `nextUpdate` says: a list that
/// runs out must not let anybody in again.
#[derive(Clone, PartialEq, Eq)]
pub struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    number: u64,
    issued_at: Time,
    /// As [`Certificate::serial`](crate::Certificate) writes them.
    serials: HashSet<String>,
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("number", &self.number)
            .field("revoked", &self.serials.len())
            .finish_non_exhaustive()
    }
}

impl RevocationList {
    /// Reads a list, and checks that one of these certificates has signed it.
    ///
    /// # Errors
    /// Returns what is wrong with the list.
    pub fn verify(
        der: CertificateRevocationListDer<'static>,
        issuers: &[CertificateDer<'_>],
    ) -> Result<Self, String> {
        let list = CertificateList::from_der(&der).map_err(|error| error.to_string())?;
        check_signature(&der, &list, issuers)?;
        let tbs = list.tbs_cert_list;
        let extensions = tbs.crl_extensions.as_deref().unwrap_or_default();
        let number = extensions
            .iter()
            .find(|extension| {
                extension.extn_id == <CrlNumber as x509_cert::der::oid::AssociatedOid>::OID
            })
            .and_then(|extension| CrlNumber::from_der(extension.extn_value.as_bytes()).ok());
        let number = number.ok_or("it has no number, so nobody can tell which of two is newer")?;
        let digits = serial(number.0.as_bytes());
        let number = if digits.is_empty() {
            0
        } else {
            u64::from_str_radix(&digits, 16).map_err(|_| "its number is too large")?
        };
        let revoked = tbs.revoked_certificates.unwrap_or_default();
        Ok(Self {
            der,
            number,
            issued_at: tbs.this_update.into(),
            serials: revoked
                .iter()
                .map(|entry| serial(entry.serial_number.as_bytes()))
                .collect(),
        })
    }

    /// Returns the encoded list.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }

    /// Returns the number of the list. A newer list has a larger one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns when the list was made.
    pub fn issued_at(&self) -> Time {
        self.issued_at
    }

    /// Returns the number of revoked certificates.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    /// Returns whether no certificate is revoked.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// Returns the serial numbers of the revoked certificates.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.serials.iter().map(String::as_str)
    }

    /// Returns whether a certificate with this serial number is revoked.
    pub fn revokes(&self, serial: &str) -> bool {
        self.serials.contains(serial)
    }
}

fn check_signature(
    der: &[u8],
    list: &CertificateList,
    issuers: &[CertificateDer<'_>],
) -> Result<(), String> {
    let issuer_name = list
        .tbs_cert_list
        .issuer
        .to_der()
        .map_err(|error| error.to_string())?;
    let signed = signed_part(der).ok_or("it is cut short")?;
    let signature = list
        .signature
        .as_bytes()
        .ok_or("its signature is no bytes")?;
    let algorithm = list
        .signature_algorithm
        .to_der()
        .map_err(|error| error.to_string())?;
    let algorithm = algorithm_content(&algorithm);
    let named: Vec<_> = issuers
        .iter()
        .filter(|issuer| subject(issuer).as_ref() == Some(&issuer_name))
        .collect();
    if named.is_empty() {
        return Err("no certificate of `ca.pem` has the name of its issuer".to_owned());
    }
    let known = provider().signature_verification_algorithms.all;
    let fits = |issuer: &CertificateDer<'_>| {
        webpki::EndEntityCert::try_from(issuer).is_ok_and(|issuer| {
            known
                .iter()
                .filter(|known| known.signature_alg_id().as_ref() == algorithm)
                .any(|known| issuer.verify_signature(*known, &signed, signature).is_ok())
        })
    };
    if named.into_iter().any(fits) {
        Ok(())
    } else {
        Err("its signature is not that of its issuer".to_owned())
    }
}

/// Returns the content of an encoded sequence: what follows its tag and its short length.
fn algorithm_content(der: &[u8]) -> &[u8] {
    der.get(2..).unwrap_or_default()
}
