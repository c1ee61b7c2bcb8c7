//! [`Certificate`]: what this network needs to know of an X.509 certificate.

use std::fmt;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::Any;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::identity::Identity;

/// What this network needs to know of an X.509 certificate
/// ([RFC 5280](https://datatracker.ietf.org/doc/html/rfc5280)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The serial number in lower-case hexadecimal digits, without leading zeros.
    pub serial: String,
    /// The identity of its owner; `None` if it has the URI of no identity, or of more than one.
    pub identity: Option<Identity>,
    /// Since when it is valid.
    pub not_before: Time,
    /// Until when it is valid.
    pub not_after: Time,
    /// Whether issuer and subject are the same, as in the certificate of a root.
    pub is_self_issued: bool,
}

/// A moment, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

/// The moment as RFC 3339 writes it, in UTC.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match x509_cert::der::DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

impl Time {
    /// Returns the present time of this machine.
    pub fn now() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(now.unwrap_or_default().as_secs())
    }
}

impl From<x509_cert::time::Time> for Time {
    fn from(time: x509_cert::time::Time) -> Self {
        Self(time.to_unix_duration().as_secs())
    }
}

impl Certificate {
    /// Reads a certificate. Its signature is not checked.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let parsed = x509_cert::Certificate::from_der(der).map_err(|error| error.to_string())?;
        let tbs = parsed.tbs_certificate;
        Ok(Self {
            serial: serial(tbs.serial_number.as_bytes()),
            identity: identity(&tbs)?,
            not_before: tbs.validity.not_before.into(),
            not_after: tbs.validity.not_after.into(),
            is_self_issued: tbs.issuer == tbs.subject,
        })
    }
}

/// Returns a serial number as it is written: hexadecimal digits without leading zeros.
pub(crate) fn serial(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    digits.trim_start_matches('0').to_owned()
}

/// Returns the identity of the owner, if the certificate has exactly one.
fn identity(tbs: &x509_cert::TbsCertificate) -> Result<Option<Identity>, String> {
    let names = tbs
        .get::<SubjectAltName>()
        .map_err(|error| error.to_string())?;
    let Some((_, SubjectAltName(names))) = names else {
        return Ok(None);
    };
    let identities = names.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => uri.as_str().parse().ok(),
        _ => None,
    });
    let identities: Vec<Identity> = identities.collect();
    let only: Result<[Identity; 1], _> = identities.try_into();
    Ok(only.ok().map(|[identity]| identity))
}

/// Returns the encoded name of the subject of a certificate.
pub(crate) fn subject(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = x509_cert::Certificate::from_der(der).ok()?;
    x509_cert::der::Encode::to_der(&parsed.tbs_certificate.subject).ok()
}

/// Returns the common name of a certificate's subject.
#[cfg(feature = "issue")]
pub(crate) fn common_name(der: &CertificateDer<'_>) -> Option<String> {
    const COMMON_NAME: x509_cert::der::asn1::ObjectIdentifier =
        x509_cert::der::asn1::ObjectIdentifier::new_unwrap("2.5.4.3");
    let parsed = x509_cert::Certificate::from_der(der).ok()?;
    let subject = parsed.tbs_certificate.subject;
    let mut parts = subject.0.iter().flat_map(|part| part.0.iter());
    let name = parts.find(|part| part.oid == COMMON_NAME)?;
    String::from_utf8(name.value.value().to_vec()).ok()
}

/// Returns the bytes of a certificate's public key.
#[cfg(feature = "issue")]
pub(crate) fn public_key(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = x509_cert::Certificate::from_der(der).ok()?;
    let key = parsed.tbs_certificate.subject_public_key_info;
    Some(key.subject_public_key.raw_bytes().to_vec())
}

/// Returns the part of a signed structure that is signed: the first element of its sequence.
pub(crate) fn signed_part(der: &[u8]) -> Option<Vec<u8>> {
    let whole = Any::from_der(der).ok()?;
    let first = Any::from_der(first_element(whole.value())?).ok()?;
    x509_cert::der::Encode::to_der(&first).ok()
}

/// Returns the bytes of the first element of a sequence's content.
fn first_element(content: &[u8]) -> Option<&[u8]> {
    let header =
        x509_cert::der::Header::decode(&mut x509_cert::der::SliceReader::new(content).ok()?)
            .ok()?;
    let header_length = usize::try_from(x509_cert::der::Encode::encoded_len(&header).ok()?).ok()?;
    let length = usize::try_from(header.length).ok()?;
    content.get(..header_length.checked_add(length)?)
}
