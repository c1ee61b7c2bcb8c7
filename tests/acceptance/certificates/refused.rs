//! Folders that `cert` does not change: each is named, with what mends it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tls::Time;
use tls::issue::Validity;

use super::{DAY, Shop};

/// Damages the folders of a shop.
type Damage<'a> = &'a dyn Fn(&Shop);

/// Damages the folders of a shop, and expects each of the verbs to refuse them and to change nothing.
#[track_caller]
fn check(verbs: &[&str], damage: impl Fn(&Shop), words: &[&str]) {
    let shop = Shop::open();
    damage(&shop);
    let before = shop.files();
    for verb in verbs {
        let mut refused = shop.cert(verb).ends(1);
        for word in words {
            refused = refused.says(word);
        }
        assert!(refused.stderr.starts_with("error: "), "{refused:?}");
        assert_eq!(shop.files(), before, "{verb}: nothing has changed");
    }
}

const MAKE: &str = "init.yaml";
const RENEW: &str = "renew init.yaml";
const REVOKE: &str = "revoke init.yaml ops --offline";
const NEW_CA: &str = "init.yaml --overwrite --new-ca";

#[test]
fn the_ca_of_another_network_is_refused() {
    let of_other = |shop: &Shop| shop.place_authority("other", Validity::days(10));
    let words = [
        "`certs/ca/ca.pem` is the CA of the network `other`, and the name in the file is `shop`; give another folder",
    ];
    check(
        &[MAKE, RENEW, REVOKE, NEW_CA, "list init.yaml"],
        of_other,
        &words,
    );
}

#[test]
fn a_ca_that_is_not_whole_is_refused() {
    let new_ca = "`initializer cert init.yaml --overwrite --new-ca`";
    let all = [MAKE, RENEW, REVOKE];
    let words = [
        "the key of the CA is missing: `certs/ca/key.pem`; bring it back",
        new_ca,
    ];
    check(&all, |shop| shop.remove("ca/key.pem"), &words);
    let words = [
        "the certificate of the CA is missing: `certs/ca/ca.pem`",
        new_ca,
    ];
    check(&all, |shop| shop.remove("ca/ca.pem"), &words);
    let gone = |shop: &Shop| fs::remove_dir_all(shop.path("ca")).expect("the CA");
    let words = [
        "the CA is missing: `certs/ca`, and there are 6 certificates of one",
        new_ca,
    ];
    check(&all, gone, &words);
    let other_key = |shop: &Shop| shop.write("ca/key.pem", &shop.read("clients/ada/key.pem"));
    let words = [
        "do not belong together: the key is not that of the CA",
        new_ca,
    ];
    check(&all, other_key, &words);
    let open = |shop: &Shop| {
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(shop.path("ca/key.pem"), mode).expect("a mode");
    };
    let words = ["other users may read this key; run `chmod 600 certs/ca/key.pem`"];
    check(&all, open, &words);
    let expired = |shop: &Shop| {
        let validity = Validity {
            not_before: Time(1_000),
            not_after: Time(Time::now().0 - DAY),
        };
        shop.place_authority("shop", validity);
    };
    check(&all, expired, &["the CA expired at 20", new_ca]);
    let no_list = |shop: &Shop| {
        let lists: Vec<_> = shop.files().into_keys().collect();
        for list in lists.iter().filter(|path| path.ends_with("crl.pem")) {
            fs::remove_file(list).expect("a list");
        }
    };
    let words = [
        "the revocation list is missing: `certs/ca/crl.pem`; copy `crl.pem` from",
        new_ca,
    ];
    check(&all, no_list, &words);
    let foreign = |shop: &Shop| {
        fs::remove_dir_all(shop.path("ca")).expect("the CA");
        shop.write("ca", "of somebody else");
    };
    check(
        &[MAKE, NEW_CA],
        foreign,
        &["`certs/ca` is not a folder; move it away"],
    );
    let other_folder = |shop: &Shop| {
        fs::remove_dir_all(shop.path("ca")).expect("the CA");
        shop.write("ca/notes", "of somebody else");
    };
    check(
        &[NEW_CA],
        other_folder,
        &["`certs/ca` has no CA: this command did not make it"],
    );
    let not_pem = |shop: &Shop| shop.write("ca/ca.pem", "\u{1b}[2J");
    check(
        &[MAKE, NEW_CA],
        not_pem,
        &["certs/ca/ca.pem: it has no certificate"],
    );
    let elsewhere = |shop: &Shop| {
        fs::remove_dir_all(shop.path("ca")).expect("the CA");
        std::os::unix::fs::symlink("/nowhere", shop.path("ca")).expect("a link");
    };
    let words = ["`certs/ca` cannot be read: ", "bring back what it leads to"];
    check(&all, elsewhere, &words);
}

#[test]
fn half_a_folder_is_refused_and_a_renewal_or_an_overwrite_mends_it() {
    let renew = "`initializer cert renew init.yaml client1` makes a new certificate and key";
    let no_key = |shop: &Shop| shop.remove("clients/client1/key.pem");
    let no_certificate = |shop: &Shop| shop.remove("clients/client1/cert.pem");
    let other_key =
        |shop: &Shop| shop.write("clients/client1/key.pem", &shop.read("clients/ada/key.pem"));
    let other_ca = |shop: &Shop| {
        shop.cert("init.yaml --out other").succeeds();
        let from = shop.network.path().join("other/clients/client1");
        for file in ["ca.pem", "cert.pem", "key.pem", "crl.pem"] {
            let text = fs::read_to_string(from.join(file)).expect(file);
            shop.write(&format!("clients/client1/{file}"), &text);
        }
    };
    let cases: [(Damage<'_>, &str); 4] = [
        (
            &no_key,
            "`certs/clients/client1` has a certificate without its key",
        ),
        (
            &no_certificate,
            "`certs/clients/client1` has a key without a certificate",
        ),
        (
            &other_key,
            "`certs/clients/client1` has a certificate and the key of another one",
        ),
        (
            &other_ca,
            "`certs/clients/client1` has a certificate of another CA",
        ),
    ];
    for (damage, words) in cases {
        check(
            &[MAKE, RENEW],
            damage,
            &[words, renew, "nothing has changed"],
        );
        for mend in ["renew init.yaml client1", "init.yaml --overwrite"] {
            let shop = Shop::open();
            damage(&shop);
            shop.cert(mend).succeeds();
            shop.load("clients/client1").expect("it is whole again");
        }
    }
}

#[test]
fn a_file_of_somebody_else_is_refused_and_never_replaced() {
    let all = [
        MAKE,
        RENEW,
        "init.yaml --overwrite",
        "renew init.yaml client1",
        NEW_CA,
    ];
    let folder = "certs/clients/client1";
    let replace = |shop: &Shop| fs::remove_dir_all(shop.path("clients/client1")).expect("a folder");
    let cases: [(Damage<'_>, String); 8] = [
        (
            &|shop| {
                replace(shop);
                shop.write("clients/client1", "of somebody else");
            },
            format!("`{folder}` is not a folder; this command did not make it: move it away"),
        ),
        (
            &|shop| {
                replace(shop);
                std::os::unix::fs::symlink("ada", shop.path("clients/client1")).expect("a link");
            },
            format!("`{folder}` is not a folder"),
        ),
        (
            &|shop| {
                replace(shop);
                shop.write("clients/client1/notes", "of somebody else");
            },
            format!("`{folder}` has no certificate; this command did not make it: move it away"),
        ),
        (
            &|shop| shop.write("clients/client1/cert.pem", "of somebody else\u{1b}"),
            format!("{folder}/cert.pem: it has no certificate"),
        ),
        (
            &|shop| shop.write("clients/client1/key.pem", "of somebody else"),
            format!("{folder}/key.pem: it has no key"),
        ),
        (
            &|shop| {
                shop.remove("clients/client1/key.pem");
                fs::create_dir(shop.path("clients/client1/key.pem")).expect("a folder");
                shop.write("clients/client1/key.pem/notes", "of somebody else");
            },
            format!("`{folder}/key.pem` is not a regular file"),
        ),
        (
            &|shop| {
                for file in ["cert.pem", "key.pem"] {
                    let text = shop.read(&format!("clients/ada/{file}"));
                    shop.write(&format!("clients/client1/{file}"), &text);
                }
            },
            format!(
                "`{folder}/cert.pem` is the certificate of `rpc://shop/client/ada`, not of `rpc://shop/client/client1`"
            ),
        ),
        (
            &|shop| shop.write("clients/client1/crl.pem", "of somebody else"),
            format!("{folder}/crl.pem: it has no revocation list"),
        ),
    ];
    for (damage, words) in cases {
        check(&all, damage, &[&words]);
    }
}

#[test]
fn all_refusals_are_named_at_once() {
    let damage = |shop: &Shop| {
        shop.remove("clients/client1/key.pem");
        shop.remove("deployers/ada/cert.pem");
    };
    let words = [
        "`certs/clients/client1` has a certificate without its key",
        "`certs/deployers/ada` has a key without a certificate; `initializer cert renew init.yaml deployer:ada`",
    ];
    check(&[MAKE, RENEW], damage, &words);
}

#[test]
fn a_network_without_a_name_gets_no_certificates() {
    let shop = Shop::empty();
    shop.amend("name: shop\n", "");
    for words in [
        "init.yaml",
        "list init.yaml",
        "renew init.yaml",
        "revoke init.yaml x",
    ] {
        shop.cert(words)
            .ends(1)
            .says("`init.yaml` gives the network no name, which every certificate carries; add one, such as `name: shop`");
    }
    assert!(!shop.network.path().join("certs").exists());
}

#[test]
fn a_renamed_network_needs_another_folder() {
    let shop = Shop::open();
    shop.amend("name: shop", "name: store");
    shop.cert("init.yaml --overwrite --new-ca")
        .ends(1)
        .says("is the CA of the network `shop`, and the name in the file is `store`");
    fs::remove_dir_all(shop.path("ca")).expect("the CA");
    shop.cert("init.yaml --overwrite --new-ca")
        .ends(1)
        .says("is the certificate of `rpc://shop/server/server1`, not of `rpc://store/server/server1`; give another folder");
    shop.cert("init.yaml --out store").succeeds();
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let shop = Shop::empty();
    shop.network.write("certs", "of somebody else");
    for words in ["init.yaml", "renew init.yaml"] {
        shop.cert(words).ends(1).says("`certs`");
    }
    shop.cert("init.yaml")
        .ends(1)
        .says("`certs` is not a folder; move it away");
    shop.cert("list").ends(1).says("`certs");
}
