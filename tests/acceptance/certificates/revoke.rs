//! `cert revoke`.

use std::fs;

use super::{FOLDERS, Shop};

#[test]
fn a_revoked_certificate_is_on_the_list_of_every_folder() {
    let shop = Shop::open();
    let serial = shop.serial("clients/client1");
    shop.cert("revoke init.yaml client1 --offline")
        .succeeds()
        .says("- client1 (client): revoked, serial ")
        .says("+ list 2: made, 1 revoked in all, in certs/ca/crl.pem")
        .says("copy `certs/ca/crl.pem` into the --tls folder of each; it is picked up without a restart:")
        .says("    server2 at 192.0.2.7:7102\n");
    for (folder, _) in FOLDERS {
        assert_eq!(shop.revoked(folder), (2, vec![serial.clone()]), "{folder}");
    }
    assert_eq!(
        shop.read("ca/crl.pem"),
        shop.read("servers/server1/crl.pem")
    );
    let server = shop.load("servers/server1").expect("good files");
    assert!(
        server
            .trust()
            .list()
            .is_some_and(|list| list.revokes(&serial))
    );
    let refused = shop.load("clients/client1").expect_err("it is revoked");
    assert!(refused.contains("is revoked"), "{refused}");
}

#[test]
fn revoking_twice_changes_nothing_and_says_so() {
    let shop = Shop::open();
    shop.cert("revoke init.yaml client1 --offline").succeeds();
    let before = shop.files();
    shop.cert("revoke init.yaml client1 --offline")
        .succeeds()
        .says("= client1 (client): revoked before, serial ")
        .says("= list 2: nothing to add, 1 revoked in all");
    assert_eq!(shop.files(), before);
    let both = shop
        .cert("revoke init.yaml client1 ops --offline --json")
        .succeeds();
    let lines = both.json_lines();
    let actions: Vec<_> = lines
        .iter()
        .filter_map(|line| line["action"].as_str())
        .collect();
    assert_eq!(actions, ["revoked-before", "revoked"]);
    let list = lines
        .iter()
        .find(|line| line["event"] == "list")
        .expect("a list");
    assert_eq!(
        (&list["number"], &list["revoked"], &list["schema"]),
        (&3.into(), &2.into(), &1.into())
    );
}

#[test]
fn a_revoked_holder_gets_a_new_certificate_only_when_asked() {
    let shop = Shop::open();
    shop.cert("revoke init.yaml client:ada --offline")
        .succeeds();
    let revoked = shop.serial("clients/ada");
    for words in ["init.yaml", "init.yaml --overwrite", "renew init.yaml"] {
        shop.cert(words).succeeds().says(
            "! ada (client): revoked, and kept; `initializer cert renew init.yaml client:ada` makes a new certificate",
        );
        assert_eq!(shop.serial("clients/ada"), revoked);
    }
    shop.cert("renew init.yaml client:ada").succeeds();
    shop.load("clients/ada")
        .expect("a certificate that is not revoked");
    // What is revoked is the certificate, not the name: the new one is revoked by a new command.
    shop.cert("revoke init.yaml client:ada --offline")
        .succeeds();
    assert_eq!(shop.revoked("ca").1.len(), 2);
}

#[test]
fn a_serial_number_is_revoked_as_tools_write_it() {
    let shop = Shop::open();
    let serial = shop.serial("servers/server1");
    let written = serial.to_uppercase();
    shop.cert(&format!(
        "revoke init.yaml --serial {written} --serial 00:AB:cd --offline"
    ))
    .succeeds()
    .says("- server1 (server): revoked, serial ")
    .says("- the certificate: revoked, serial abcd");
    let mut expected = vec!["abcd".to_owned(), serial];
    expected.sort();
    assert_eq!(shop.revoked("ca"), (2, expected));
    let ca = shop.stored("ca/ca.pem").certificate().serial.clone();
    shop.cert(&format!("revoke init.yaml --serial {ca} --offline"))
        .ends(1)
        .says(
            "is the CA itself; `initializer cert init.yaml --overwrite --new-ca` makes a new one",
        );
    for wrong in ["xyz", "0", "-1"] {
        shop.cert(&format!("revoke init.yaml --serial={wrong}"))
            .ends(2)
            .says(&format!("invalid serial number `{wrong}`"));
    }
}

#[test]
fn somebody_who_left_the_file_is_revoked_by_name_and_somebody_without_files_by_number() {
    let shop = Shop::open();
    shop.amend("  deployers: [ops, ada]\n", "  deployers: [ada]\n");
    let serial = shop.serial("deployers/ops");
    shop.cert("revoke init.yaml ops --offline").succeeds();
    assert_eq!(shop.revoked("ca").1, [serial]);
    shop.cert("init.yaml")
        .succeeds()
        .says("! ops (deployer): not in the file, and revoked; certs/deployers/ops can be deleted");
    fs::remove_dir_all(shop.path("clients/client1")).expect("a folder");
    shop.cert("revoke init.yaml client1 --offline")
        .ends(1)
        .says("client1 (client) has no certificate in `certs/clients/client1`; give its number with --serial");
    shop.cert("revoke init.yaml clinet1 server1 --offline")
        .ends(1)
        .says("did you mean `client1`?");
    assert_eq!(shop.revoked("ca").0, 2, "nothing else was revoked");
    // Its key need not be here.
    shop.remove("servers/server1/key.pem");
    shop.cert("revoke init.yaml server1 --offline").succeeds();
    assert_eq!(shop.revoked("servers/server1").0, 3);
}

#[test]
fn the_newest_list_counts_wherever_it_is() {
    let shop = Shop::open();
    let old = shop.read("ca/crl.pem");
    let serial = shop.serial("clients/client1");
    shop.cert("revoke init.yaml client1 --offline").succeeds();
    // The folder of the CA is brought back from an old copy, and one folder from another.
    shop.write("ca/crl.pem", &old);
    shop.write("servers/server2/crl.pem", &old);
    shop.cert("init.yaml")
        .succeeds()
        .says("the newest revocation list was taken from `certs/servers/server1/crl.pem`")
        .says("! client1 (client): revoked, and kept");
    assert_eq!(shop.revoked("ca"), (2, vec![serial.clone()]));
    assert_eq!(shop.revoked("servers/server2"), (2, vec![serial.clone()]));
    // Two lists with the same number: what either of them revokes stays revoked.
    let other = shop.serial("deployers/ops");
    let list = shop
        .authority()
        .revoke(2, [other.as_str()])
        .expect("a list");
    shop.write("ca/crl.pem", &list);
    shop.cert("revoke init.yaml client1 --offline")
        .succeeds()
        .says("+ list 3: made, 2 revoked");
    let mut expected = vec![serial, other];
    expected.sort();
    assert_eq!(shop.revoked("servers/server1"), (3, expected));
}

#[test]
fn a_folder_that_gets_no_list_is_named() {
    let shop = Shop::open();
    shop.write("servers/server2/crl.pem", "of somebody else");
    shop.cert("revoke init.yaml ops --offline")
        .succeeds()
        .says("warning: the list was not copied to `certs/servers/server2`: ")
        .says("delete it; the next `initializer cert` puts the right one there");
    assert_eq!(shop.read("servers/server2/crl.pem"), "of somebody else");
    shop.remove("servers/server2/crl.pem");
    shop.cert("init.yaml").succeeds();
    assert_eq!(shop.revoked("servers/server2").0, 2);
}

#[test]
fn copies_that_are_missing_are_made_again() {
    let shop = Shop::open();
    let before = shop.files();
    shop.remove("servers/server1/crl.pem");
    shop.remove("clients/ada/ca.pem");
    shop.remove("ca/crl.pem");
    shop.cert("init.yaml").succeeds().says("kept, valid until");
    assert_eq!(shop.files(), before);
}

#[test]
fn a_list_that_was_not_brought_to_the_servers_is_a_failure_that_says_how_to_bring_it() {
    let shop = Shop::open();
    let nobody = "--server server1=127.0.0.1:1 --server server2=127.0.0.1:1";
    shop.cert(&format!("revoke init.yaml client1 {nobody}"))
        .ends(1)
        .says("- client1 (client): revoked")
        .says("! server `server1` at 127.0.0.1:1: connection refused")
        .says("copy `certs/ca/crl.pem` into the --tls folder of each")
        .says("error: the list is made, but 2 servers do not have it");
    assert_eq!(shop.revoked("ca").0, 2);
    let json = shop.cert(&format!("revoke init.yaml client1 --json {nobody}"));
    let json = json.ends(1);
    assert_eq!(json.summary()["event"], "error");
}
