//! The form of a log line, as text and as JSON, also if a peer or a procedure puts hostile text
//! into it.

use serde_json::Value;

use super::{FAIL, add};
use crate::harness::{ADD, Framing, Network, Peer, Raises, number, request};

/// Text that tries to begin a log line of its own or to look like a field.
const FORGED: &str = "\n2026-01-01T00:00:00.000000Z INFO main forged\r\u{1b}[1m \"\\";

/// Causes every kind of event that is logged, with hostile names. Returns the log.
fn log_of_all_events(flags: &[&str]) -> Vec<String> {
    let say = "import sys\n\ndef say(text):\n    print(text)\n    sys.stderr.write(text + chr(10))\n    raise ValueError(text)\n";
    let mut network = Network::with_procedures(&[ADD, FAIL, ("say", "str", "", say)]).served(flags);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        assert_eq!(number(&peer.call(add().id(1))), 5);
        peer.call(request("svc1", "fail").arg("int", 0).id(1));
        peer.call(request("svc1", "say").arg("str", FORGED).id(1));
        Raises("Service Not Found", "no", &[]).check(&peer.call(request(FORGED, "add").id(1)));
        Raises("RPC Not Found", "no", &[]).check(&peer.call(request("svc1", FORGED).id(1)));
        Raises("Client Not Registered", "no", &[]).check(&peer.call(add().client(FORGED).id(1)));
        Raises("Malformed Message", "no", &[])
            .check(&peer.call("{\"header\":\"\\n\\u0000\",\"value\":{}}"));
        let mut stranger =
            Peer::connect_from([127, 0, 0, 9], network.server("server1").address(), framing);
        stranger.call(add());
    }
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    network.server("server1").log_to_end()
}

/// Returns whether a text has the form `2026-01-01T00:00:00.000000Z`.
fn is_timestamp(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000000Z"
}

const LEVELS: [&str; 4] = ["ERROR", "WARN", "INFO", "DEBUG"];

#[test]
fn a_text_line_begins_with_time_level_and_thread_and_cannot_be_forged() {
    let log = log_of_all_events(&["--log-level", "debug"]);
    assert!(log.len() > 20);
    for line in &log {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        let time = next();
        let level = next();
        let thread = next();
        let event = next();
        assert!(
            is_timestamp(time)
                && LEVELS.contains(&level)
                && !thread.is_empty()
                && !event.is_empty(),
            "{line:?}"
        );
        assert!(
            !event.starts_with("forged") && !line.contains(['\u{1b}', '\r', '\0']),
            "{line:?}"
        );
    }
}

#[test]
fn a_json_line_is_an_object_with_time_level_thread_and_event() {
    let log = log_of_all_events(&["--log-format", "json", "--log-level", "debug"]);
    let lines: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        let text = |name: &str| {
            line[name]
                .as_str()
                .unwrap_or_else(|| panic!("no {name}: {line}"))
        };
        assert!(
            is_timestamp(text("time")) && LEVELS.contains(&text("level")),
            "{line}"
        );
        assert!(
            !text("thread").is_empty() && !text("event").is_empty() && text("event") != "forged",
            "{line}"
        );
    }
    let find = |event: &str, member: &str, value: Value| {
        let found = lines
            .iter()
            .find(|line| line["event"] == event && line[member] == value);
        found
            .unwrap_or_else(|| panic!("no {event} with {member} = {value}:\n{}", log.join("\n")))
            .clone()
    };
    let call = find("call", "key", "svc1.add(int, int)".into());
    assert!(
        call["micros"].is_u64()
            && call["generation"] == 1
            && call["client"] == "client1"
            && call["outcome"] == "ok"
    );
    assert!(
        find("raised", "kind", "ZeroDivisionError".into())["traceback"]
            .as_str()
            .expect("text")
            .contains('\n')
    );
    find("unauthorized", "client", FORGED.into());
    find("refused", "service", FORGED.into());
    find("refused", "rpc", FORGED.into());
    find("output", "line", FORGED.trim_start().into());
}

#[test]
fn a_log_level_omits_lower_levels_and_a_log_file_gets_the_lines() {
    let network = Network::with_procedures(&[ADD]);
    let path = network.path().join("server.log");
    let file = path.to_str().expect("UTF-8");
    let mut network = network.served(&["--log-level", "warn", "--log-file", file]);
    for _ in 0..2 {
        assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
        Raises("Service Not Found", "no", &[])
            .check(&network.peer(Framing::Lines).call(request("svc9", "x")));
        network.server("server1").signal("TERM");
        assert_eq!(network.server_mut("server1").wait().code(), Some(0));
        network.start("server1", &["--log-level", "warn", "--log-file", file]);
    }
    let log = std::fs::read_to_string(&path).expect("the log");
    assert_eq!(
        log.matches("Service Not Found").count(),
        2,
        "a restarted server appends to the log file:\n{log}"
    );
    assert!(
        log.lines()
            .all(|line| line.contains(" WARN ") || line.contains(" ERROR ")),
        "{log}"
    );
    assert!(
        network.server("server1").log().is_empty(),
        "{:?}",
        network.server("server1").log()
    );
}
