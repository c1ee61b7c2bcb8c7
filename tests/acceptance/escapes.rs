//! Text from a peer or a procedure is limited in length, and escaped wherever people read it.

use serde_json::json;

use crate::harness::{Frames, Framing, Network, Peer, Script, request};

/// Text that clears the screen, sets a colour, reverses the direction and begins a line of its own.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\nerror: fake";

/// [`HOSTILE`] in its escaped form.
const SHOWN: &str = r"\u001b[2J\u009b31m\u202e\u2028\nerror: fake";

/// Returns whether a text has characters that a terminal or an editor would interpret.
fn has_hidden(text: &str) -> bool {
    text.chars().any(|letter| {
        (letter.is_control() && letter != '\n')
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}')
    })
}

fn python_text(text: &str) -> String {
    json!(text).to_string()
}

fn serving() -> Network {
    let raises = format!(
        "def raises():\n    raise type({kind}, (Exception,), {{}})({text})\n",
        kind = python_text("Kind\u{1b}[31m"),
        text = python_text(HOSTILE)
    );
    let says = format!(
        "def says():\n    print({text})\n    return {text}\n",
        text = python_text(HOSTILE)
    );
    let raises_much = "def raises_much():\n    raise type('K' * 30_000_000, (Exception,), {})('m' * 30_000_000)\n";
    let procedures = [
        ("raises", "", "", &*raises),
        ("says", "", "str", &says),
        ("raises_much", "", "", raises_much),
    ];
    Network::serving(&procedures)
}

#[test]
fn text_from_a_procedure_is_escaped_by_rpc_client_and_in_the_log() {
    let network = serving();
    let call = |procedure: &str, flags: &[&str]| {
        network.client(
            &[
                &["--as", "client1", "call", procedure, "--server", "server1"],
                flags,
            ]
            .concat(),
        )
    };
    let raised = call("svc1.raises", &[])
        .ends(1)
        .says(SHOWN)
        .says(r"(Kind\u001b[31m)");
    let said = call("svc1.says", &[]).succeeds().says(SHOWN);
    let lines = [
        call("svc1.raises", &["--json"]).ends(1),
        call("svc1.says", &["--json"]).succeeds(),
    ];
    assert_eq!(
        lines[0].json_lines()[0]["error"],
        HOSTILE,
        "the decoded JSON is the original text"
    );
    assert_eq!(
        lines[1].json_lines()[0]["return-values"][0],
        HOSTILE,
        "the decoded JSON is the original text"
    );
    for finished in lines.iter().chain([&raised, &said]) {
        assert!(
            !has_hidden(&finished.stdout) && !has_hidden(&finished.stderr),
            "{finished:?}"
        );
    }
    let server = network.server("server1");
    server.logged(&["raised", r"\u001b[2J\u009b31m\u202e\u2028"]);
    server.logged(&["output", r"\u001b[2J\u009b31m\u202e\u2028"]);
    let log = server.log().join("\n");
    assert!(!has_hidden(&log), "{log:?}");
}

#[test]
fn text_from_a_stranger_is_escaped_in_both_forms_of_the_log() {
    for format in ["text", "json"] {
        let network = Network::with_procedures(&[]).served(&["--log-format", format]);
        let server = network.server("server1");
        let mut stranger = Peer::connect_from([127, 0, 0, 77], server.address(), Framing::Framed);
        stranger.call(request(HOSTILE, "x").id(1));
        stranger.call(request("svc1", HOSTILE).client(HOSTILE).id(2));
        server.logged(&["refused", r"\u009b31m\u202e"]);
        assert!(!has_hidden(&server.log().join("\n")), "{:?}", server.log());
    }
}

#[test]
fn the_origin_of_an_apply_is_escaped_by_status_and_history() {
    let network = serving();
    let mut script = network.script("server1");
    let (live, manifest) = script.status();
    let txn = "0123456789abcdef";
    let begin = json!({
        "txn": txn, "origin": { "at": 1, "by": HOSTILE, "note": HOSTILE }, "lease-ms": 60_000, "expected": live,
        "manifest": manifest,
    });
    let token = script.ask("INIT-BEGIN", begin).expect("begun")["token"].clone();
    let under_way = network
        .initializer(&["status", "init.yaml"])
        .ends(0)
        .says(SHOWN);
    let busy = network.write("p0.py", "def raises():\n    return None\n");
    assert!(busy.exists());
    let refused = network.apply().ends(1).says(SHOWN);
    for header in ["INIT-PREPARE", "INIT-COMMIT"] {
        script
            .ask(header, json!({ "txn": txn, "token": token }))
            .expect(header);
    }
    let mut shown = vec![under_way, refused];
    for arguments in [&["status", "init.yaml"][..], &["history", "init.yaml"]] {
        shown.push(network.initializer(arguments).says(SHOWN));
        shown.push(network.initializer(&[arguments, &["--json"]].concat()));
    }
    for finished in shown {
        assert!(
            !has_hidden(&finished.stdout) && !has_hidden(&finished.stderr),
            "{finished:?}"
        );
    }
    assert!(!has_hidden(&network.server("server1").log().join("\n")));
}

#[test]
fn the_kind_and_the_message_of_an_exception_are_limited_in_length() {
    let network = serving();
    let answer = network
        .peer(Framing::Framed)
        .call(request("svc1", "raises_much").id(1));
    let length = |member: &str| answer["value"][member].as_str().expect("a text").len();
    assert_eq!(
        [length("exception-kind"), length("exception-message")],
        [200, 8000]
    );
    let mut binary = network.binary();
    binary.send(Frames::new().bind(0, "raises_much", &[]).call(1, 0, ()));
    let (_, exception) = binary.raised();
    assert_eq!(
        (
            exception.raised_kind.map(|kind| kind.len()),
            exception.message.len()
        ),
        (Some(200), 8000)
    );
    let line = network
        .server("server1")
        .logged(&["raised", "svc1.raises_much()"]);
    assert!(line.len() < 20_000, "{} bytes", line.len());
}

#[test]
fn the_valid_signatures_are_limited_in_length() {
    let long = format!("Tuple[{}]", ["List[Dict[str, List[int]]]"; 12].join(", "));
    let mut init = String::from(
        "network:\n  servers:\n    server1: { ip: 127.0.0.1, port: 1 }\n  clients:\n    client1: { ip: 127.0.0.1 }\n\
         services:\n  svc1:\n    provider: server1\n    tenants: [client1]\n    rpcs:\n",
    );
    for count in 1..60 {
        let types = vec![format!("\"{long}\""); count].join(", ");
        init += &[
            "      - { name: many, arguments: [",
            &types,
            &format!("], path: p{count}.py }}\n"),
        ]
        .concat();
    }
    let mut network = Network::new(&init);
    for count in 1..60 {
        network.write(
            &format!("p{count}.py"),
            "def many(*all):\n    return None\n",
        );
    }
    network.start("server1", &[]);
    network.apply_unchecked().succeeds();
    let answer = network
        .peer(Framing::Framed)
        .call(request("svc1", "many").arg("int", 1).id(1));
    let text = answer.to_string();
    assert_eq!(answer["value"]["exception-type"], "Invalid Arguments");
    assert!(
        !answer["value"]["valid-signatures"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
}

#[test]
fn a_peer_without_a_proof_may_send_only_short_deployment_messages() {
    let network = serving();
    let mut stranger = Script::stranger(network.server("server1").address());
    let mut ask = |bytes: usize| {
        let value = |digits: usize| format!("{{\"id\":1,\"nonce\":\"{}\"}}", "a".repeat(digits));
        let value = value(bytes - value(0).len());
        let challenge = format!("{{\"header\":\"INIT-CHALLENGE\",\"value\":{value}}}");
        let answer = stranger.ask_text(&challenge);
        answer["value"]["message"].as_str().map(str::to_owned)
    };
    let nonce = "`nonce` must be 32 hexadecimal digits in lower case";
    assert_eq!(ask(4096).as_deref(), Some(nonce));
    let refused = "`INIT-CHALLENGE` has at most 4096 bytes";
    assert_eq!(ask(4097).as_deref(), Some(refused));
}
