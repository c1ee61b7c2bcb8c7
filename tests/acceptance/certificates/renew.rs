//! `cert renew`.

use std::fs;

use super::{FOLDERS, Shop};

#[test]
fn a_renewal_makes_a_new_pair_under_the_same_ca_and_revokes_nothing() {
    let shop = Shop::open();
    let earlier = shop.serial("clients/client1");
    let before = shop.files();
    shop.cert("renew init.yaml client1 --days 10")
        .succeeds()
        .says("~ client1 (client): valid until ")
        .says("its earlier one is not revoked, and valid until ")
        .says(&format!(
            "`initializer cert revoke init.yaml --serial {earlier}` revokes it"
        ))
        .says("cert renew: 1 renewed, 0 left as they are");
    assert_ne!(shop.serial("clients/client1"), earlier);
    shop.load("clients/client1").expect("good files");
    assert_eq!(shop.revoked("ca"), (1, Vec::new()));
    let changed: Vec<_> = shop
        .files()
        .into_iter()
        .filter(|(path, content)| before.get(path) != Some(content))
        .map(|(path, _)| path)
        .collect();
    let expected = ["cert.pem", "key.pem"].map(|file| shop.path("clients/client1").join(file));
    assert_eq!(changed, expected);
}

#[test]
fn without_a_name_all_are_renewed_that_are_there_and_not_revoked() {
    let shop = Shop::open();
    shop.cert("revoke init.yaml ops --offline").succeeds();
    fs::remove_dir_all(shop.path("servers/server2")).expect("a folder");
    let revoked = shop.serial("deployers/ops");
    let renewed = shop.cert("renew init.yaml --json").succeeds();
    let actions: Vec<_> = renewed
        .json_lines()
        .iter()
        .filter_map(|line| line["action"].as_str().map(str::to_owned))
        .collect();
    let expected = [
        "replaced",
        "missing",
        "replaced",
        "replaced",
        "kept-revoked",
        "replaced",
    ];
    assert_eq!(actions, expected);
    assert_eq!(renewed.summary()["renewed"], 4);
    assert_eq!(shop.serial("deployers/ops"), revoked);
    shop.cert("renew init.yaml ops")
        .succeeds()
        .says(&format!("its earlier one, {revoked}, is revoked"));
    shop.load("deployers/ops")
        .expect("a certificate that is not revoked");
    shop.cert("renew init.yaml server2")
        .ends(1)
        .says("server2 (server) has no certificate yet; `initializer cert init.yaml` makes it");
}

#[test]
fn a_name_that_is_unknown_or_means_several_is_refused() {
    let shop = Shop::open();
    let before = shop.files();
    for (names, words) in [
        (
            "clint1",
            "there is no server, client or deployer `clint1`; did you mean `client1`?",
        ),
        (
            "ada",
            "there are several `ada`; write `client:ada` or `deployer:ada`",
        ),
        (
            "client1 nobody",
            "there is no server, client or deployer `nobody`",
        ),
        ("peer:ada", "unknown role `peer`"),
        (
            "\u{1b}[2J",
            r"there is no server, client or deployer `\u001b[2J`",
        ),
    ] {
        shop.cert(&format!("renew init.yaml {names}"))
            .ends(1)
            .says(words)
            .never_says("\u{1b}");
    }
    assert_eq!(shop.files(), before);
    shop.cert("renew init.yaml deployer:ada client:ada ada:x")
        .ends(1);
    shop.cert("renew init.yaml deployer:ada client:ada")
        .succeeds()
        .says("2 renewed");
    shop.amend("    client1: { ip: 127.0.0.1 }\n", "");
    shop.cert("renew init.yaml client1")
        .ends(1)
        .says("the file does not have client1 (client)");
}

#[test]
fn a_renewal_that_was_killed_in_between_is_finished_by_the_next_run() {
    for next in [
        "init.yaml",
        "renew init.yaml nobody",
        "revoke init.yaml client1 --offline",
    ] {
        let shop = Shop::open();
        let earlier = shop.read("clients/client1/cert.pem");
        shop.cert("renew init.yaml client1").succeeds();
        let serial = shop.serial("clients/client1");
        // The state between two renames: the new key is in place, and the new certificate is not.
        let waiting = shop.read("clients/client1/cert.pem");
        shop.write("clients/client1/.cert.pem.part", &waiting);
        shop.write("clients/client1/cert.pem", &earlier);
        shop.load("clients/client1")
            .expect_err("the key does not fit");
        shop.cert("list init.yaml")
            .ends(3)
            .says("the making of a certificate in `certs/clients/client1` was interrupted; `initializer cert init.yaml` finishes it");
        shop.cert(next);
        assert_eq!(shop.serial("clients/client1"), serial, "{next}");
        assert!(!shop.path("clients/client1/.cert.pem.part").exists());
    }
}

#[test]
fn nothing_is_renewed_before_something_was_made() {
    let shop = Shop::empty();
    let words = "there is no CA in `certs`; make it, and the certificates, with `initializer cert init.yaml`";
    shop.cert("renew init.yaml").ends(1).says(words);
    shop.cert("revoke init.yaml ops --offline")
        .ends(1)
        .says(words);
    assert!(!shop.network.path().join("certs").exists());
}

#[test]
fn a_ca_that_somebody_added_to_the_trusted_ones_stays() {
    let shop = Shop::open();
    shop.cert("init.yaml --out other").succeeds();
    let other = shop.network.path().join("other/ca/ca.pem");
    let other = fs::read_to_string(other).expect("a CA");
    let both = shop.read("servers/server1/ca.pem") + &other;
    shop.write("servers/server1/ca.pem", &both);
    shop.cert("renew init.yaml").succeeds();
    assert_eq!(shop.read("servers/server1/ca.pem"), both);
    for (folder, _) in FOLDERS {
        shop.load(folder).expect(folder);
    }
}
