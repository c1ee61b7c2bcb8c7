//! Plays the dialogues of `docs/protocol-vectors.json` to a real server, and runs the client in
//! Python.

use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::Value;
use wire::binary;

use crate::fence::fences;
use crate::harness::{Framing, Network, Peer, begin, finish, python};
use crate::protocol::demo_network;
use crate::vectors::{VECTORS, bytes, describe, entries};

const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");
const CLIENT: &str = include_str!("../../docs/binary_client.py");

#[test]
fn every_dialogue_goes_as_recorded() {
    let network = demo_network();
    let dialogues = entries(&VECTORS["dialogues"]);
    assert!(dialogues.len() >= 10);
    for dialogue in dialogues {
        play(&network, dialogue);
    }
}

/// Sends the client's bytes, and compares what the server sends with the recorded bytes.
fn play(network: &Network, dialogue: &Value) {
    let from: Ipv4Addr = dialogue["from"]
        .as_str()
        .unwrap_or("127.0.0.1")
        .parse()
        .expect("an address");
    let mut peer = Peer::connect_from(
        from.octets(),
        network.server("server1").address(),
        Framing::Framed,
    );
    let mut unsent = Vec::new();
    for (index, step) in entries(&dialogue["steps"]).iter().enumerate() {
        let context = || format!("{}, step {index}: {step}", dialogue["name"]);
        match (step["by"].as_str(), step.get("end")) {
            (Some("client"), None) => unsent.extend(bytes(step)),
            (Some("client"), Some(_)) => {
                peer.send_bytes(&std::mem::take(&mut unsent));
                peer.half_close();
            }
            (Some("server"), end) => {
                peer.send_bytes(&std::mem::take(&mut unsent));
                let received = peer.next_bytes();
                let expected = end.is_none().then(|| bytes(step).split_off(4));
                let shown = received.as_deref().map(show);
                assert_eq!(received, expected, "{}\nreceived: {shown:?}", context());
            }
            _ => panic!("neither the client nor the server sends it: {}", context()),
        }
    }
}

/// Returns a frame as hex, and also as JSON if its values need no types.
fn show(payload: &[u8]) -> String {
    let hex = hex::encode(payload);
    match binary::parse(payload) {
        Ok((frame, [])) => format!("{} {hex}", describe(&frame, &[], &[])),
        _ => hex,
    }
}

#[test]
fn the_binary_client_prints_what_is_shown() {
    assert!(
        CLIENT.lines().count() <= 60,
        "the client is short enough to be read at once"
    );
    let fences = fences(PROTOCOL);
    let shown = fences
        .iter()
        .position(|fence| fence.text.contains("binary_client.py"))
        .expect("a command that runs the client");
    let network = demo_network();
    let port = network.server("server1").address().port().to_string();
    let mut command = Command::new(python());
    command.args(["-c", &CLIENT.replace("7101", &port)]);
    assert_eq!(
        finish(begin(command)).succeeds().stdout,
        fences[shown + 1].text
    );
}
