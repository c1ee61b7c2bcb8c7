//! `cert list`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Shop, mode};

#[test]
fn the_table_shows_who_has_which_certificate_until_when() {
    let shop = Shop::open();
    let before = shop.files();
    let list = shop.cert("list init.yaml").succeeds();
    let serial = shop.serial("clients/client1");
    let end = shop.certificate("clients/client1").not_after;
    let row = format!("client1  client    {}  {end}  365\n", &serial[..8]);
    assert!(list.stdout.contains(&row), "{row}:\n{}", list.stdout);
    let head = "NAME     ROLE      SERIAL    VALID UNTIL           DAYS LEFT\nshop     ca        ";
    assert!(list.stdout.starts_with(head), "{}", list.stdout);
    assert!(
        list.stdout
            .ends_with("cert list: 7 certificates, 0 need attention\n"),
        "{}",
        list.stdout
    );
    assert!(!list.stdout.contains('!'), "{}", list.stdout);
    assert_eq!(shop.files(), before);
    assert_eq!(mode(&shop.path("ca")), 0o700);
}

#[test]
fn what_needs_attention_is_named_with_its_remedy_and_the_exit_code_is_3() {
    let shop = Shop::open();
    shop.age("clients/client1", "rpc://shop/client/client1", 30, 20);
    shop.age("servers/server1", "rpc://shop/server/server1", 30, 31);
    shop.age("servers/server2", "rpc://shop/server/server2", 30, 19);
    shop.cert("revoke init.yaml client:ada --offline")
        .succeeds();
    shop.amend("  deployers: [ops, ada]\n", "  deployers: [ops, eve]\n");
    fs::set_permissions(
        shop.path("deployers/ops/key.pem"),
        fs::Permissions::from_mode(0o644),
    )
    .expect("a mode");
    let list = shop.cert("list init.yaml").ends(3);
    for line in [
        "! client1 (client): two thirds of its lifetime are over; `initializer cert renew init.yaml client1` makes a new one\n",
        "! server1 (server): it expired at 20",
        "`initializer cert renew init.yaml server1` makes a new one\n",
        "! ada (client): it is revoked; `initializer cert renew init.yaml client:ada` makes a new one\n",
        "! ada (deployer): the file does not have it; `initializer cert revoke init.yaml deployer:ada` revokes it\n",
        "! eve (deployer): it has no certificate yet; `initializer cert init.yaml` makes it\n",
        "! ops (deployer): certs/deployers/ops/key.pem: other users may read this key; run `chmod 600 certs/deployers/ops/key.pem`\n",
        "cert list: 8 certificates, 6 need attention\n",
    ] {
        assert!(list.stdout.contains(line), "{line}:\n{}", list.stdout);
    }
    assert!(!list.stdout.contains("! server2"), "{}", list.stdout);
    let json = shop.cert("list init.yaml --json").ends(3);
    let states: Vec<(String, String)> = json
        .json_lines()
        .iter()
        .filter(|line| line["event"] == "certificate")
        .map(|line| {
            assert_eq!(line["schema"], 1);
            let text = |key: &str| line[key].as_str().expect(key).to_owned();
            (format!("{}:{}", text("role"), text("name")), text("state"))
        })
        .collect();
    let expected = [
        ("ca:shop", "valid"),
        ("server:server1", "expired"),
        ("server:server2", "valid"),
        ("client:client1", "old"),
        ("client:ada", "revoked"),
        ("deployer:ops", "valid"),
        ("deployer:eve", "missing"),
        ("deployer:ada", "valid"),
    ];
    assert_eq!(
        states,
        expected.map(|(who, state)| (who.to_owned(), state.to_owned()))
    );
    assert_eq!(json.summary()["attention"], 6);
}

#[test]
fn somebody_who_left_and_is_revoked_needs_no_attention_any_more() {
    let shop = Shop::open();
    shop.amend("  deployers: [ops, ada]\n", "  deployers: [ops]\n");
    shop.cert("list init.yaml").ends(3);
    shop.cert("revoke init.yaml deployer:ada --offline")
        .succeeds();
    shop.cert("list init.yaml")
        .succeeds()
        .says("! ada (deployer): the file does not have it; its folder can be deleted")
        .says("0 need attention");
    shop.cert("list").ends(3).says("1 needs attention");
}

#[test]
fn a_list_needs_neither_the_file_nor_the_folder_of_the_ca() {
    let shop = Shop::open();
    shop.cert("revoke init.yaml ops --offline").succeeds();
    fs::remove_dir_all(shop.path("ca")).expect("the CA");
    let list = shop.cert("list").ends(3);
    assert!(
        list.stdout.contains("\n! ops (deployer): it is revoked"),
        "{}",
        list.stdout
    );
    assert!(!list.stdout.contains(" ca "), "{}", list.stdout);
    let json = shop.cert("list --json").ends(3).json_lines();
    assert_eq!(json[0]["in-file"], serde_json::Value::Null);
    assert_eq!(json.len(), 7);
}

#[test]
fn a_folder_without_certificates_is_named() {
    let shop = Shop::empty();
    shop.cert("list init.yaml --out nowhere").ends(1).says(
        "there are no certificates in `nowhere`; make them with `initializer cert init.yaml --out nowhere`",
    );
}

#[test]
fn what_a_certificate_says_is_escaped() {
    let shop = Shop::empty();
    shop.place_authority("\u{1b}[2J", tls::issue::Validity::days(10));
    shop.cert("list")
        .succeeds()
        .never_says("\u{1b}")
        .says(r"\u001b[2J");
    shop.cert("init.yaml")
        .ends(1)
        .never_says("\u{1b}")
        .says(r"is the CA of the network `\u001b[2J`");
}
