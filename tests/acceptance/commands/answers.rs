//! `rpc-client call` and answers that cannot be used, and Ctrl-C while there is no answer.

use std::process::Child;
use std::thread::JoinHandle;

use crate::harness::{Finished, Network, ScriptedServer, begin, finish, scripted, send_signal};

const INIT: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    client1: { ip: 127.0.0.1 }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: ping, returns: bool, path: ping.py }
";

/// Answers the client's RPC-PING, and waits for its request.
fn receive_request(server: &mut ScriptedServer) {
    server.next_bytes().expect("a ping");
    server.send_text(r#"{"header":"RPC-PONG","value":{"id":0}}"#);
    server.next_bytes().expect("a request");
}

/// Begins `rpc-client call svc1.ping` with further arguments, at a server that plays `script` when
/// it has the request. Returns the program and the thread of the server.
fn begin_call(
    network: &Network,
    arguments: &[&str],
    script: impl Fn(&mut ScriptedServer) + Send + 'static,
) -> (Child, JoinHandle<()>) {
    let (address, server_thread) = scripted(1, move |_, server| {
        receive_request(server);
        script(server);
    });
    let arguments = [&["call", "svc1.ping"], arguments].concat();
    let mut command = network.command(env!("CARGO_BIN_EXE_rpc-client"), &arguments);
    command.env("RPC_SERVER_SERVER1", address.to_string());
    (begin(command), server_thread)
}

/// Calls a server that answers with this text.
fn answered(text: &'static str) -> Finished {
    let network = Network::new(INIT);
    let (program, server_thread) = begin_call(&network, &[], move |server| {
        server.send_text(text);
        server.expect_end();
    });
    let finished = finish(program);
    server_thread.join().expect("the script");
    finished
}

#[test]
fn an_answer_that_cannot_be_used_is_never_taken_for_success() {
    for (answer, executed, words) in [
        (
            r#"{"header":"RPC-RES","value":{"id":null,"return-values":[true],"generation":1,"source":""}}"#,
            "unknown",
            r#"the server answered without the `id` of a call; it sent {"header":"RPC-RES","value":{"id":null"#,
        ),
        (
            r#"{"header":"RPC-RES","value":{"return-values":[true],"generation":1,"source":""}}"#,
            "unknown",
            "the server answered without the `id` of a call",
        ),
        (
            r#"{"header":"RPC-RES","value":{"id":"1","return-values":[true],"generation":1,"source":""}}"#,
            "unknown",
            "the server answered a call `\"1\"`",
        ),
        (
            r#"{"header":"RPC-RES","value":{"id":7,"return-values":[true],"generation":1,"source":""}}"#,
            "unknown",
            "the server answered another call",
        ),
        (
            r#"{"header":"RPC-\u001b[31mX","value":{"id":1}}"#,
            "unknown",
            r"the server sent `RPC-\u001b[31mX` instead of an answer",
        ),
        ("hello \u{1b}[2J", "unknown", r"it sent hello \u001b[2J"),
        (
            "{\"header\":\"RPC-RES\",\"value\":{\"id\":1,\"return-values\":[\"\u{9b}2J\"],\"generation\":1,\"source\":\"\"}}",
            "yes",
            r#"`svc1.ping` returned what the file does not declare: value 1 is "\u009b2J": invalid type: string"#,
        ),
        (
            r#"{"header":"RPC-RES","value":{"id":1,"return-values":[],"generation":1,"source":""}}"#,
            "yes",
            "`svc1.ping` returned what the file does not declare: values: 0, declared: (bool)",
        ),
        (
            r#"{"header":"RPC-EX","value":{"id":null,"exception-type":"Malformed Message","exception-message":"no\u001b[2J","executed":"no"}}"#,
            "no",
            r"error: Malformed Message: no\u001b[2J",
        ),
        (
            r#"{"header":"RPC-EX","value":{"id":1,"exception-type":"Execution Exception","exception-message":"\u001b[31m\u009b2J","executed":"yes","exception-kind":"\u001b]0;x"}}"#,
            "yes",
            r"error: Execution Exception: \u001b[31m\u009b2J (\u001b]0;x)",
        ),
    ] {
        let finished = answered(answer).ends(1).says(words);
        let finished = finished.says(&format!("executed: {executed}\n"));
        assert_eq!(finished.stdout, "");
        let is_raw = |letter: char| letter.is_control() && letter != '\n';
        assert!(!finished.stderr.contains(is_raw), "{finished:?}");
    }
}

#[test]
fn a_call_that_gets_no_answer_ends_at_its_deadline() {
    let network = Network::new(INIT);
    let deadline = ["--deadline", "200ms"];
    let (program, server_thread) = begin_call(&network, &deadline, ScriptedServer::expect_end);
    finish(program).ends(1).says("error: Deadline Exceeded: ");
    server_thread.join().expect("the script");
}

#[test]
fn ctrl_c_gives_up_a_call_and_says_so() {
    let (has_request, request) = std::sync::mpsc::channel();
    let network = Network::new(INIT);
    let (program, server_thread) = begin_call(&network, &[], move |server| {
        has_request.send(()).expect("the test waits");
        server.expect_end();
    });
    request.recv().expect("a request");
    send_signal(program.id(), "INT");
    let finished = finish(program).ends(130);
    assert_eq!(
        finished.stderr,
        "error: Cancelled: interrupted; the connection was closed, and the answer is given up\nexecuted: unknown\n"
    );
    server_thread.join().expect("the script");
}
