//! Floods of messages in text that ask for nothing.

use serde_json::json;

use crate::harness::{ADD, Framing, Network, Raises, number, peak_memory, request};

#[test]
fn a_flood_of_text_pings_blank_lines_or_unknown_messages_delays_no_other() {
    const MESSAGES: usize = 20_000;
    let network = Network::serving(&[ADD]);
    let server = network.server("server1");
    let add = || request("svc1", "add").arg("int", 2).arg("int", 3).id(1);
    let mut probe = network.peer(Framing::Framed);
    assert_eq!(number(&probe.call(add())), 5);
    let before = peak_memory(server.pid());
    let ping = json!({ "header": "RPC-PING", "value": { "id": 7 } }).to_string();
    let unknown = json!({ "header": "RPC-DANCE", "value": { "id": 7 } }).to_string();
    for (message, ends) in [(ping.as_str(), false), ("", false), (&unknown, true)] {
        let mut flooding = network.peer(Framing::Lines);
        assert_eq!(number(&flooding.call(add())), 5);
        let bytes = flooding.framed(message).repeat(MESSAGES);
        let mut sender = flooding.twin();
        let sending = std::thread::spawn(move || {
            sender.try_send_bytes(&bytes);
        });
        for _ in 0..50 {
            assert_eq!(number(&probe.call(add())), 5);
        }
        if ends {
            let refused = std::iter::from_fn(|| flooding.next()).inspect(|answer| {
                Raises("Malformed Message", "no", &["RPC-DANCE"]).check(answer);
            });
            assert!(refused.count() < 1000, "too many messages were refused");
        } else {
            flooding.reset();
        }
        sending.join().expect("the sender");
    }
    let grown = peak_memory(server.pid()) - before;
    assert!(grown < 16 << 20, "{grown} bytes");
    assert_eq!(number(&probe.call(add())), 5);
}
