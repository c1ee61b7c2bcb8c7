//! `--max-frame` also limits answers, so that a peer with the same limit can read every answer.

use super::add;
use crate::harness::{ADD, Framing, Network, Raises, number, request};

const LIMIT: usize = 64 << 10;

#[test]
fn an_answer_over_the_frame_limit_becomes_an_exception_and_the_session_goes_on() {
    let text = "def text(length):\n    return '\\n' * length\n";
    let network = Network::with_procedures(&[ADD, ("text", "int", "str", text)])
        .served(&["--max-frame", "64KiB"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let answer = peer.call(request("svc1", "text").arg("int", 30_000).id(1));
        assert_eq!(
            answer["value"]["return-values"][0].as_str().map(str::len),
            Some(30_000)
        );
        for length in [40_000, 1 << 20] {
            let answer = peer.call(request("svc1", "text").arg("int", length).id(1));
            Raises(
                "Execution Exception",
                "yes",
                &["svc1.text(int)", "limit of 65536 bytes"],
            )
            .check(&answer);
        }
        assert_eq!(number(&peer.call(add().id(2))), 5);
    }
}

#[test]
fn an_exception_with_a_very_long_message_is_shortened() {
    let fail = "def fail():\n    raise ValueError('begin ' + 'x' * (1 << 20))\n";
    let network =
        Network::with_procedures(&[ADD, ("fail", "", "", fail)]).served(&["--max-frame", "64KiB"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let answer = peer.call(request("svc1", "fail").id(1));
        Raises("Execution Exception", "yes", &["begin xxx"]).check(&answer);
        assert!(
            answer.to_string().len() < LIMIT,
            "{} bytes",
            answer.to_string().len()
        );
        assert_eq!(number(&peer.call(add().id(2))), 5);
    }
    let server = network.server("server1");
    server.logged(&["raised", "svc1.fail()"]);
    server.logged(&["call", "svc1.fail()"]);
    assert!(server.log().iter().all(|line| line.len() < LIMIT));
}
