//! Certificates that end: revoked, expired, replaced while the server runs.

use rpc_runtime::{ErrorKind, ExceptionType, Executed};
use tls::issue::Validity;
use tls::{CERTIFICATE_FILE, KEY_FILE, Time};

use super::{Shop, seven_in_all_ways};
use crate::harness::{Certificates, Network, eventually};

/// Checks that all ways to call are answered.
#[track_caller]
fn answers(client: &rpc_runtime::Network) {
    for seven in seven_in_all_ways(client) {
        assert_eq!(seven.expect("an answer"), 7);
    }
}

/// Waits until all ways to call are refused, and checks why.
#[track_caller]
fn is_refused(client: &rpc_runtime::Network, words: &str) {
    eventually("the client is refused", || {
        let errors = seven_in_all_ways(client).map(Result::err);
        let refused = errors.into_iter().flatten().filter(|error| {
            matches!(
                error.kind(),
                ErrorKind::Exception(ExceptionType::ClientNotRegistered)
            )
        });
        let refused: Vec<_> = refused.collect();
        for error in &refused {
            assert_eq!(error.executed(), Executed::No, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        (refused.len() == 3).then_some(())
    });
}

#[test]
fn a_list_in_the_folder_cuts_off_whom_it_revokes_and_nobody_else() {
    let shop = Shop::open(&[]);
    let one = shop.client("client/one").expect("a network");
    let two = shop.client("client/two").expect("a network");
    for client in [&one, &two] {
        answers(client);
    }
    let list = shop.certificates.list(1, &["client/one"]);
    shop.certificates.put_list("server/server1", &list);
    is_refused(&one, "CertificateRevoked");
    let server = shop.network.server("server1");
    server.logged(&["revocation list", "number=1", "revoked=1"]);
    server.logged(&[
        "its certificate is no longer valid",
        "client one",
        "is revoked",
    ]);
    server.logged(&["handshake refused", "is revoked"]);
    answers(&two);
    // A new certificate of the same client is another one.
    shop.certificates.renew("client/one", Validity::days(1));
    let renewed = shop.client("client/one").expect("a network");
    answers(&renewed);
}

#[test]
fn a_client_that_keeps_running_takes_its_new_certificate() {
    let shop = Shop::open(&[]);
    let one = shop.client("client/one").expect("a network");
    answers(&one);
    let list = shop.certificates.list(1, &["client/one"]);
    shop.certificates.put_list("server/server1", &list);
    is_refused(&one, "CertificateRevoked");
    shop.certificates.renew("client/one", Validity::days(1));
    eventually("the new certificate is read", || {
        seven_in_all_ways(&one)
            .iter()
            .all(Result::is_ok)
            .then_some(())
    });
}

#[test]
fn what_is_wrong_in_a_folder_changes_nothing_while_the_server_runs() {
    let shop = Shop::open(&[]);
    let folder = shop.certificates.folder("server/server1");
    let server = shop.network.server("server1");
    let good = std::fs::read_to_string(folder.join(CERTIFICATE_FILE)).expect("a file");
    let key = std::fs::read_to_string(folder.join(KEY_FILE)).expect("a file");
    let one = shop.client("client/one").expect("a network");
    for (file, text, words) in [
        (CERTIFICATE_FILE, "no PEM", "it has no certificate"),
        (CERTIFICATE_FILE, &*good.replace('M', "N"), "cert.pem"),
        (KEY_FILE, "", "it has no key"),
    ] {
        std::fs::write(folder.join(file), text).expect("written");
        server.logged(&["certificates refused", words]);
        answers(&one);
        let fresh = shop.client("client/two").expect("a network");
        answers(&fresh);
        std::fs::write(folder.join(CERTIFICATE_FILE), &good).expect("written");
        std::fs::write(folder.join(KEY_FILE), &key).expect("written");
    }
    // A folder of another server is not taken while the server runs.
    let other = shop.certificates.folder("server/server2");
    for file in [KEY_FILE, CERTIFICATE_FILE] {
        std::fs::copy(other.join(file), folder.join(file)).expect("copied");
    }
    server.logged(&["certificates refused", "rpc://shop/server/server2"]);
    answers(&one);
    shop.certificates.renew("server/server1", Validity::days(3));
    server.logged(&["certificates read again", "rpc://shop/server/server1"]);
    let fresh = shop.client("client/two").expect("a network");
    answers(&fresh);
}

#[test]
fn a_list_that_a_deployer_brought_is_kept_over_a_restart() {
    let mut shop = Shop::open(&[]);
    let one = shop.client("client/one").expect("a network");
    answers(&one);
    let bring = |shop: &Shop, list: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let mut options = rpc_runtime::initializer::InitializerOptions::default();
        let folder = shop.certificates.folder("deployer/ops");
        options.tls = Some(std::sync::Arc::new(
            tls::ClientFolder::open(&folder).expect("good files"),
        ));
        options.servers = [("server1".to_owned(), shop.address())].into();
        let init = shop.network.path().join("init.yaml");
        let brought = runtime.block_on(rpc_runtime::initializer::bring_list(&init, list, &options));
        brought.expect("a good file").remove(0)
    };
    let newer = shop.certificates.list(5, &["client/one"]);
    let brought = bring(&shop, &newer).expect("taken");
    assert_eq!((brought.number, brought.revoked), (5, 1));
    is_refused(&one, "CertificateRevoked");
    // An older list changes nothing.
    let older = shop.certificates.list(4, &[]);
    let brought = bring(&shop, &older).expect("answered");
    assert_eq!((brought.number, brought.revoked), (5, 1));
    let forged = Certificates::of("shop").list(9, &[]);
    let refused = bring(&shop, &forged)
        .expect_err("another authority")
        .to_string();
    assert!(
        refused.contains("its signature is not that of its issuer"),
        "{refused}"
    );
    let folder = shop.folder("server/server1");
    shop.network.start("server1", &["--tls", &folder]);
    let again = shop.client("client/one").expect("a network");
    is_refused(&again, "CertificateRevoked");
}

#[test]
fn an_expired_certificate_is_named_before_anything_is_sent() {
    let shop = Shop::open(&[]);
    shop.certificates.renew(
        "client/one",
        Validity {
            not_before: Time(1_000),
            not_after: Time(2_000),
        },
    );
    let stderr = shop.call("client/one", "both.seven").ends(1).stderr;
    assert!(
        stderr.contains("`rpc://shop/client/one` expired at 1970-01-01T00:33:20Z; renew it"),
        "{stderr}"
    );
}

#[test]
fn the_certificates_that_the_initializer_makes_run_a_network() {
    let mut network = Network::new(super::INIT);
    network.write("seven.py", "def seven():\n    return 7\n");
    network.write("echo.py", "def echo(a):\n    return a\n");
    network.write("mark.py", "def mark(a):\n    return a\n");
    network.initializer(&["cert", "init.yaml"]).succeeds();
    let folder = network.path().join("certs/servers/server1");
    network.start("server1", &["--tls", folder.to_str().expect("text")]);
    let apply = ["apply", "init.yaml", "--tls", "certs/deployers/ops"];
    network.initializer(&apply).succeeds();
    let call = |client: &str| {
        let folder = format!("certs/clients/{client}");
        network.client(&[
            "--init",
            "init.yaml",
            "--tls",
            &folder,
            "call",
            "both.seven",
        ])
    };
    assert_eq!(call("one").succeeds().stdout, "7\n");
    let address = network.server("server1").address();
    let at = format!("server1={address}");
    let revoked = network.initializer(&["cert", "revoke", "init.yaml", "one", "--server", &at]);
    let stdout = revoked.succeeds().stdout;
    assert!(
        stdout.contains("server1: list 2 is in force, 1 revoked"),
        "{stdout}"
    );
    let stderr = call("one").ends(1).stderr;
    assert!(stderr.contains("is revoked"), "{stderr}");
    assert!(stderr.contains("executed: no"), "{stderr}");
    assert_eq!(call("two").succeeds().stdout, "7\n");
    network
        .initializer(&["cert", "renew", "init.yaml", "one"])
        .succeeds();
    assert_eq!(call("one").succeeds().stdout, "7\n");
}
