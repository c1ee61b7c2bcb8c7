//! `docs/PROTOCOL.md`: the demo network answers every request as the page shows.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use deploy::manifest::Manifest;
use deploy::message::DeployRequest;
use serde_json::Value;
use wire::message::Message;

use crate::fence::{Fence, fences, first_and_next};
use crate::harness::{Framing, Network, Peer, begin, finish, python};

const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// Starts the network of the repository's `init.yaml` and applies it, with its code.
pub fn demo_network() -> Network {
    let mut network = Network::new(include_str!("../../init.yaml"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for service in root
        .join("services")
        .read_dir()
        .expect("the services")
        .flatten()
    {
        for source in service.path().read_dir().expect("its sources").flatten() {
            let path = source.path();
            if path.extension().is_some_and(|extension| extension == "py") {
                let name = path
                    .strip_prefix(root)
                    .expect("a file of the project")
                    .to_str()
                    .expect("UTF-8");
                network.write(name, &std::fs::read_to_string(&path).expect("a source"));
            }
        }
    }
    network.start("server1", &[]);
    network.start("server2", &[]);
    network.apply().succeeds();
    network
}

#[test]
fn the_nc_call_is_answered_as_shown() {
    let fences = fences(PROTOCOL);
    let shown = fences
        .iter()
        .position(|fence| fence.text.starts_with("nc -N"))
        .expect("a call by nc");
    let input = fences[shown]
        .text
        .split_once("<<'END'\n")
        .expect("its input")
        .1;
    let input = input.strip_suffix("END\n").expect("its end");
    let network = demo_network();
    let mut peer = network.peer(Framing::Lines);
    peer.send_bytes(input.as_bytes());
    peer.half_close();
    assert_eq!(
        String::from_utf8(peer.read_to_end()).expect("UTF-8"),
        fences[shown + 1].text
    );
}

#[test]
fn the_python_client_prints_what_is_shown() {
    let fences = fences(PROTOCOL);
    let (client, output) = first_and_next(&fences, "python");
    let network = demo_network();
    let port = network.server("server1").address().port().to_string();
    let mut command = Command::new(python());
    command.args(["-c", &client.text.replace("7101", &port)]);
    let finished = finish(begin(command)).succeeds();
    assert_eq!(finished.stdout, output.text);
}

#[test]
fn every_request_is_answered_as_shown() {
    let fences = fences(PROTOCOL);
    let network = demo_network();
    let requests = fences
        .windows(2)
        .filter(|pair| pair[0].words.first() == Some(&"request"));
    let mut count = 0;
    for pair in requests {
        assert_eq!(pair[1].words, ["answer"], "PROTOCOL.md:{}", pair[1].line);
        let answer = ask(&network, &pair[0]);
        assert_eq!(
            answer,
            parse(&pair[1]),
            "PROTOCOL.md:{}: the answer is\n{answer}",
            pair[1].line
        );
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

/// Sends a block `request [server2] [from IP]` over its own connection. Returns the answer.
fn ask(network: &Network, request: &Fence<'_>) -> Value {
    let server = if request.words.contains(&"server2") {
        "server2"
    } else {
        "server1"
    };
    let from = request
        .words
        .iter()
        .position(|word| *word == "from")
        .map(|place| request.words[place + 1]);
    let from: Ipv4Addr = from.unwrap_or("127.0.0.1").parse().expect("an address");
    let mut peer = Peer::connect_from(
        from.octets(),
        network.server(server).address(),
        Framing::Lines,
    );
    let is_json = request.language == "json";
    peer.call(if is_json {
        parse(request).to_string()
    } else {
        request.text.trim_end().to_owned()
    })
}

#[track_caller]
fn parse(fence: &Fence<'_>) -> Value {
    serde_json::from_str(&fence.text)
        .unwrap_or_else(|error| panic!("PROTOCOL.md:{}: {error}", fence.line))
}

#[test]
fn every_other_example_is_a_valid_message_or_manifest() {
    let fences = fences(PROTOCOL);
    let others = fences
        .iter()
        .filter(|fence| fence.language == "json" && fence.words.is_empty());
    let mut manifests = 0;
    for fence in others {
        if parse(fence).get("header").is_some() {
            Message::parse(fence.text.as_bytes()).expect("a message");
        } else {
            let manifest: Manifest = serde_json::from_str(&fence.text).expect("a manifest");
            assert_eq!(manifest.validate(), Ok(()));
            manifests += 1;
        }
    }
    assert_eq!(manifests, 1);
}

#[test]
fn every_deployment_message_has_a_row_in_the_table() {
    let unknown = serde_json::from_str::<DeployRequest>(r#"{"header":"INIT-","value":{}}"#);
    let known = unknown.expect_err("an unknown header").to_string();
    let headers: Vec<_> = known
        .split('`')
        .filter(|word| word.len() > 5 && word.starts_with("INIT-"))
        .collect();
    assert!(headers.len() > 5, "{known}");
    for header in headers {
        assert!(
            PROTOCOL.contains(&format!("\n| `{header}` |")),
            "no row for {header}"
        );
    }
}
