//! `rpcgen explain`.

use super::place::{INIT, TestFolder};

#[test]
fn a_code_is_explained_in_every_spelling() {
    let folder = TestFolder::new(INIT);
    for written in ["E051", "e051", "51"] {
        let run = folder.run(&format!("explain {written}"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert!(
            run.stdout
                .starts_with("E051: A tenant must be one of the clients.\n\n"),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("tenants: [clint1]"), "{}", run.stdout);
    }
}

#[test]
fn all_codes_are_listed_with_their_rules() {
    let run = TestFolder::new(INIT).run("explain");
    assert!(
        run.stdout
            .starts_with("E001  The file must be a readable regular file of UTF-8 text.\n")
    );
    assert_eq!(run.stdout.lines().count(), rpc_schema::Code::ALL.len());
}

#[test]
fn an_unknown_code_gets_the_nearest_code() {
    let folder = TestFolder::new(INIT);
    for (written, stderr) in [
        (
            "E055",
            "error: unknown code `E055`, the nearest is `E054`; `rpcgen explain` lists all codes\n",
        ),
        (
            "0",
            "error: unknown code `0`, the nearest is `E001`; `rpcgen explain` lists all codes\n",
        ),
        (
            "tenant",
            "error: invalid code `tenant`, expected one such as `E051`; `rpcgen explain` lists all codes\n",
        ),
    ] {
        folder
            .run(&format!("explain {written}"))
            .check(2, "", stderr);
    }
}

#[test]
fn a_report_ends_with_a_hint_to_explain_its_first_finding() {
    let folder = TestFolder::new(&INIT.replace("provider: server1", "provider: sever1"));
    for arguments in ["check init.yaml", "init.yaml --out gen"] {
        let run = folder.run(arguments);
        assert!(
            run.stderr
                .ends_with("in init.yaml\nrun `rpcgen explain E050` for details\n"),
            "{}",
            run.stderr
        );
    }
    let good = TestFolder::new(INIT).run("init.yaml --out gen");
    assert_eq!(good.stderr, "");
}

#[test]
fn a_mistyped_verb_gets_a_suggestion() {
    let folder = TestFolder::new(INIT);
    for (arguments, meant) in [
        ("chekc init.yaml", "check"),
        ("explan E051", "explain"),
        ("Check", "check"),
    ] {
        let run = folder.run(arguments);
        assert_eq!(run.code, 2, "{arguments}");
        assert!(
            run.stderr.contains(&format!("(did you mean `{meant}`?)")),
            "{arguments}: {}",
            run.stderr
        );
    }
}
