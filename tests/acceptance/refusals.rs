//! Code that cannot run is refused with its place, and no server changes.

use crate::harness::{Finished, Network, TWO_SERVERS, eventually, request};

/// Returns [`TWO_SERVERS`] with one more procedure in the second service. It has named arguments.
fn init() -> String {
    TWO_SERVERS.to_owned()
        + "      - { name: scale, arguments: { count: int, by: float }, returns: \"List[float]\", path: scale.py }\n"
}

const SCALE: &str = "def scale(count, by):\n    return [by] * count\n";

/// Starts both servers with generation 1, whose values are 1.
fn serving() -> Network {
    let mut network = Network::of_two_servers();
    network.write("init.yaml", &init());
    network.write("scale.py", SCALE);
    network.start("server1", &[]);
    network.start("server2", &[]);
    network.apply().succeeds();
    network
}

/// Applies without a local check, so that the servers check the sources. The apply must fail with
/// the words and change no server.
#[track_caller]
fn refused(network: &Network, words: &[&str]) {
    check_refused(network, network.apply_unchecked(), words);
}

/// Checks that an apply failed with the words and changed no server.
#[track_caller]
fn check_refused(network: &Network, finished: Finished, words: &[&str]) {
    let mut finished = finished.ends(1);
    for word in words {
        finished = finished.says(word);
    }
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(1, 1); 2],
        "{finished:?}"
    );
}

#[test]
fn a_source_that_contradicts_its_signature_is_refused_with_file_and_line() {
    let network = serving();
    // The other server has a good changed source, which must not become live.
    network.write_value("one.py", 2);
    for (source, words) in [
        (
            "def scale(count, by:\n    return []\n",
            "scale.py:1: SyntaxError: '(' was never closed",
        ),
        (
            "x = 1\n\ndef scale(count, by):\n  return [\n",
            "scale.py:4: SyntaxError",
        ),
        (
            "def scales(count, by):\n    return []\n",
            "scale.py:1: there is no function `scale` in this file",
        ),
        (
            "\ndef scale(count):\n    return []\n",
            "scale.py:2: `scale` takes 1 argument, but 2 are declared",
        ),
        (
            "\ndef scale():\n    return []\n",
            "scale.py:2: `scale` takes 0 arguments, but 2 are declared",
        ),
        (
            "def scale(count, by, more, x=1):\n    return []\n",
            "scale.py:1: `scale` takes 3 to 4 arguments, but 2 are declared",
        ),
        (
            "def scale(count, by, *, key):\n    return []\n",
            "scale.py:1: `scale` needs the keyword argument `key`",
        ),
        (
            "def scale(\n    count,\n    factor,\n):\n    return []\n",
            "scale.py:3: the parameter `factor` is declared as `by`",
        ),
        (
            "def scale(by, count):\n    return []\n",
            "scale.py:1: the parameter `by` is declared as `count`",
        ),
        (
            "def scale(count: str, by):\n    return []\n",
            "scale.py:1: `count: str` is declared as `int`",
        ),
        (
            "from typing import Dict\n\ndef scale(count, by: Dict[str, int]):\n    return []\n",
            "scale.py:3: `by: Dict[str, int]` is declared as `float`",
        ),
        (
            "def scale(count, by) -> list[str]:\n    return []\n",
            "scale.py:1: `-> list[str]` is declared as `List[float]`",
        ),
        (
            "def scale(count, by) -> None:\n    pass\n",
            "scale.py:1: `-> None` is declared as `List[float]`",
        ),
        (
            "\n\nasync def scale(count, by):\n    return []\n",
            "scale.py:3: `scale` is an async function",
        ),
        ("scale = 7\n", "scale.py:1: "),
        ("class scale:\n    pass\n", "scale.py:1: "),
        (
            "import nothing_of_this_name\n",
            "scale.py:1: there is no function `scale` in this file",
        ),
    ] {
        network.write("scale.py", source);
        refused(
            &network,
            &[
                "server2 (generation 1): unchanged: ",
                words,
                "(for `svc2.scale(int, float)`)",
                "server1 (generation 1): unchanged, since another server failed",
            ],
        );
    }
    network.write("scale.py", SCALE);
    network.apply().succeeds();
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(2, 2), (1, 1)]
    );
}

#[test]
fn a_source_that_does_not_load_is_refused_with_file_and_line() {
    let network = serving();
    network.write_value("one.py", 2);
    for (before, words) in [
        (
            "import nothing_of_this_name\n",
            "scale.py:1: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        (
            "\n\nx = 1 / 0\n",
            "scale.py:3: ZeroDivisionError: division by zero",
        ),
        (
            "def fail():\n    raise KeyError('x')\n\nfail()\n",
            "scale.py:2: KeyError: 'x'",
        ),
        ("import sys\nsys.exit(3)\n", "scale.py:2: SystemExit: 3"),
        ("raise KeyboardInterrupt\n", "scale.py:1: KeyboardInterrupt"),
        (
            "x = '\\ud800'\nraise ValueError(x)\n",
            "scale.py:2: ValueError",
        ),
    ] {
        network.write("scale.py", &format!("{before}\n{SCALE}"));
        refused(
            &network,
            &[
                "server2 (generation 1): unchanged: ",
                words,
                "server1 (generation 1): unchanged, since another server failed",
            ],
        );
    }
}

#[test]
fn a_source_that_kills_its_worker_on_import_is_refused_by_name() {
    let network = serving();
    network.write_value("one.py", 2);
    for (before, words) in [
        ("import os\nos._exit(3)\n", "exit status 3"),
        ("import os\nos.kill(os.getpid(), 9)\n", "signal 9"),
    ] {
        network.write("scale.py", &format!("{before}\n{SCALE}"));
        refused(
            &network,
            &[
                "server2 (generation 1): unchanged: ",
                words,
                "`svc2`",
                "scale.py",
            ],
        );
    }
}

#[test]
fn a_source_that_hangs_on_import_is_refused_by_name_and_killed() {
    let mut network = serving();
    network.server_mut("server2").kill();
    network.start("server2", &["--load-timeout", "500ms"]);
    // Wait until Python has started: the load timeout is for the sources.
    eventually("the service is loaded again", || {
        (network.ask("server2", request("svc2", "value"))["header"] == "RPC-RES").then_some(())
    });
    network.write_value("one.py", 2);
    for before in ["while True:\n    pass\n", "import time\ntime.sleep(1000)\n"] {
        network.write("scale.py", &format!("{before}\n{SCALE}"));
        let words = [
            "server2 (generation 1): unchanged: ",
            "did not load within 500ms",
            "`svc2`",
            "scale.py",
        ];
        refused(&network, &words);
    }
    network
        .server("server2")
        .wait_for_workers("what hangs is killed", |now| now.len() == 1);
}

#[test]
fn every_bad_source_of_an_apply_is_reported() {
    let network = serving();
    network.write("one.py", "def other():\n    return 1\n");
    network.write("two.py", "def value(:\n");
    network.write("scale.py", "def scale(count):\n    return []\n");
    let words = [
        "one.py:1: there is no function `value` in this file (for `svc1.value()`)",
        "two.py:1: SyntaxError",
        "scale.py:1: `scale` takes 1 argument, but 2 are declared",
        "server1 (generation 1): unchanged: ",
        "server2 (generation 1): unchanged: ",
    ];
    refused(&network, &words);
    network.write(
        "init.yaml",
        &init().replace("provider: server2", "provider: server1"),
    );
    refused(&network, &words[..4]);
    let last = network
        .initializer(&[
            "apply",
            "init.yaml",
            "--json",
            "--no-sources",
            "--allow-breaking",
        ])
        .ends(1)
        .summary();
    assert_eq!(
        (&last["event"], &last["applied"]),
        (&"summary".into(), &false.into())
    );
    assert!(
        words[..3]
            .iter()
            .all(|word| last.to_string().contains(word)),
        "{last}"
    );
}

#[test]
fn the_initializer_finds_bad_sources_before_it_sends_anything() {
    let network = serving();
    network.write_value("one.py", 2);
    network.write("scale.py", "def scale(count: str, by):\n    return []\n");
    let words = [
        "error[E087]: `count: str` is declared as `int`",
        "init.yaml:18:",
        "scale.py:1:11",
        "1 error in init.yaml",
    ];
    check_refused(&network, network.apply(), &words);
    network.plan().ends(1).says(words[0]);
    let line = network
        .initializer(&["apply", "init.yaml", "--json"])
        .ends(1)
        .summary();
    assert_eq!(line["event"], "error", "{line}");
    assert!(
        !network
            .server("server2")
            .log()
            .iter()
            .any(|line| line.contains("refused"))
    );
    network.write("scale.py", SCALE);
    network.apply().succeeds();
}

#[test]
fn code_that_is_already_live_is_not_checked_again() {
    let network = serving();
    // The servers accept this source, because its import is never executed. The initializer's check
    // would refuse it.
    let hidden = "def scale(count, by):\n    return []\n\ndef unused():\n    import near\n";
    network.write("near.py", "");
    network.write("scale.py", hidden);
    network.apply_unchecked().succeeds();
    network.write_value("one.py", 2);
    network.apply().succeeds();
    network.write("scale.py", &format!("{hidden}\n"));
    network
        .apply()
        .ends(1)
        .says("`near` is imported")
        .says("add `near.py` to the `modules` of `svc2`");
}

#[test]
fn without_a_local_python_the_plan_says_so_and_the_servers_check() {
    const NOTE: &str = "`/no/python` was not found: the sources were not checked";
    let network = serving();
    network.write("scale.py", "def scale(count):\n    return []\n");
    let apply = |more: &[&str]| {
        network.initializer(&[&["apply", "init.yaml", "--python", "/no/python"], more].concat())
    };
    check_refused(
        &network,
        apply(&[]),
        &[&format!("! {NOTE}"), "scale.py:1: `scale` takes 1 argument"],
    );
    let plan = apply(&["--json"]).ends(1).json_lines().swap_remove(0);
    assert_eq!(
        (&plan["event"], &plan["notes"][0]),
        (&"plan".into(), &NOTE.into()),
        "{plan}"
    );
    network.write("scale.py", SCALE);
    apply(&[]).succeeds().never_says("python");
}

#[test]
fn a_file_that_is_missing_or_too_large_is_reported_with_its_place() {
    const LIMIT: usize = 8 << 20;
    let network = serving();
    network.write_value("one.py", 2);
    std::fs::remove_file(network.path().join("scale.py")).expect("removed");
    check_refused(
        &network,
        network.apply(),
        &[
            "error[E080]",
            "cannot read `scale.py`: there is no such file",
            "init.yaml:18:",
        ],
    );
    let comment = |bytes: usize| format!("{SCALE}#{}\n", "x".repeat(bytes - SCALE.len() - 2));
    network.write("scale.py", &comment(LIMIT + 1));
    network.write("two.py", &comment(LIMIT + 1));
    check_refused(
        &network,
        network.apply(),
        &[
            "`scale.py` is larger than 8 MiB",
            "`two.py` is larger than 8 MiB",
            "init.yaml:17:",
        ],
    );
    network.write_value("two.py", 1);
    network.write_value("one.py", 1);
    network.write("scale.py", &comment(LIMIT));
    network.apply().succeeds().says("1 file");
}

#[test]
fn a_source_that_links_out_of_the_folder_is_reported_and_not_sent() {
    let network = serving();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let source = network.path().join("scale.py");
    let secret = elsewhere.path().join("secret.txt");
    std::fs::write(&secret, "the words of a secret").expect("written");
    std::fs::remove_file(&source).expect("removed");
    std::os::unix::fs::symlink(&secret, &source).expect("a link");
    let finished = network.apply();
    assert!(
        !finished.stderr.contains("the words"),
        "{}",
        finished.stderr
    );
    check_refused(
        &network,
        finished,
        &["error[E081]", "`scale.py` leads out of the folder"],
    );
}

#[test]
fn every_error_in_the_file_is_shown_and_no_server_is_contacted() {
    let network = Network::new(
        &TWO_SERVERS
            .replace("provider: server2", "provider: server3")
            .replace(
                "name: value, returns: int, path: one.py",
                "name: value, returns: \"Lisp[int]\", path: one.py",
            ),
    );
    for verb in ["apply", "plan"] {
        let finished = network.initializer(&[verb, "init.yaml"]).ends(1);
        let finished = finished
            .says("`server3`")
            .says("Lisp")
            .says("init.yaml:12:")
            .says("init.yaml:14:");
        assert_eq!(finished.stdout, "");
    }
    let lines = network
        .initializer(&["apply", "init.yaml", "--json"])
        .ends(1)
        .json_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["event"], &lines[0]["schema"]),
        (&"error".into(), &1.into())
    );
    network
        .initializer(&["apply", "nowhere.yaml"])
        .ends(1)
        .says("nowhere.yaml");
}

#[test]
fn a_native_procedure_is_refused_if_the_binary_has_no_handler() {
    let network = serving();
    network.write_value("one.py", 2);
    network.write(
        "init.yaml",
        &(init() + "      - { name: fast, returns: int, native: true }\n"),
    );
    refused(
        &network,
        &[
            "server2 (generation 1): unchanged: ",
            "`svc2.fast()` is native, and this server's binary has no handler for it",
        ],
    );
}

#[test]
fn a_server_refuses_an_apply_that_is_meant_for_another_server() {
    let network = serving();
    let swapped = ["server1", "server2"].map(|name| network.server(name).address().to_string());
    network.write_value("one.py", 2);
    let place = format!("server1={}", swapped[1]);
    let words = "this is server `server2`";
    network
        .initializer(&["apply", "init.yaml", "--server", &place])
        .ends(1)
        .says(words);
    let other = format!("server2={}", swapped[0]);
    network
        .initializer(&["apply", "init.yaml", "--server", &place, "--server", &other])
        .ends(1)
        .says(words);
    network
        .initializer(&["plan", "init.yaml", "--server", &place])
        .ends(1)
        .says("server `server2`");
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(1, 1); 2]
    );
}
