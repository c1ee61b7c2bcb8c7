//! Calls of native procedures in text sessions.

use serde_json::json;

use super::serving;
use crate::harness::{Framing, Raises, number, request, returned};
use rpc_runtime::server::Limits;

#[test]
fn the_text_protocol_reaches_native_handlers() {
    let (server, state) = serving(&Limits::default());
    let call = |rpc: &str, argument: i64| request("svc1", rpc).arg("int", argument).id(1);
    for framing in Framing::BOTH {
        let mut peer = server.peer(framing);
        for _ in 0..40 {
            assert_eq!(number(&peer.call(call("half", 8))), 4);
            assert_eq!(
                returned(&peer.call(request("svc1", "who").id(1))),
                &json!(["client1"])
            );
            let odd = peer.call(call("half", 7));
            Raises("Execution Exception", "yes", &["7 is odd"]).check(&odd);
            assert_eq!(odd["value"]["exception-kind"], "Odd");
            for how in 0..4 {
                let panicked = peer.call(call("panic", how));
                Raises("Execution Exception", "unknown", &["the handler panicked"])
                    .check(&panicked);
                assert_eq!(panicked["value"]["exception-kind"], "panic");
            }
            let wrong = peer.call(request("svc1", "half").arg("int", "x").id(1));
            Raises("Invalid Arguments", "no", &["argument 1"]).check(&wrong);
        }
        assert_eq!(returned(&peer.call(call("zeros", 3))), &json!(["AAAA"]));
        let late = peer.call(call("doze", 400).member("deadline-ms", 50));
        Raises("Deadline Exceeded", "unknown", &[]).check(&late);
        let late = peer.call(call("wait", 1).member("deadline-ms", 50));
        Raises("Deadline Exceeded", "unknown", &[]).check(&late);
        state.gate.add_permits(1);
        assert_eq!(number(&peer.call(call("wait", 5))), 5);
        // A request without an id, which ends its connection.
        assert_eq!(
            number(
                &server
                    .peer(framing)
                    .call(request("svc1", "half").arg("int", 8))
            ),
            4
        );
    }
}
