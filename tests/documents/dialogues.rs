//! The dialogues of `docs/protocol-vectors.json`, played to a real server; and the client in
//! Python.

use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::Value;
use wire::binary;

use crate::fence::fences;
use crate::harness::{Framing, Network, Peer, begin, finish, python};
use crate::protocol::demo_network;
use crate::vectors::{VECTORS, bytes, describe, entries, to_hex};

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

/// Says what the client says, and hears the server say the rest.
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
    let mut said = Vec::new();
    for (place, step) in entries(&dialogue["steps"]).iter().enumerate() {
        let context = || format!("{}, step {place}: {step}", dialogue["name"]);
        match (step["by"].as_str(), step.get("end")) {
            (Some("client"), None) => said.extend(bytes(step)),
            (Some("client"), Some(_)) => {
                peer.send_bytes(&std::mem::take(&mut said));
                peer.half_close();
            }
            (Some("server"), end) => {
                peer.send_bytes(&std::mem::take(&mut said));
                let heard = peer.next_bytes();
                let expected = end.is_none().then(|| bytes(step).split_off(4));
                let shown = heard.as_deref().map(show);
                assert_eq!(heard, expected, "{}\nheard: {shown:?}", context());
            }
            _ => panic!("nobody says it: {}", context()),
        }
    }
}

/// A frame in words, where its values need no types, and as hex.
fn show(payload: &[u8]) -> String {
    let hex = to_hex(payload);
    match binary::parse(payload) {
        Ok((frame, [])) => format!("{} {hex}", describe(&frame, &[], &[])),
        _ => hex,
    }
}

#[test]
fn the_binary_client_prints_what_is_shown() {
    assert!(CLIENT.lines().count() <= 60, "it is to be read in one go");
    let fences = fences(PROTOCOL);
    let shown = fences
        .iter()
        .position(|fence| fence.text.contains("binary_client.py"))
        .expect("its call");
    let network = demo_network();
    let port = network.server("server1").address().port().to_string();
    let mut command = Command::new(python());
    command.args(["-c", &CLIENT.replace("7101", &port)]);
    assert_eq!(
        finish(begin(command)).succeeds().stdout,
        fences[shown + 1].text
    );
}
