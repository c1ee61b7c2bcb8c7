//! [`TlsError`]: what is wrong with a folder of certificates; [`Refusal`]: why a peer is refused.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::{AlertDescription, CertificateError};

use crate::certificate::Time;
use crate::identity::{Identity, Role};

/// What is wrong with a file of certificates or keys, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong, in one sentence: lower case, no full stop.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl TlsError {
    pub(crate) fn new(path: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for TlsError {}

/// Why a peer's certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The peer showed no certificate.
    Missing,
    /// No certificate of `ca.pem` has signed it.
    UnknownIssuer(Option<Identity>),
    /// It is valid from a later time on.
    NotYetValid(Option<Identity>, Time),
    /// It was valid until this time.
    Expired(Option<Identity>, Time),
    /// The revocation list has its serial number.
    Revoked(Option<Identity>, String),
    /// It has no URI `rpc://NETWORK/ROLE/NAME`, or several.
    NoIdentity,
    /// It is of another network.
    OtherNetwork(Identity, String),
    /// Its role is not one that may connect here.
    WrongRole(Identity, &'static str),
    /// It is the certificate of another server.
    OtherName(Identity, String),
    /// Something else is wrong with it, as the library says it.
    Invalid(Option<Identity>, String),
}

impl Refusal {
    /// Returns whom the refused certificate names.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Missing | Self::NoIdentity => None,
            Self::UnknownIssuer(identity)
            | Self::NotYetValid(identity, _)
            | Self::Expired(identity, _)
            | Self::Revoked(identity, _)
            | Self::Invalid(identity, _) => identity.as_ref(),
            Self::OtherNetwork(identity, _)
            | Self::WrongRole(identity, _)
            | Self::OtherName(identity, _) => Some(identity),
        }
    }

    /// Returns the error that makes rustls send the fitting alert.
    pub(crate) fn to_rustls(&self) -> rustls::Error {
        let error = match self {
            Self::Missing => return rustls::Error::NoCertificatesPresented,
            Self::UnknownIssuer(_) => CertificateError::UnknownIssuer,
            Self::NotYetValid(..) => CertificateError::NotValidYet,
            Self::Expired(..) => CertificateError::Expired,
            Self::Revoked(..) => CertificateError::Revoked,
            Self::NoIdentity
            | Self::OtherNetwork(..)
            | Self::WrongRole(..)
            | Self::OtherName(..) => CertificateError::ApplicationVerificationFailure,
            Self::Invalid(..) => CertificateError::BadEncoding,
        };
        error.into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |identity: &Option<Identity>| match identity {
            Some(identity) => format!("the certificate of `{identity}`"),
            None => "the certificate".to_owned(),
        };
        match self {
            Self::Missing => f.write_str("it showed no certificate; connect with --tls"),
            Self::UnknownIssuer(identity) => write!(
                f,
                "{} is not signed by a certificate of `ca.pem`: it is of another network or another CA",
                of(identity)
            ),
            Self::NotYetValid(identity, time) => write!(
                f,
                "{} is valid from {time} on; compare the clocks of both machines",
                of(identity)
            ),
            Self::Expired(identity, time) => write!(
                f,
                "{} expired at {time}; renew it with `initializer cert renew`",
                of(identity)
            ),
            Self::Revoked(identity, serial) => {
                write!(f, "{} (serial {serial}) is revoked", of(identity))
            }
            Self::NoIdentity => f.write_str(
                "the certificate names nobody: it needs one URI `rpc://NETWORK/ROLE/NAME`",
            ),
            Self::OtherNetwork(identity, network) => write!(
                f,
                "the certificate of `{identity}` is of another network than `{network}`"
            ),
            Self::WrongRole(identity, wanted) => {
                write!(f, "the certificate of `{identity}` is not one of {wanted}")
            }
            Self::OtherName(identity, name) => write!(
                f,
                "the certificate of `{identity}` is of another server than `{name}`; is the address right?"
            ),
            Self::Invalid(identity, what) => write!(f, "{} is not valid: {what}", of(identity)),
        }
    }
}

impl std::error::Error for Refusal {}

/// Says in words why a handshake or a connection failed at the client's end. `own` is whom the
/// client's certificate names.
pub fn explain(error: &rustls::Error, own: &Identity) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<Refusal>() {
                Some(refusal) => format!("its certificate is refused: {refusal}"),
                None => error.to_string(),
            }
        }
        rustls::Error::AlertReceived(alert) => explain_alert(*alert, &format!("`{own}`")),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS; was it started without --tls?".to_owned()
        }
        error => error.to_string(),
    }
}

/// Says in words why the far side refused the own certificate; see [`is_refusal`].
pub fn explain_refusal(error: &rustls::Error) -> String {
    match error {
        rustls::Error::AlertReceived(alert) => explain_alert(*alert, &"this program"),
        error => error.to_string(),
    }
}

/// Returns what an alert of the far side means to the side whose certificate was refused.
fn explain_alert(alert: AlertDescription, own: &dyn fmt::Display) -> String {
    use AlertDescription as Alert;
    let why = match alert {
        Alert::CertificateExpired => {
            "it has expired or is not valid yet; renew it with `initializer cert renew`"
        }
        Alert::CertificateRevoked => "it is revoked; make a new one with `initializer cert renew`",
        Alert::UnknownCA => "the far side's `ca.pem` does not have its CA",
        Alert::AccessDenied => "it may not connect there; the log of the far side says why",
        _ => "the log of the far side says why",
    };
    format!("it refused the certificate of {own} ({alert:?}): {why}")
}

/// Returns whether an error says that the far side refused the own certificate.
pub fn is_refusal(error: &rustls::Error) -> bool {
    use AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::AlertReceived(
            Alert::CertificateExpired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::UnknownCA
                | Alert::AccessDenied
        )
    )
}

/// The roles that may connect to a server, in words.
pub(crate) const CALLERS: &str = "a client, a peer, a deployer or an observer";

/// The roles of a server, in words.
pub(crate) const SERVERS: &str = "a server or a peer";

/// Returns whether a role may connect to a server.
pub(crate) fn may_connect(role: Role) -> bool {
    role != Role::Server
}
