//! `rpcgen explain`.

use super::place::{INIT, Place};

#[test]
fn a_code_is_explained_however_it_is_written() {
    let place = Place::new(INIT);
    for written in ["E051", "e051", "51"] {
        let run = place.run(&format!("explain {written}"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert!(
            run.stdout
                .starts_with("E051: A tenant is one of the clients.\n\n"),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("tenants: [clint1]"), "{}", run.stdout);
    }
}

#[test]
fn all_codes_are_listed_with_their_rules() {
    let run = Place::new(INIT).run("explain");
    assert!(
        run.stdout
            .starts_with("E001  The file must be a readable regular file of UTF-8 text.\n")
    );
    assert_eq!(run.stdout.lines().count(), rpc_schema::Code::ALL.len());
}

#[test]
fn an_unknown_code_is_answered_with_the_nearest() {
    let place = Place::new(INIT);
    for (written, said) in [
        (
            "E055",
            "error: there is no code `E055`: the nearest is `E054`; `rpcgen explain` lists all codes\n",
        ),
        (
            "0",
            "error: there is no code `0`: the nearest is `E001`; `rpcgen explain` lists all codes\n",
        ),
        (
            "tenant",
            "error: `tenant` is no code: a code is written as in `E051`; `rpcgen explain` lists all codes\n",
        ),
    ] {
        place.run(&format!("explain {written}")).check(2, "", said);
    }
}

#[test]
fn a_report_ends_with_the_way_to_its_first_explanation() {
    let place = Place::new(&INIT.replace("provider: server1", "provider: sever1"));
    for arguments in ["check init.yaml", "init.yaml --out gen"] {
        let run = place.run(arguments);
        assert!(
            run.stderr
                .ends_with("in init.yaml\n`rpcgen explain E050` tells more\n"),
            "{}",
            run.stderr
        );
    }
    let good = Place::new(INIT).run("init.yaml --out gen");
    assert_eq!(good.stderr, "");
}

#[test]
fn a_mistyped_verb_is_recognised() {
    let place = Place::new(INIT);
    for (arguments, meant) in [
        ("chekc init.yaml", "check"),
        ("explan E051", "explain"),
        ("Check", "check"),
    ] {
        let run = place.run(arguments);
        assert_eq!(run.code, 2, "{arguments}");
        assert!(
            run.stderr.contains(&format!("(did you mean `{meant}`?)")),
            "{arguments}: {}",
            run.stderr
        );
    }
}
