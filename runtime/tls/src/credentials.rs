//! [`Credentials`]: the folder with this program's certificate, its key, and whom it trusts.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;

use crate::certificate::{Certificate, Time};
use crate::error::{Refusal, TlsError};
use crate::identity::Identity;
use crate::provider::provider;
use crate::revocation::RevocationList;
use crate::trust::{Purpose, Trust};

/// The file of the certificates that are trusted.
pub const CA_FILE: &str = "ca.pem";

/// The file of this program's certificate, followed by those between it and a trusted one.
pub const CERTIFICATE_FILE: &str = "cert.pem";

/// The file of the certificate's private key.
pub const KEY_FILE: &str = "key.pem";

/// The file of the revocation list. It may be missing.
pub const LIST_FILE: &str = "crl.pem";

/// Maximum size of a file in a folder of certificates. A list with 10,000 serial numbers has half a
/// megabyte.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// What a program shows to others, and whom it trusts.
#[derive(Debug, Clone)]
pub struct Credentials {
    folder: PathBuf,
    identity: Identity,
    certificate: Certificate,
    key: Arc<CertifiedKey>,
    /// The certificates that may have signed a revocation list.
    issuers: Vec<CertificateDer<'static>>,
    trust: Trust,
}

/// What the files of a folder were when they were read. Equal stamps mean the same files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderStamp(Vec<Option<(u64, i64, i64, u64)>>);

impl FolderStamp {
    /// Looks at the files of a folder.
    pub fn of(folder: &Path) -> Self {
        let files = [CA_FILE, CERTIFICATE_FILE, KEY_FILE, LIST_FILE];
        let stamp = |file: &str| {
            let metadata = fs::metadata(folder.join(file)).ok()?;
            Some((
                metadata.ino(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.len(),
            ))
        };
        Self(files.map(stamp).into())
    }
}

impl Credentials {
    /// Reads a folder: `ca.pem`, `cert.pem`, `key.pem`, and `crl.pem` if it is there.
    ///
    /// # Errors
    /// Returns the first file with which something is wrong.
    pub fn load(folder: &Path) -> Result<Self, TlsError> {
        let path = |file: &str| folder.join(file);
        if !folder.is_dir() {
            let remedy = "give the folder that `initializer cert` made for this program";
            return Err(TlsError::new(folder, "there is no such folder", remedy));
        }
        let roots_path = path(CA_FILE);
        let anchors = read_certificates(&roots_path)?;
        let mut roots = RootCertStore::empty();
        for anchor in &anchors {
            roots.add(anchor.clone()).map_err(|error| {
                TlsError::new(
                    &roots_path,
                    format!("a certificate in it cannot be trusted: {error}"),
                    "",
                )
            })?;
            check_time(&roots_path, "a certificate of the CA", anchor)?;
        }
        let chain_path = path(CERTIFICATE_FILE);
        let chain = read_certificates(&chain_path)?;
        let key_path = path(KEY_FILE);
        let key = read_key(&key_path)?;
        let Some(first) = chain.first() else {
            return Err(TlsError::new(&chain_path, "it has no certificate", ""));
        };
        let certificate = Certificate::read(first).map_err(|what| {
            TlsError::new(
                &chain_path,
                format!("its first certificate cannot be read: {what}"),
                "",
            )
        })?;
        let Some(identity) = certificate.identity.clone() else {
            return Err(TlsError::new(
                &chain_path,
                "its first certificate names nobody: it has not one URI `rpc://NETWORK/ROLE/NAME`",
                "the certificate of this program comes first, then those that signed it",
            ));
        };
        let signing_key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| {
                TlsError::new(
                    &key_path,
                    format!("it is not a key that can sign: {error}"),
                    "",
                )
            })?;
        let key = CertifiedKey::new(chain.clone(), signing_key);
        if key.keys_match().is_err() {
            return Err(TlsError::new(
                &key_path,
                format!("it is not the key of the certificate of `{identity}` beside it"),
                "copy both files of one program",
            ));
        }
        let issuers: Vec<_> = anchors.iter().chain(&chain[1..]).cloned().collect();
        let list = read_list(&path(LIST_FILE), &issuers)?;
        let trust = Trust {
            roots: Arc::new(roots),
            network: identity.network.clone(),
            list: list.map(Arc::new),
        };
        let credentials = Self {
            folder: folder.to_owned(),
            identity,
            certificate,
            key: Arc::new(key),
            issuers,
            trust,
        };
        credentials.check_own(&chain_path, &chain)?;
        Ok(credentials)
    }

    /// Checks that this program's own certificate is one that others let in.
    fn check_own(&self, path: &Path, chain: &[CertificateDer<'_>]) -> Result<(), TlsError> {
        let purpose = if self.identity.role.serves() {
            Purpose::Serves
        } else {
            Purpose::Connects
        };
        let verified = self
            .trust
            .verify(&chain[0], &chain[1..], UnixTime::now(), purpose);
        let remedy = match &verified {
            Ok(_) => return Ok(()),
            Err(Refusal::UnknownIssuer(_)) => {
                "`ca.pem` must have the root, and `cert.pem` every certificate between, each after the one that it signed"
            }
            Err(_) => "",
        };
        verified
            .map(|_| ())
            .map_err(|refusal| TlsError::new(path, refusal.to_string(), remedy))
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whom the certificate names.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns which peers are let in.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// Checks the signature of a revocation list by the certificates of this folder.
    ///
    /// # Errors
    /// Returns what is wrong with the list.
    pub fn verify_list(&self, der: Vec<u8>) -> Result<RevocationList, String> {
        RevocationList::verify(CertificateRevocationListDer::from(der), &self.issuers)
    }

    /// Returns the same credentials with this list, if it is newer than the present one.
    pub fn with_list(mut self, list: RevocationList) -> Self {
        let present = self.trust.list.as_ref();
        if present.is_none_or(|present| present.number() < list.number()) {
            self.trust.list = Some(Arc::new(list));
        }
        self
    }
}

fn check_time(path: &Path, what: &str, der: &CertificateDer<'_>) -> Result<(), TlsError> {
    let read = Certificate::read(der);
    let certificate =
        read.map_err(|error| TlsError::new(path, format!("{what} cannot be read: {error}"), ""))?;
    let now = Time::now();
    if now < certificate.not_before {
        let what = format!("{what} is valid from {} on", certificate.not_before);
        return Err(TlsError::new(
            path,
            what,
            "compare the clock of this machine",
        ));
    }
    if now > certificate.not_after {
        let what = format!("{what} expired at {}", certificate.not_after);
        return Err(TlsError::new(
            path,
            what,
            "make a new CA with `initializer cert init.yaml --overwrite --new-ca`, and bring the new folders to all programs",
        ));
    }
    Ok(())
}

/// Reads a file of at most [`MAX_FILE_BYTES`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => TlsError::new(
            path,
            "there is no such file",
            "copy the whole folder that `initializer cert` made for this program",
        ),
        ErrorKind::PermissionDenied => TlsError::new(path, "this user may not read it", ""),
        _ => TlsError::new(path, error.to_string(), ""),
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(TlsError::new(path, "it is not a regular file", ""));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(TlsError::new(path, "it is larger than 16 MiB", ""));
    }
    Ok(bytes)
}

/// Reads the certificates of a file. Text around them is ignored, as openssl does.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates =
        certificates.map_err(|error| TlsError::new(path, format!("it is not PEM: {error}"), ""))?;
    if certificates.is_empty() {
        let remedy = "it must have a line `-----BEGIN CERTIFICATE-----`";
        return Err(TlsError::new(path, "it has no certificate", remedy));
    }
    Ok(certificates)
}

/// Reads a private key that nobody else may read.
pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(path)?;
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let remedy = format!("run `chmod 600 {}`", path.display());
        return Err(TlsError::new(path, "other users may read this key", remedy));
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(&bytes);
    match (keys.next(), keys.next()) {
        (Some(Ok(key)), None) => Ok(key),
        (Some(Err(error)), _) => Err(TlsError::new(path, format!("it is not PEM: {error}"), "")),
        (None, _) => Err(TlsError::new(
            path,
            "it has no key",
            "it must have a line `-----BEGIN PRIVATE KEY-----`",
        )),
        (Some(Ok(_)), Some(_)) => Err(TlsError::new(path, "it has several keys", "leave one")),
    }
}

/// Reads the revocation list, if there is one.
pub(crate) fn read_list(
    path: &Path,
    issuers: &[CertificateDer<'_>],
) -> Result<Option<RevocationList>, TlsError> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read(path)?;
    let der = CertificateRevocationListDer::from_pem_slice(&bytes)
        .map_err(|error| TlsError::new(path, format!("it has no revocation list: {error}"), ""))?;
    RevocationList::verify(der, issuers)
        .map(Some)
        .map_err(|what| {
            let what = format!("this revocation list is not in force: {what}");
            TlsError::new(path, what, "bring the list of this network's CA")
        })
}
