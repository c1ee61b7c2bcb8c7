//! The command line of `cert`, and its output if nobody can read it.

use std::fs::File;

use super::Shop;
use crate::harness::{Finished, begin_with_stdout, finish};

#[test]
fn wrong_usage_is_named() {
    let shop = Shop::empty();
    for (words, message) in [
        (
            "--json",
            "missing file; name one, such as `init.yaml`; see `initializer cert --help`",
        ),
        ("renew", "missing file"),
        ("revoke", "missing file"),
        (
            "revoke init.yaml",
            "missing name; write `initializer cert revoke init.yaml NAME`",
        ),
        (
            "lst",
            "there is no command and no file `lst` (did you mean `list`?)",
        ),
        ("revok init.yaml ops", "(did you mean `revoke`?)"),
        (
            "init.yaml --days 0",
            "invalid number of days `0`; expected a whole number from 1 to 3650",
        ),
        ("init.yaml --days 3651", "invalid number of days `3651`"),
        (
            "renew init.yaml --days soon",
            "invalid number of days `soon`",
        ),
        ("init.yaml --new-ca", "missing argument `--overwrite`"),
        ("list init.yaml --days 3", "--days"),
        ("init.yaml --colour", "--colour"),
    ] {
        let finished = shop.cert(words).ends(2).says(message);
        assert_eq!(
            (&*finished.stdout, finished.stderr.lines().count()),
            ("", 1),
            "{words}"
        );
    }
    assert!(!shop.network.path().join("certs").exists());
    shop.cert("nowhere.yaml")
        .ends(1)
        .says("cannot read `nowhere.yaml`: there is no such file");
    for words in ["--help", "list --help", "renew --help", "revoke --help"] {
        shop.cert(words).succeeds().says("Usage:");
    }
    shop.cert("--help").succeeds().says("Examples:");
}

#[test]
fn a_verb_wins_over_a_file_of_that_name_and_options_may_stand_before_it() {
    let shop = Shop::open();
    shop.network.write("list", "not: [yaml");
    shop.network.write("cert", "not: [yaml");
    shop.cert("list").succeeds();
    shop.cert("./list").ends(1).says("./list:1:");
    shop.cert("--json list init.yaml")
        .succeeds()
        .says("\"summary\"");
    shop.cert("--out certs renew init.yaml ops").succeeds();
    let first = ["--json", "--out", "certs", "cert", "list", "init.yaml"];
    shop.network
        .initializer(&first)
        .succeeds()
        .says("\"summary\"");
}

#[test]
fn findings_of_the_file_are_shown_and_nothing_is_made() {
    let shop = Shop::empty();
    shop.amend("deployers: [ops, ada]", "deployers: [server1]");
    shop.cert("init.yaml")
        .ends(1)
        .says("`server1` is a server and a deployer");
    let json = shop.cert("init.yaml --json").ends(1);
    assert_eq!(json.summary()["event"], "error");
    assert!(!shop.network.path().join("certs").exists());
}

#[test]
fn output_that_is_lost_is_a_failure_and_the_work_is_done() {
    let shop = Shop::empty();
    let lost = |words: &str| -> Finished {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("a full device");
        let words: Vec<&str> = ["cert"].into_iter().chain(words.split(' ')).collect();
        let program = env!("CARGO_BIN_EXE_initializer");
        let command = shop.network.command(program, &words);
        let finished = finish(begin_with_stdout(command, full.into()));
        let words = "error: cannot write to stdout: No space left on device";
        assert!(finished.stderr.contains(words), "{finished:?}");
        finished.ends(1)
    };
    lost("init.yaml");
    shop.load("clients/client1").expect("good files");
    lost("init.yaml --json");
    lost("list init.yaml");
    lost("list --json");
    let earlier = shop.serial("clients/client1");
    lost("renew init.yaml client1");
    assert_ne!(shop.serial("clients/client1"), earlier);
    lost("revoke init.yaml client1 --offline");
    assert_eq!(shop.revoked("servers/server1").0, 2);
}
