//! Handshakes in memory: who is let in, and why others are not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rpc_runtime_tls::issue::{Authority, Issued, Validity};
use rpc_runtime_tls::{
    CA_FILE, CERTIFICATE_FILE, ClientTls, Credentials, Identity, KEY_FILE, LIST_FILE, Refusal,
    Role, ServerTls, Time,
};
use rustls::client::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConnection, ServerConnection};
use tempfile::TempDir;

const SERVER: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn identity(network: &str, role: Role, name: &str) -> Identity {
    let uri = format!("rpc://{network}/{role}/{name}");
    uri.parse().expect("an identity")
}

/// A network with its authority.
struct Shop {
    authority: Authority,
}

impl Shop {
    fn open() -> Self {
        let (authority, _) = Authority::make("shop", Validity::days(10)).expect("an authority");
        Self { authority }
    }

    fn issue(&self, identity: &Identity, validity: Validity) -> Issued {
        self.authority
            .issue(identity, &[], &[], validity)
            .expect("a certificate")
    }

    /// Returns a folder for this identity.
    fn folder(&self, role: Role, name: &str) -> TempDir {
        let issued = self.issue(&identity("shop", role, name), Validity::days(10));
        folder(self.authority.certificate(), &issued)
    }

    fn credentials(&self, role: Role, name: &str) -> Credentials {
        Credentials::load(self.folder(role, name).path()).expect("good files")
    }
}

fn folder(ca: &str, issued: &Issued) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), CA_FILE, ca);
    write(folder.path(), CERTIFICATE_FILE, &issued.certificate);
    write(folder.path(), KEY_FILE, &issued.key);
    folder
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::write(&path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
}

/// How a handshake ended.
#[derive(Debug)]
struct Outcome {
    server: Result<Identity, Refusal>,
    client: Result<(), rustls::Error>,
    was_resumed: bool,
}

/// Does a handshake, and sends a byte in each direction.
fn shake_hands(server: &ServerTls, client: &Arc<ClientConfig>) -> Outcome {
    let accepting = server.accept().expect("settings");
    let mut far = ServerConnection::new(Arc::clone(&accepting.config)).expect("a connection");
    let name = ClientTls::server_name(SERVER);
    let mut near = ClientConnection::new(Arc::clone(client), name).expect("a connection");
    let mut client_result = Ok(());
    for _ in 0..6 {
        let mut wire = Vec::new();
        while near.wants_write() {
            near.write_tls(&mut wire).expect("memory");
        }
        let refused = feed_server(&mut far, &wire).is_err();
        let mut wire = Vec::new();
        while far.wants_write() {
            far.write_tls(&mut wire).expect("memory");
        }
        if let Err(error) = feed_client(&mut near, &wire) {
            client_result = Err(error);
            break;
        }
        if refused {
            break;
        }
        if !near.is_handshaking() && !far.is_handshaking() {
            near.writer().write_all(b"x").expect("room");
            let _ = far.writer().write_all(b"y");
        }
    }
    let was_resumed = near.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    let server = match accepting.refusal() {
        Some(refusal) => Err(refusal.clone()),
        None => accepting.identity(far.peer_certificates()),
    };
    Outcome {
        server,
        client: client_result,
        was_resumed,
    }
}

fn feed_server(connection: &mut ServerConnection, mut wire: &[u8]) -> Result<(), rustls::Error> {
    while !wire.is_empty() {
        connection.read_tls(&mut wire).expect("memory");
        connection.process_new_packets()?;
    }
    let _ = connection.reader().read(&mut [0; 64]);
    Ok(())
}

fn feed_client(connection: &mut ClientConnection, mut wire: &[u8]) -> Result<(), rustls::Error> {
    while !wire.is_empty() {
        connection.read_tls(&mut wire).expect("memory");
        connection.process_new_packets()?;
    }
    let _ = connection.reader().read(&mut [0; 64]);
    Ok(())
}

fn client_tls(credentials: &Credentials) -> Arc<ClientConfig> {
    let client = ClientTls::new(credentials, "server1").expect("settings");
    Arc::clone(client.config())
}

#[test]
fn both_ends_learn_who_the_other_is_and_sessions_are_resumed() {
    let shop = Shop::open();
    let server = ServerTls::new(&shop.credentials(Role::Server, "server1"));
    for role in [Role::Client, Role::Deployer, Role::Peer, Role::Observer] {
        let client = client_tls(&shop.credentials(role, "client1"));
        for resumed in [false, true] {
            let outcome = shake_hands(&server, &client);
            assert_eq!(outcome.server, Ok(identity("shop", role, "client1")));
            assert_eq!(outcome.client, Ok(()));
            assert_eq!(outcome.was_resumed, resumed, "{role}");
        }
    }
}

#[test]
fn a_server_refuses_whoever_is_not_of_its_network() {
    let shop = Shop::open();
    let other = Shop::open();
    let server = ServerTls::new(&shop.credentials(Role::Server, "server1"));
    let expired = Validity {
        not_before: Time(1_000),
        not_after: Time(2_000),
    };
    let later = Validity {
        not_before: Time(4_000_000_000),
        not_after: Time(4_000_100_000),
    };
    let client1 = identity("shop", Role::Client, "client1");
    let cases = [
        (
            other.issue(&client1, Validity::days(1)),
            Refusal::UnknownIssuer(Some(client1.clone())),
        ),
        (
            shop.issue(&client1, expired),
            Refusal::Expired(Some(client1.clone()), Time(2_000)),
        ),
        (
            shop.issue(&client1, later),
            Refusal::NotYetValid(Some(client1.clone()), Time(4_000_000_000)),
        ),
        (
            shop.issue(
                &identity("bank", Role::Client, "client1"),
                Validity::days(1),
            ),
            Refusal::OtherNetwork(identity("bank", Role::Client, "client1"), "shop".to_owned()),
        ),
        (
            shop.issue(
                &identity("shop", Role::Server, "server2"),
                Validity::days(1),
            ),
            Refusal::WrongRole(
                identity("shop", Role::Server, "server2"),
                "a client, a peer, a deployer or an observer",
            ),
        ),
    ];
    for (issued, expected) in cases {
        let client = hostile_client(&[&issued]);
        let outcome = shake_hands(&server, &client);
        assert_eq!(outcome.server, Err(expected));
        let error = outcome.client.expect_err("an alert");
        assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error}");
    }
}

/// Returns a client that trusts every server and shows these certificates.
fn hostile_client(issued: &[&Issued]) -> Arc<ClientConfig> {
    let chain = issued
        .iter()
        .map(|issued| CertificateDer::from_pem_slice(issued.certificate.as_bytes()))
        .collect::<Result<Vec<_>, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_slice(issued[0].key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustsAll(provider)))
        .with_client_auth_cert(chain, key)
        .expect("a key");
    Arc::new(config)
}

#[derive(Debug)]
struct TrustsAll(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn a_peer_without_a_certificate_is_refused() {
    let shop = Shop::open();
    let server = ServerTls::new(&shop.credentials(Role::Server, "server1"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustsAll(provider)))
        .with_no_client_auth();
    let outcome = shake_hands(&server, &Arc::new(client));
    assert!(outcome.server.is_err());
    assert_eq!(
        outcome.client,
        Err(rustls::Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired
        ))
    );
}

#[test]
fn a_client_refuses_a_server_of_another_name_network_role_or_authority() {
    let shop = Shop::open();
    let client = client_tls(&shop.credentials(Role::Client, "client1"));
    let other = Shop::open();
    let name = |name: &str, role| shop.credentials(role, name);
    for (credentials, expected) in [
        (
            name("server2", Role::Server),
            "`rpc://shop/server/server2` is of another server than `server1`",
        ),
        (name("server1", Role::Client), "is not valid"),
        (
            other.credentials(Role::Server, "server1"),
            "is not signed by",
        ),
    ] {
        let outcome = shake_hands(&ServerTls::new(&credentials), &client);
        let error = outcome.client.expect_err("refused");
        let own = identity("shop", Role::Client, "client1");
        let error = rpc_runtime_tls::explain(&error, &own);
        assert!(error.contains(expected), "{error}");
    }
    let peer = name("server1", Role::Peer);
    let outcome = shake_hands(&ServerTls::new(&peer), &client);
    assert_eq!(outcome.client, Ok(()), "a peer is a server too");
}

#[test]
fn what_is_revoked_is_refused_although_it_could_resume() {
    let shop = Shop::open();
    let folder = shop.folder(Role::Server, "server1");
    let load = || Credentials::load(folder.path()).expect("good files");
    let server = ServerTls::new(&load());
    let client_folder = shop.folder(Role::Client, "client1");
    let credentials = Credentials::load(client_folder.path()).expect("good files");
    let client = client_tls(&credentials);
    shake_hands(&server, &client);
    let serial = &credentials.certificate().serial;
    let list = |number, serials: &[&str]| {
        let serials = serials.iter().copied();
        shop.authority.revoke(number, serials).expect("a list")
    };
    write(folder.path(), LIST_FILE, &list(1, &[serial]));
    let revoked = Refusal::Revoked(
        Some(identity("shop", Role::Client, "client1")),
        serial.clone(),
    );
    let server = ServerTls::new(&load());
    for _ in 0..2 {
        let outcome = shake_hands(&server, &client);
        assert!(!outcome.was_resumed, "the store is new");
        assert_eq!(outcome.server, Err(revoked.clone()));
        assert_eq!(
            outcome.client,
            Err(rustls::Error::AlertReceived(
                rustls::AlertDescription::CertificateRevoked
            ))
        );
    }
    // An older list, or one of the same number, changes nothing.
    let newer = load();
    let older = newer.clone().with_list(read_list(&newer, &list(0, &[])));
    assert_eq!(older.trust().list(), newer.trust().list());
    let newest = newer.clone().with_list(read_list(&newer, &list(2, &[])));
    assert_eq!(
        newest
            .trust()
            .list()
            .map(|list| (list.number(), list.len())),
        Some((2, 0))
    );
    let forged = Shop::open().authority.revoke(3, []).expect("a list");
    let refused = newer
        .verify_list(der(&forged))
        .expect_err("another authority");
    assert_eq!(refused, "its signature is not that of its issuer");
}

fn der(pem: &str) -> Vec<u8> {
    let list = rustls::pki_types::CertificateRevocationListDer::from_pem_slice(pem.as_bytes());
    list.expect("PEM").to_vec()
}

fn read_list(credentials: &Credentials, pem: &str) -> rpc_runtime_tls::RevocationList {
    credentials.verify_list(der(pem)).expect("a list")
}

#[test]
fn a_list_of_ten_thousand_is_read() {
    let shop = Shop::open();
    let credentials = shop.credentials(Role::Server, "server1");
    let serials: Vec<String> = (1..=10_000_u64).map(|at| format!("{at:x}")).collect();
    let list = shop.authority.revoke(7, serials.iter().map(String::as_str));
    let list = read_list(&credentials, &list.expect("a list"));
    assert_eq!((list.number(), list.len()), (7, 10_000));
    assert!(list.revokes("1") && list.revokes("2710") && !list.revokes("2711"));
}

#[test]
fn each_mistake_in_a_folder_has_a_line_that_says_what_to_do() {
    let shop = Shop::open();
    let ca = shop.authority.certificate();
    let client = identity("shop", Role::Client, "client1");
    let good = shop.issue(&client, Validity::days(3));
    let other = shop.issue(
        &identity("shop", Role::Client, "client2"),
        Validity::days(3),
    );
    let stranger = Shop::open();
    let old = Validity {
        not_before: Time(1_000),
        not_after: Time(2_000),
    };
    let (old_authority, _) = Authority::make("shop", old).expect("an authority");
    let expired = shop.issue(&client, old);
    let check = |name: &str, change: &dyn Fn(&Path), expected: &str| {
        let folder = folder(ca, &good);
        change(folder.path());
        let error = Credentials::load(folder.path())
            .expect_err(name)
            .to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!error.contains('\n'), "{error}");
    };
    let remove = |file: &'static str| {
        move |folder: &Path| fs::remove_file(folder.join(file)).expect("removed")
    };
    for file in [CA_FILE, CERTIFICATE_FILE, KEY_FILE] {
        let expected = format!("{file}: there is no such file; copy the whole folder");
        check(file, &remove(file), &expected);
        check(file, &|folder| write(folder, file, "no PEM"), "it has no ");
    }
    check(
        "a key that others can read",
        &|folder| {
            let path = folder.join(KEY_FILE);
            fs::set_permissions(path, fs::Permissions::from_mode(0o640)).expect("set");
        },
        "other users may read this key; run `chmod 600 ",
    );
    check(
        "another key",
        &|folder| write(folder, KEY_FILE, &other.key),
        "it is not the key of the certificate of `rpc://shop/client/client1`",
    );
    check(
        "an expired certificate",
        &|folder| {
            write(folder, CERTIFICATE_FILE, &expired.certificate);
            write(folder, KEY_FILE, &expired.key);
        },
        "expired at 1970-01-01T00:33:20Z; renew it with `initializer cert renew`",
    );
    check(
        "an expired CA",
        &|folder| write(folder, CA_FILE, old_authority.certificate()),
        "a certificate of the CA expired at 1970-01-01T00:33:20Z",
    );
    check(
        "another CA",
        &|folder| write(folder, CA_FILE, stranger.authority.certificate()),
        "is not signed by a certificate of `ca.pem`",
    );
    check(
        "a chain in the wrong order",
        &|folder| {
            write(
                folder,
                CERTIFICATE_FILE,
                &format!("{ca}{}", good.certificate),
            );
        },
        "its first certificate names nobody",
    );
    check(
        "a list of another CA",
        &|folder| {
            let list = stranger.authority.revoke(1, []).expect("a list");
            write(folder, LIST_FILE, &list);
        },
        "crl.pem: this revocation list is not in force",
    );
    check(
        "no PEM",
        &|folder| write(folder, LIST_FILE, "x"),
        "it has no revocation list",
    );
    let nowhere = Credentials::load(Path::new("/nonexistent")).expect_err("nothing");
    assert!(nowhere.to_string().contains("there is no such folder"));
    // Words around PEM are fine, as `openssl x509 -text` writes them.
    let folder = folder(ca, &good);
    write(
        folder.path(),
        CERTIFICATE_FILE,
        &format!("Certificate:\n  Data:\n{}", good.certificate),
    );
    Credentials::load(folder.path()).expect("good files");
}
