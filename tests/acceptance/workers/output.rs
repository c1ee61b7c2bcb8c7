//! The output of procedures goes to the log, never into the protocol.

use super::add;
use crate::harness::{ADD, Framing, Network, number, request};

#[test]
fn output_goes_to_the_log_with_its_service_and_worker() {
    let cases = [
        ("print('from print', 'ä😀')", "line=\"from print ä😀\""),
        (
            "print('from stderr', file=sys.stderr)",
            "line=\"from stderr\"",
        ),
        (
            "os.write(1, b'from the descriptor\\n')",
            "line=\"from the descriptor\"",
        ),
        ("sys.__stdout__.write('by hand\\n')", "line=\"by hand\""),
        ("print('{\"header\":\"RPC-RES\",\"value\":{}}')", "RPC-RES"),
        ("os.write(2, b'\\xff\\xfe not text\\n')", "not text"),
        ("warnings.warn('be warned')", "be warned"),
    ];
    let owned: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(index, (code, _))| {
            (
                format!("say{index}"),
                format!(
                    "import os, sys, warnings\n\ndef say{index}():\n    {code}\n    return 7\n"
                ),
            )
        })
        .collect();
    let procedures: Vec<_> = owned
        .iter()
        .map(|(name, source)| (name.as_str(), "", "int", source.as_str()))
        .collect();
    let network = Network::serving(&procedures);
    for framing in Framing::BOTH {
        for (index, (_, line)) in cases.iter().enumerate() {
            let mut peer = network.peer(framing);
            assert_eq!(
                number(&peer.call(request("svc1", &format!("say{index}")))),
                7
            );
            peer.expect_end();
            network
                .server("server1")
                .logged(&["INFO", "output", "service=svc1", "pid=", line]);
        }
    }
}

#[test]
fn an_unfinished_line_is_logged_too() {
    let say = "def say():\n    print('without an end', end='')\n    return 7\n";
    let network = Network::serving(&[("say", "", "int", say)]);
    assert_eq!(
        number(&network.peer(Framing::Lines).call(request("svc1", "say"))),
        7
    );
    network
        .server("server1")
        .logged(&["output", "line=\"without an end\""]);
}

#[test]
fn a_huge_output_is_logged_in_pieces_and_the_call_is_answered() {
    let print = "def print_much():\n    print('x' * 500_000 + ' END')\n    \
                 for i in range(10_000):\n        print('line', i)\n    return 7\n";
    let network = Network::serving(&[ADD, ("print_much", "", "int", print)]);
    let server = network.server("server1");
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        assert_eq!(number(&peer.call(request("svc1", "print_much").id(1))), 7);
        assert_eq!(number(&peer.call(add().id(2))), 5);
    }
    server.logged(&["output", "xxx END"]);
    // Beyond the rate, the lines of a worker are counted. The count is logged with the worker's
    // next line, or at its end.
    network.server("server1").signal("TERM");
    server.logged(&["suppressed", "lines=", "service=svc1"]);
    let longest = server
        .log()
        .iter()
        .map(String::len)
        .max()
        .unwrap_or_default();
    assert!((8 * 1024..10 * 1024).contains(&longest), "{longest}");
}
