//! Who may deploy: whoever has the server's key, or loopback where there is none.

use crate::harness::{Network, ServerProcess};

const KEY: &str = "a key of this network\n";

/// A server that asks for a key, with one generation on it.
fn with_key() -> Network {
    let mut network = Network::with_procedures(&[("value", "", "int", "def value():\n    return 1\n")]);
    let key = network.write("key.txt", KEY);
    network.start("server1", &["--deploy-key", key.to_str().expect("a path")]);
    network.initializer(&["apply", "init.yaml", "--deploy-key", "key.txt"]).succeeds();
    network.write("p0.py", "def value():\n    return 2\n");
    network
}

#[test]
fn without_a_key_loopback_may_deploy_and_the_server_says_so() {
    let network = Network::serving(&[("value", "", "int", "def value():\n    return 1\n")]);
    network.server("server1").logged(&[
        "WARN",
        "no deploy key",
        "whoever connects from loopback may deploy code",
    ]);
    network.write("key.txt", KEY);
    network.write("p0.py", "def value():\n    return 2\n");
    network.initializer(&["apply", "init.yaml", "--deploy-key", "key.txt"]).succeeds();
    assert_eq!(network.value("server1"), (2, 2), "a key that nobody asks for does no harm");
}

#[test]
fn a_server_with_a_key_is_deployed_by_whoever_has_it() {
    let network = with_key();
    network.write("other.txt", "some other key of this size");
    network.write("copy.txt", &format!("  {}", KEY.trim()));
    for verb in ["plan", "apply"] {
        let without = network.initializer(&[verb, "init.yaml"]).ends(1);
        without.says("server `server1` at ").says("this server asks for its deploy key: give --deploy-key");
        let wrong = network.initializer(&[verb, "init.yaml", "--deploy-key", "other.txt"]).ends(1);
        wrong.says("server `server1` at ").says("the deploy key is not this server's");
    }
    network.server("server1").logged(&["WARN", "deployment refused", "peer=127.0.0.1:"]);
    assert_eq!(network.value("server1"), (1, 1), "calls need no key, and nothing has changed");
    network.initializer(&["apply", "init.yaml", "--deploy-key", "copy.txt"]).succeeds();
    assert_eq!(network.value("server1"), (2, 2), "white space around a key does not count");
}

#[test]
fn a_proof_is_worth_one_challenge_on_one_connection() {
    let network = with_key();
    let mut script = network.script("server1");
    let kind =
        |answer: Result<serde_json::Value, serde_json::Value>| answer.expect_err("a refusal")["kind"].clone();
    let nothing = serde_json::json!({});
    for header in ["INIT-STATUS", "INIT-RESTART"] {
        assert_eq!(kind(script.ask(header, nothing.clone())), "not-allowed");
    }
    let prove = |nonce: &str| serde_json::json!({ "proof": rpc_runtime::deploy::prove_key(KEY.trim().as_bytes(), nonce) });
    assert_eq!(kind(script.ask("INIT-PROVE", prove(""))), "not-allowed", "there was no challenge");
    let mut challenge = || {
        script.ask("INIT-CHALLENGE", nothing.clone()).expect("a nonce")["nonce"]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    let (first, second) = (challenge(), challenge());
    assert_ne!(first, second);
    assert_eq!(kind(script.ask("INIT-PROVE", prove(&first))), "not-allowed", "the nonce is an old one");
    assert_eq!(kind(script.ask("INIT-PROVE", prove(&second))), "not-allowed", "each is good for one try");
    let third = script.ask("INIT-CHALLENGE", nothing.clone()).expect("a nonce")["nonce"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert_eq!(
        kind(network.script("server1").ask("INIT-PROVE", prove(&third))),
        "not-allowed",
        "another connection's"
    );
    script.ask("INIT-PROVE", prove(&third)).expect("proven");
    assert_eq!(script.status().0["generation"], 1);
    assert_eq!(kind(network.script("server1").ask("INIT-STATUS", nothing)), "not-allowed");
}

#[test]
fn a_key_file_that_is_of_no_use_is_refused_by_both_sides() {
    let network = with_key();
    network.write("short.txt", &format!("{}\n", "x".repeat(15)));
    network.write("empty.txt", "");
    for (key, words) in [
        ("short.txt", "the deploy key short.txt has fewer than 16 bytes"),
        ("empty.txt", "the deploy key empty.txt has fewer than 16 bytes"),
        ("missing.txt", "cannot read the deploy key missing.txt: "),
    ] {
        network.initializer(&["apply", "init.yaml", "--deploy-key", key]).ends(1).says(words);
        let arguments = ["--listen", "127.0.0.1:0", "--data", "data-of-nobody", "--deploy-key", key];
        let server = network.server_program(&arguments).ends(1).says(words);
        assert_eq!((&*server.stdout, server.stderr.lines().count()), ("", 1));
    }
    assert!(!network.path().join("data-of-nobody").exists());
    assert_eq!(network.value("server1"), (1, 1));
}

#[test]
fn listening_beyond_loopback_in_plain_tcp_has_to_be_asked_for() {
    let network = Network::of_two_servers();
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let refused = network.server_program(&["--listen", listen, "--data", "data-of-nobody"]).ends(1);
        refused.says(&format!("refusing to listen on {listen} in plain TCP")).says("--insecure");
    }
    assert!(!network.path().join("data-of-nobody").exists());
    let server = ServerProcess::start(&network.data("server1"), &["--listen", "0.0.0.0:0", "--insecure"]);
    assert!(server.address().ip().is_unspecified() && server.address().port() != 0);
    let place = format!("server1=127.0.0.1:{}", server.address().port());
    network
        .initializer(&[
            "plan",
            "init.yaml",
            "--server",
            &place,
            "--server",
            &place.replace("server1", "server2"),
        ])
        .ends(3);
}
