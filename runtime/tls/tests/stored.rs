//! Certificates as they lie in files, for a tool that makes certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rpc_runtime_tls::issue::{Authority, Issued, Validity};
use rpc_runtime_tls::stored::StoredCertificate;
use rpc_runtime_tls::{Identity, Time};

fn write(folder: &Path, file: &str, text: &str) -> PathBuf {
    let path = folder.join(file);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}

fn make(network: &str) -> (Authority, Issued) {
    Authority::make(network, Validity::days(10)).expect("a CA")
}

fn issue(authority: &Authority, validity: Validity) -> Issued {
    let identity: Identity = "rpc://shop/client/ada".parse().expect("an identity");
    let issued = authority.issue(&identity, &[], &[], validity);
    issued.expect("a certificate")
}

#[test]
fn an_authority_is_loaded_only_with_its_own_name_and_key() {
    let (authority, issued) = make("shop");
    assert!(Authority::load("shop", issued.clone()).is_ok());
    let refused = |network, issued| match Authority::load(network, issued) {
        Ok(_) => panic!("it is loaded"),
        Err(error) => error.to_string(),
    };
    let of_shop = "it is not the CA that was made for the network `store`";
    assert_eq!(refused("store", issued.clone()), of_shop);
    let Issued { key, .. } = issue(&authority, Validity::days(1));
    let other_key = Issued {
        key,
        ..issued.clone()
    };
    assert_eq!(refused("shop", other_key), "the key is not that of the CA");
    for (certificate, key) in [("", &*issued.key), (&*issued.certificate, "")] {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        refused("shop", Issued { certificate, key });
    }
}

#[test]
fn a_stored_certificate_knows_its_ca_its_key_and_its_lists() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (authority, issued) = make("shop");
    let ca = write(folder, "ca.pem", &issued.certificate);
    let ca_key = write(folder, "ca-key.pem", &issued.key);
    let (other, _) = make("shop");
    let other_ca = write(folder, "other-ca.pem", other.certificate());
    let expired = Validity {
        not_before: Time(1_000_000),
        not_after: Time(2_000_000),
    };
    let issued = issue(&authority, expired);
    let certificate = write(folder, "cert.pem", &issued.certificate);
    let key = write(folder, "key.pem", &issued.key);
    let list = write(
        folder,
        "crl.pem",
        &authority.revoke(300, ["abc"]).expect("a list"),
    );
    let read = |path: &Path| StoredCertificate::read(path).expect("a certificate");
    let stored = read(&certificate);
    assert_eq!(stored.certificate().not_after, Time(2_000_000));
    assert_eq!(stored.network(), None);
    assert_eq!(read(&ca).network().as_deref(), Some("shop"));
    assert!(read(&ca).has_signed(&stored), "although it has expired");
    assert!(!read(&other_ca).has_signed(&stored));
    assert!(!stored.has_signed(&stored));
    assert_eq!(
        (stored.has_key_in(&key), stored.has_key_in(&ca_key)),
        (Ok(true), Ok(false))
    );
    assert!(stored.has_key_in(&certificate).is_err());
    assert_eq!(
        (read(&ca).is_in(&ca), read(&ca).is_in(&other_ca)),
        (Ok(true), Ok(false))
    );
    let read_list = |ca: &Path| read(ca).read_list(&list);
    let numbered = read_list(&ca)
        .expect("a good list")
        .map(|list| list.number());
    assert_eq!(numbered, Some(300));
    assert!(read_list(&other_ca).is_err());
    assert_eq!(read(&ca).read_list(&folder.join("nowhere")), Ok(None));
    assert!(Authority::load("shop", read(&ca).with_key(&ca_key).expect("both")).is_ok());
    fs::set_permissions(&ca_key, fs::Permissions::from_mode(0o604)).expect("a mode");
    let open = read(&ca)
        .with_key(&ca_key)
        .map(|_| ())
        .expect_err("others may read it");
    assert!(open.to_string().contains("; run `chmod 600 "), "{open}");
}

#[test]
fn neither_keys_nor_certificates_are_shown_by_debug() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, issued) = make("shop");
    let path = write(folder.path(), "ca.pem", &issued.certificate);
    let stored = StoredCertificate::read(&path).expect("a certificate");
    let shown = format!("{authority:?} {issued:?} {stored:?}");
    for line in issued.key.lines().chain(issued.certificate.lines()) {
        assert!(!shown.contains(line), "{shown}");
    }
}
