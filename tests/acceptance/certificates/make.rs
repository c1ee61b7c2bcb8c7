//! `cert`: what it makes, keeps and replaces.

use std::fs;
use std::path::Path;

use tls::Time;
use tls::issue::Validity;

use super::{DAY, FOLDERS, Shop, contains, der, mode};

#[test]
fn everybody_of_the_file_gets_a_folder_that_its_program_can_load() {
    let shop = Shop::empty();
    let made = shop.cert("init.yaml").succeeds();
    assert_eq!(made.stderr, "");
    for (folder, uri) in FOLDERS {
        let credentials = shop.load(folder).expect(folder);
        assert_eq!(credentials.identity().to_string(), uri);
        let days = (credentials.certificate().not_after.0 - Time::now().0).div_ceil(DAY);
        assert_eq!(days, 365, "{folder}");
        assert_eq!(shop.revoked(folder), (1, Vec::new()));
    }
    let ca = shop.stored("ca/ca.pem");
    assert_eq!(ca.network().as_deref(), Some("shop"));
    assert_eq!(
        (ca.certificate().not_after.0 - Time::now().0).div_ceil(DAY),
        3650
    );
    assert_eq!(shop.files().len(), 3 + 6 * 4, "{:?}", shop.files().keys());
    for step in [
        "    rpc-server --tls certs/servers/server1 --listen 127.0.0.1:7101 --data server1\n",
        "    rpc-client --tls certs/clients/client1 --init init.yaml list\n",
        "    initializer apply init.yaml --tls certs/deployers/ops\n",
        "its own folder only; keep `certs/ca` apart",
        "cert: 6 made, 0 replaced, 0 kept, 0 revoked, 0 not in the file\n",
    ] {
        assert!(made.stdout.contains(step), "{step}:\n{}", made.stdout);
    }
}

#[test]
fn the_certificate_of_a_server_carries_its_address() {
    let shop = Shop::open();
    let certificate = |folder: &str| der(&shop.read(&format!("{folder}/cert.pem")));
    let near = certificate("servers/server1");
    assert!(contains(&near, b"localhost") && contains(&near, &[127, 0, 0, 1]));
    let far = certificate("servers/server2");
    assert!(!contains(&far, b"localhost") && contains(&far, &[192, 0, 2, 7]));
    let client = certificate("clients/client1");
    assert!(!contains(&client, b"localhost") && !contains(&client, &[127, 0, 0, 1]));
}

#[test]
fn files_are_private_whatever_the_umask_is() {
    for umask in ["000", "077", "777"] {
        let shop = Shop::empty();
        let umask = format!("umask {umask}");
        shop.cert_after(&umask, "init.yaml --out deep/certs")
            .succeeds();
        shop.cert_after(&umask, "renew init.yaml --out deep/certs")
            .succeeds();
        shop.cert_after(&umask, "revoke init.yaml --out deep/certs ops --offline")
            .succeeds();
        let mut paths = vec![shop.network.path().join("deep")];
        let mut seen = 0;
        while let Some(path) = paths.pop() {
            seen += 1;
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{umask}: {}", path.display());
            let entries = fs::read_dir(&path).into_iter().flatten();
            paths.extend(entries.map(|entry| entry.expect("an entry").path()));
        }
        assert_eq!(seen, 2 + 4 + 3 + 6 * 5);
    }
}

#[test]
fn no_key_is_printed() {
    let shop = Shop::open();
    let outputs = [
        shop.cert("init.yaml"),
        shop.cert("init.yaml --overwrite --json"),
        shop.cert("list init.yaml"),
        shop.cert("renew init.yaml --json"),
        shop.cert("revoke init.yaml ops --offline"),
    ];
    let files = shop.files();
    let keys = files.iter().filter(|(path, _)| path.ends_with("key.pem"));
    let keys: Vec<String> = keys
        .map(|(_, key)| String::from_utf8(key.clone()).expect("text"))
        .collect();
    assert_eq!(keys.len(), 7);
    for output in outputs {
        let mut output = output.never_says("PRIVATE").never_says("-----BEGIN");
        for line in keys.iter().flat_map(|key| key.lines()) {
            output = output.never_says(line);
        }
    }
}

#[test]
fn a_later_run_makes_what_is_missing_and_keeps_the_rest() {
    let shop = Shop::open();
    let before = shop.files();
    shop.amend(
        "    ada: { ip: 127.0.0.1 }\n",
        "    bob: { ip: 127.0.0.1 }\n",
    );
    let run = shop.cert("init.yaml").succeeds();
    for line in [
        "= server1 (server): kept, valid until ",
        "= ada (deployer): kept, valid until ",
        "+ bob (client): valid until ",
        "! ada (client): not in the file, and still valid until ",
        "`initializer cert revoke init.yaml client:ada` revokes it\n",
        "cert: 1 made, 0 replaced, 5 kept, 0 revoked, 1 not in the file\n",
    ] {
        assert!(run.stdout.contains(line), "{line}:\n{}", run.stdout);
    }
    let after = shop.files();
    assert!(before.iter().all(|(path, content)| after[path] == *content));
    assert_eq!(after.len(), before.len() + 4);
    shop.load("clients/bob").expect("good files");
    let again = shop.cert("init.yaml --json").succeeds();
    assert_eq!(shop.files(), after);
    let lines = again.json_lines();
    assert!(lines.iter().all(|line| line["schema"] == 1), "{lines:?}");
    let actions: Vec<_> = lines
        .iter()
        .filter_map(|line| line["action"].as_str())
        .collect();
    assert_eq!(
        actions,
        ["kept", "kept", "kept", "kept", "kept", "kept", "left"]
    );
    assert_eq!(lines[0]["serial"], *shop.serial("servers/server1"));
    let summary = again.summary();
    assert_eq!((&summary["kept"], &summary["left"]), (&6.into(), &1.into()));
}

#[test]
fn overwrite_replaces_the_certificates_and_keeps_the_ca() {
    let shop = Shop::open();
    let before = shop.files();
    shop.cert("init.yaml --overwrite --days 30")
        .succeeds()
        .says("~ client1 (client): valid until ")
        .says("cert: 0 made, 6 replaced, 0 kept, ");
    let after = shop.files();
    assert_eq!(before.len(), after.len());
    for (path, content) in &before {
        let is_new = path.ends_with("cert.pem")
            || path.ends_with("key.pem") && !path.parent().is_some_and(|ca| ca.ends_with("ca"));
        assert_eq!(after[path] != *content, is_new, "{}", path.display());
    }
    for (folder, _) in FOLDERS {
        let credentials = shop.load(folder).expect(folder);
        let left = credentials.certificate().not_after.0 - Time::now().0;
        assert_eq!(left.div_ceil(DAY), 30);
    }
}

#[test]
fn a_new_ca_is_made_only_when_asked_and_its_list_is_newer() {
    let shop = Shop::open();
    shop.cert("revoke init.yaml ops --offline").succeeds();
    shop.amend("  deployers: [ops, ada]\n", "  deployers: [ops]\n");
    let departed = shop.read("deployers/ada/ca.pem");
    shop.cert("init.yaml --new-ca").ends(2).says("--overwrite");
    let earlier = shop.stored("ca/ca.pem").certificate().serial.clone();
    shop.cert("init.yaml --overwrite --new-ca")
        .succeeds()
        .says("+ certs/ca: a new CA for the network `shop`")
        .says("! ada (deployer): not in the file, and worth nothing under this CA")
        .says("cert: 0 made, 5 replaced, ");
    assert_ne!(shop.stored("ca/ca.pem").certificate().serial, earlier);
    for (folder, _) in &FOLDERS[..5] {
        shop.load(folder).expect(folder);
        assert_eq!(shop.revoked(folder), (3, Vec::new()), "{folder}");
    }
    assert_eq!(
        shop.read("deployers/ada/ca.pem"),
        departed,
        "it is left alone"
    );
    shop.load("deployers/ada")
        .expect("good files of the earlier CA");
    // A new CA is the way out also if the earlier one is lost.
    fs::remove_dir_all(shop.path("ca")).expect("the CA");
    shop.cert("init.yaml --overwrite --new-ca").succeeds();
    shop.load("clients/client1").expect("good files");
}

#[test]
fn no_certificate_outlives_its_ca() {
    let shop = Shop::empty();
    shop.place_authority("shop", Validity::days(100));
    let end = shop.stored("ca/ca.pem").certificate().not_after;
    shop.cert("init.yaml --days 90")
        .succeeds()
        .never_says("outlives");
    let outlives = format!("warning: the CA ends at {end}, and so do the certificates");
    shop.cert("renew init.yaml").succeeds().says(&outlives);
    for (folder, _) in FOLDERS {
        assert_eq!(shop.certificate(folder).not_after, end);
        shop.load(folder).expect(folder);
    }
}

#[test]
fn a_file_without_deployers_is_named() {
    let shop = Shop::empty();
    shop.amend("  deployers: [ops, ada]\n", "");
    let made = shop.cert("init.yaml").succeeds();
    let line = "warning: `init.yaml` names no deployers, so nobody could deploy under TLS; add `deployers: [ops]`";
    assert!(made.stderr.contains(line), "{}", made.stderr);
    assert!(
        !made.stdout.contains("initializer apply"),
        "{}",
        made.stdout
    );
    let again = shop.cert("init.yaml --json").succeeds();
    let lines = again.json_lines();
    assert!(
        lines.iter().any(|line| line["event"] == "warning"),
        "{lines:?}"
    );
}

/// Commands of a shell after which no file gets any content.
const FULL: &str = "trap '' XFSZ; ulimit -f 0";

#[test]
fn a_run_that_fails_leaves_nothing_that_looks_whole() {
    let shop = Shop::empty();
    shop.cert_after(FULL, "init.yaml")
        .ends(1)
        .says("cannot write `certs/ca`: ");
    assert_eq!(shop.files().len(), 0, "{:?}", shop.files().keys());
    shop.cert("init.yaml").succeeds();
    let before = shop.files();
    for words in [
        "init.yaml --overwrite",
        "init.yaml --overwrite --new-ca",
        "renew init.yaml",
        "revoke init.yaml ops --offline",
    ] {
        shop.cert_after(FULL, words)
            .ends(1)
            .says("cannot write `certs/");
        assert_eq!(shop.files(), before, "{words}");
    }
}

#[test]
fn what_others_keep_in_the_folder_stays() {
    let shop = Shop::empty();
    shop.write("README", "of somebody else");
    shop.write("servers/notes.txt", "of somebody else");
    shop.cert("init.yaml").succeeds();
    shop.write("servers/server1/notes.txt", "of somebody else");
    shop.cert("init.yaml --overwrite").succeeds();
    shop.cert("list init.yaml").succeeds();
    for path in ["README", "servers/notes.txt", "servers/server1/notes.txt"] {
        assert_eq!(shop.read(path), "of somebody else");
    }
}

#[test]
fn paths_are_escaped_for_people_and_quoted_for_the_shell() {
    let shop = Shop::empty();
    let out = "my certs\u{1b}[2J";
    let made = shop
        .network
        .initializer(&["cert", "init.yaml", "--out", out]);
    made.succeeds()
        .never_says("\u{1b}")
        .says(r"my certs\u001b[2J/ca")
        .says(r"rpc-server --tls 'my certs\u001b[2J/servers/server1' ");
    assert!(Path::new(&shop.network.path().join(out)).is_dir());
}
