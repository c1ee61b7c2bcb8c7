//! Folders of certificates, and revocation lists: nothing that is not signed changes who somebody
//! is or who is revoked.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tls::issue::{Authority, Validity};
use tls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use tls::{
    CA_FILE, CERTIFICATE_FILE, Certificate, Credentials, Identity, KEY_FILE, LIST_FILE,
    RevocationList,
};

use crate::Decisions;

const FILES: [&str; 4] = [CA_FILE, CERTIFICATE_FILE, KEY_FILE, LIST_FILE];

thread_local! {
    static FOLDER: RefCell<Option<CertificateFolder>> = const { RefCell::new(None) };
}

/// A folder of certificates, and its files as they were written.
struct CertificateFolder {
    folder: TempDir,
    files: [String; 4],
    identity: Identity,
    certificate: Certificate,
    list: RevocationList,
}

/// Changes files, and reads the folder as every program does when it starts.
pub fn run(input: &[u8]) {
    FOLDER.with_borrow_mut(|cached| {
        let folder = cached.get_or_insert_with(CertificateFolder::new);
        let mut decisions = Decisions::new(input);
        folder.check_folder(&mut decisions);
        folder.check_ders(&mut decisions);
    });
}

impl CertificateFolder {
    fn new() -> Self {
        let (authority, _) = Authority::make("shop", Validity::days(10)).expect("an authority");
        let identity: Identity = "rpc://shop/client/one".parse().expect("an identity");
        let issued = authority
            .issue(&identity, &[], &[], Validity::days(10))
            .expect("a certificate");
        let list = authority.revoke(7, ["0a", "0b"]).expect("a list");
        let files = [
            authority.certificate().to_owned(),
            issued.certificate,
            issued.key,
            list,
        ];
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in FILES.iter().zip(&files) {
            let path = folder.path().join(file);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        }
        let credentials = Credentials::load(folder.path()).expect("good files");
        Self {
            identity,
            certificate: credentials.certificate().clone(),
            list: credentials.trust().list().expect("a list").clone(),
            folder,
            files,
        }
    }

    /// Loads the folder with one or two changed files.
    fn check_folder(&self, decisions: &mut Decisions<'_>) {
        let mut changed = Vec::new();
        for _ in 0..=decisions.below(2) {
            let place = decisions.below(FILES.len());
            let bytes = if decisions.once_in(3) {
                let mut bytes = self.files[place].clone().into_bytes();
                decisions.mutate(&mut bytes);
                bytes
            } else {
                let mut der = der(&self.files[place]);
                for _ in 0..=decisions.below(3) {
                    decisions.mutate(&mut der);
                }
                let tag = self.files[place].lines().next().expect("a first line");
                pem(tag, &der)
            };
            fs::write(self.folder.path().join(FILES[place]), bytes).expect("written");
            changed.push(place);
        }
        if let Ok(credentials) = Credentials::load(self.folder.path()) {
            assert_eq!(credentials.identity(), &self.identity);
            assert_eq!(credentials.certificate(), &self.certificate);
            self.check_list(credentials.trust().list().expect("a list"));
        }
        for place in changed {
            let path = self.folder.path().join(FILES[place]);
            fs::write(path, &self.files[place]).expect("written");
        }
    }

    /// Reads a changed certificate and a changed list.
    fn check_ders(&self, decisions: &mut Decisions<'_>) {
        let mut certificate = der(&self.files[1]);
        let mut list = der(&self.files[3]);
        for bytes in [&mut certificate, &mut list] {
            for _ in 0..=decisions.below(3) {
                decisions.mutate(bytes);
            }
        }
        let _ = Certificate::read(&CertificateDer::from(certificate));
        let issuer = CertificateDer::from(der(&self.files[0]));
        let list = CertificateRevocationListDer::from(list);
        if let Ok(list) = RevocationList::verify(list, &[issuer]) {
            self.check_list(&list);
        }
    }

    /// Checks that a list which is accepted says what was signed.
    fn check_list(&self, list: &RevocationList) {
        assert_eq!(list.number(), self.list.number());
        assert_eq!(list.len(), self.list.len());
        assert!(self.list.serials().all(|serial| list.revokes(serial)));
    }
}

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD
        .decode(lines.collect::<String>())
        .expect("a file in PEM")
}

/// Returns PEM with this first line.
fn pem(first: &str, der: &[u8]) -> Vec<u8> {
    let last = first.replace("BEGIN", "END");
    format!("{first}\n{}\n{last}\n", STANDARD.encode(der)).into_bytes()
}
