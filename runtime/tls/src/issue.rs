//! [`Authority`]: makes the certificates of a network, and the list of revoked ones.
//!
//! Keys are ECDSA P-256 (`PKCS #8` in PEM). A certificate carries the URI of its
//! [`Identity`]; that of a server also carries its addresses and host names, for other tools.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use time::OffsetDateTime;

use crate::certificate::{Time, common_name, public_key};
use crate::identity::{Identity, Role};

/// How long before its making a certificate is valid already, since clocks differ.
const BACKDATED: Duration = Duration::from_hours(1);

/// What stands before the name of the network in the name of its authority.
pub(crate) const AUTHORITY_NAME: &str = "CA of the network ";

/// Length of a serial number in bytes.
const SERIAL_BYTES: usize = 16;

/// The certificate authority of a network.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// Why no certificate was made.
#[derive(Debug)]
pub struct IssueError(String);

impl std::fmt::Display for IssueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IssueError {}

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Time,
    /// The last moment.
    pub not_after: Time,
}

impl Validity {
    /// Returns a validity from an hour ago until so many days from now.
    pub fn days(days: u32) -> Self {
        let now = Time::now().0;
        Self {
            not_before: Time(now.saturating_sub(BACKDATED.as_secs())),
            not_after: Time(now + u64::from(days) * 24 * 3600),
        }
    }
}

impl Authority {
    /// Makes the authority of a network. Returns its certificate and key too.
    ///
    /// # Errors
    /// Returns an error if the system has no random bytes.
    pub fn make(network: &str, validity: Validity) -> Result<(Self, Issued), IssueError> {
        let key = KeyPair::generate()?;
        let mut params = params_of_authority(network)?;
        set_validity(&mut params, validity);
        params.serial_number = Some(random_serial()?);
        let certificate = params.self_signed(&key)?.pem();
        let issued = Issued {
            certificate: certificate.clone(),
            key: key.serialize_pem(),
        };
        let authority = Self {
            issuer: Issuer::new(params, key),
            certificate,
        };
        Ok((authority, issued))
    }

    /// Returns the authority that [`make`](Self::make) made for this network.
    ///
    /// # Errors
    /// Returns an error if the certificate is not that of this network's authority, or if the key
    /// is not its key.
    pub fn load(network: &str, issued: Issued) -> Result<Self, IssueError> {
        let key = KeyPair::from_pem(&issued.key)?;
        let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes())
            .map_err(|error| IssueError(format!("the certificate is not PEM: {error}")))?;
        if common_name(&certificate) != Some(authority_name(network)) {
            let what = format!("it is not the CA that was made for the network `{network}`");
            return Err(IssueError(what));
        }
        if public_key(&certificate).as_deref() != Some(key.der_bytes()) {
            return Err(IssueError("the key is not that of the CA".to_owned()));
        }
        Ok(Self {
            issuer: Issuer::new(params_of_authority(network)?, key),
            certificate: issued.certificate,
        })
    }

    /// Returns the certificate of the authority.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Makes a certificate. `addresses` and `hosts` are those of a server.
    ///
    /// # Errors
    /// Returns an error if the system has no random bytes, or if a host name is none.
    pub fn issue(
        &self,
        identity: &Identity,
        addresses: &[IpAddr],
        hosts: &[String],
        validity: Validity,
    ) -> Result<Issued, IssueError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&format!("{} {}", identity.role, identity.name));
        params.subject_alt_names = vec![SanType::URI(text(&identity.to_string())?)];
        let addresses = addresses.iter().map(|address| SanType::IpAddress(*address));
        params.subject_alt_names.extend(addresses);
        for host in hosts {
            params.subject_alt_names.push(SanType::DnsName(text(host)?));
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages(identity.role);
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(random_serial()?);
        set_validity(&mut params, validity);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Makes a revocation list with this number. Each serial number is written as
    /// [`Certificate::serial`](crate::Certificate).
    ///
    /// # Errors
    /// Returns an error if a serial number is not hexadecimal.
    pub fn revoke<'s>(
        &self,
        number: u64,
        serials: impl IntoIterator<Item = &'s str>,
    ) -> Result<String, IssueError> {
        let now = moment(Time::now());
        let revoked = serials.into_iter().map(|serial| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&bytes(serial)?),
                revocation_time: now,
                reason_code: None,
                invalidity_date: None,
            })
        });
        let params = CertificateRevocationListParams {
            this_update: now,
            // Our servers keep a list until a newer one comes. Other tools want a date.
            next_update: now + time::Duration::days(3650),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect::<Result<_, IssueError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?.pem()?)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}

fn params_of_authority(network: &str) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name(&authority_name(network));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn authority_name(network: &str) -> String {
    format!("{AUTHORITY_NAME}{network}")
}

fn name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

fn usages(role: Role) -> Vec<ExtendedKeyUsagePurpose> {
    let mut usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if role.serves() {
        usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    usages
}

fn text(text: &str) -> Result<Ia5String, IssueError> {
    let what = || IssueError(format!("`{}` is not ASCII text", text.escape_debug()));
    Ia5String::try_from(text).map_err(|_| what())
}

fn set_validity(params: &mut CertificateParams, validity: Validity) {
    params.not_before = moment(validity.not_before);
    params.not_after = moment(validity.not_after);
}

fn moment(time: Time) -> OffsetDateTime {
    let moment: SystemTime = UNIX_EPOCH + Duration::from_secs(time.0);
    OffsetDateTime::from(moment)
}

fn random_serial() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0; SERIAL_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| IssueError(format!("the system has no random bytes: {error}")))?;
    // Positive, and never shorter than it could be.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Returns the bytes of hexadecimal digits.
fn bytes(digits: &str) -> Result<Vec<u8>, IssueError> {
    let padded = if digits.len().is_multiple_of(2) {
        digits.to_owned()
    } else {
        format!("0{digits}")
    };
    let wrong = || IssueError(format!("`{}` is no serial number", digits.escape_debug()));
    let pair = |at: usize| {
        let pair = padded.get(at..at + 2).ok_or_else(wrong)?;
        u8::from_str_radix(pair, 16).map_err(|_| wrong())
    };
    (0..padded.len()).step_by(2).map(pair).collect()
}
