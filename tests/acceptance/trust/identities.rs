//! Who may do what by which certificate: every identity, service, spelling and transport.

use std::net::SocketAddr;

use rpc_runtime::{Error, ExceptionType, Executed};

use super::{INIT, Shop, client_at, seven_in_all_ways};
use crate::harness::Certificates;

/// What a caller gets.
type Expected = Result<(), ExceptionType>;

const DENIED: Expected = Err(ExceptionType::ClientNotRegistered);
const NO_SERVICE: Expected = Err(ExceptionType::ServiceNotFound);
const NO_RPC: Expected = Err(ExceptionType::RpcNotFound);

#[test]
fn the_certificate_decides_on_the_resolved_procedure_whatever_the_spelling_and_the_address() {
    let shop = Shop::open(&["--listen", "[::]:0"]);
    let port = shop.address().port();
    for transport in ["127.0.0.1", "127.0.0.9", "[::1]", "[::ffff:127.0.0.1]"] {
        let address: SocketAddr = format!("{transport}:{port}").parse().expect("an address");
        for (identity, both, his) in [
            ("client/one", Ok(()), DENIED),
            ("client/two", Ok(()), Ok(())),
            ("client/gone", DENIED, DENIED),
            ("peer/one", Ok(()), DENIED),
        ] {
            let client = client_at(address, &shop.folder(identity)).expect("a network");
            let call = |service: &str, rpc: &str| {
                let handle = client.server("server1").expect("a server");
                handle.call(service, rpc, &[])
            };
            for (service, rpc, expected) in [
                ("both", "seven", both),
                ("his", "seven", his),
                ("Both", "seven", NO_SERVICE),
                ("both ", "seven", NO_SERVICE),
                ("both\0", "seven", NO_SERVICE),
                ("both/seven", "seven", NO_SERVICE),
                ("./his", "seven", NO_SERVICE),
                ("h\u{456}s", "seven", NO_SERVICE),
                ("his", "Seven", NO_RPC),
                ("his", "seven\0", NO_RPC),
                ("his", "/seven", NO_RPC),
                ("his", "", NO_RPC),
                ("", "seven", NO_SERVICE),
            ] {
                let found = match call(service, rpc) {
                    Ok(_) => Ok(()),
                    Err(error) => {
                        assert_eq!(error.executed(), Executed::No, "{error}");
                        Err(error.exception_type().expect("an exception"))
                    }
                };
                let what = format!("{identity} calls {service:?}.{rpc:?} at {transport}");
                assert_eq!(found, expected, "{what}");
            }
        }
    }
}

#[test]
fn a_deployer_calls_nothing_and_nobody_else_deploys() {
    let shop = Shop::open(&[]);
    for role in ["deployer/ops", "observer/one", "server/server1"] {
        let error = shop.client(role).expect_err("no client");
        assert!(error.to_string().contains("may not call"), "{error}");
    }
    for other in ["client/one", "peer/one", "observer/ops", "server/server1"] {
        let refused = shop.apply(other).ends(1).stderr;
        assert!(
            refused.contains("give the folder of a deployer"),
            "{refused}"
        );
    }
    // A deployer of the network whom the file does not name.
    let stranger = shop.apply("deployer/stranger").ends(1).stderr;
    assert!(stranger.contains("would lock you out"), "{stranger}");
    shop.network
        .write("init.yaml", &INIT.replace("[ops]", "[ops, stranger]"));
    let stranger = shop.apply("deployer/stranger").ends(1);
    assert!(
        stranger.stderr.contains("may not deploy"),
        "{}{}",
        stranger.stdout,
        stranger.stderr
    );
    shop.apply("deployer/ops").succeeds();
    shop.apply("deployer/stranger").succeeds();
    // Who left the file deploys no more.
    shop.network.write("init.yaml", INIT);
    shop.apply("deployer/ops").succeeds();
    shop.network
        .write("init.yaml", &INIT.replace("[ops]", "[ops, stranger]"));
    let left = shop.apply("deployer/stranger").ends(1);
    assert!(left.stderr.contains("may not deploy"), "{}", left.stderr);
}

#[test]
fn a_file_of_another_network_is_not_applied() {
    let shop = Shop::before_apply(&[]);
    for (name, words) in [
        ("name: bank\n", "is of the network `bank`"),
        ("", "add `name: shop` at its top"),
    ] {
        shop.network
            .write("init.yaml", &INIT.replace("name: shop\n", name));
        let refused = shop.apply("deployer/ops").ends(1).stderr;
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn strangers_are_refused_before_any_message_is_read() {
    let shop = Shop::open(&[]);
    let bank = Certificates::of("bank");
    let impostor = Certificates::of("shop");
    for (folder, words) in [
        (bank.folder("client/one"), "UnknownCA"),
        (impostor.folder("client/one"), "UnknownCA"),
    ] {
        // They trust the true authority, so it is the server that refuses.
        let ca = shop.certificates.folder("client/one").join(tls::CA_FILE);
        let own = std::fs::read_to_string(folder.join(tls::CA_FILE)).expect("a file");
        let both = own + &std::fs::read_to_string(ca).expect("a file");
        std::fs::write(folder.join(tls::CA_FILE), both).expect("written");
        let folder = folder.to_str().expect("text");
        let Ok(client) = client_at(shop.address(), folder) else {
            continue;
        };
        for result in seven_in_all_ways(&client) {
            let error: Error = result.expect_err("a stranger");
            assert_eq!(error.executed(), Executed::No, "{error}");
            let text = error.to_string();
            assert!(
                text.contains(words) || text.contains("is of another network"),
                "{text}"
            );
        }
    }
    let server = shop.network.server("server1");
    server.logged(&["handshake refused", "is not signed by"]);
    let log = server.log().join("\n");
    assert!(!log.contains("event=unauthorized"), "{log}");
}

#[test]
fn a_client_must_be_the_one_whose_certificate_it_shows() {
    let shop = Shop::open(&[]);
    let folder = shop.folder("client/one");
    let refused = shop.network.client(&[
        "--init",
        "init.yaml",
        "--as",
        "two",
        "--tls",
        &folder,
        "call",
        "both.seven",
    ]);
    let stderr = refused.ends(1).stderr;
    assert!(
        stderr.contains(
            "is to be the client `two`, and the certificate is that of `rpc://shop/client/one`"
        ),
        "{stderr}"
    );
}

#[test]
fn a_server_is_the_one_that_its_certificate_names() {
    let shop = Shop::before_apply(&[]);
    let other = shop.folder("server/server2");
    let own = shop.folder("server/server1");
    let started = |folder: &str| {
        let data = shop.network.path().join("data-other");
        shop.network.server_program(&[
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().expect("text"),
            "--tls",
            folder,
        ])
    };
    let refused = started(&shop.folder("client/one")).ends(1).stderr;
    assert!(refused.contains("not of a server or a peer"), "{refused}");
    let nothing = started("/nonexistent").ends(1).stderr;
    assert!(nothing.contains("there is no such folder"), "{nothing}");
    // `server2` at the address of `server1`.
    for file in [tls::KEY_FILE, tls::CERTIFICATE_FILE] {
        std::fs::copy(format!("{other}/{file}"), format!("{own}/{file}")).expect("copied");
    }
    let shop = {
        let mut shop = shop;
        shop.network.start("server1", &["--tls", &own]);
        shop
    };
    let refused = shop.apply("deployer/ops").ends(1);
    let said = refused.stdout + &refused.stderr;
    assert!(
        said.contains("`rpc://shop/server/server2` is of another server than `server1`"),
        "{said}"
    );
    let client = shop.client("client/one").expect("a network");
    for result in seven_in_all_ways(&client) {
        let error = result.expect_err("another server");
        assert_eq!(error.executed(), Executed::No, "{error}");
        assert!(
            error.to_string().contains("is of another server"),
            "{error}"
        );
    }
}
