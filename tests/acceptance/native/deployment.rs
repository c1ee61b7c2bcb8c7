//! Who may call native procedures, and which procedures may be deployed as native.

use std::sync::atomic::Ordering;

use rpc_runtime::NativeService;
use rpc_runtime::server::{Limits, Server, ServerOptions};
use serde_json::json;

use super::{HALF_SLOT, INIT, assert_half, bind_all, bound, serving};
use crate::harness::{BinaryPeer, Frames, Framing, Peer, Raises, request};

const STRANGER: Raises<'static> = Raises(
    "Client Not Registered",
    "no",
    &["no access to service `svc1`"],
);

#[test]
fn only_tenants_call_native_procedures() {
    let (server, state) = serving(&Limits::default());
    for from in [[127, 0, 0, 2], [127, 0, 0, 9]] {
        let mut peer = BinaryPeer::connect_without_hello(from, server.address());
        peer.greet(&wire::binary::Hello {
            name: "",
            ..crate::harness::HELLO
        });
        peer.send(bind_all().call(1, HALF_SLOT, (8_i64,)));
        STRANGER.check_exception(&peer.raised().1);
        let mut peer = Peer::connect_from(from, server.address(), Framing::Lines);
        STRANGER.check(&peer.call(request("svc1", "half").arg("int", 8)));
    }
    assert_eq!(state.halved.load(Ordering::SeqCst), 0);
    assert_half(&mut bound(&server), 1);
}

#[test]
fn a_tenant_that_is_removed_while_it_is_connected_is_refused_from_its_next_call_on() {
    let (server, state) = serving(&Limits::default());
    let mut peer = bound(&server);
    for call in 1..=40 {
        assert_half(&mut peer, call);
    }
    server.project().write(
        "init.yaml",
        &INIT.replace("tenants: [client1]", "tenants: [client2]"),
    );
    server.apply().succeeds();
    let before = state.halved.load(Ordering::SeqCst);
    peer.send(Frames::new().call(100, HALF_SLOT, (8_i64,)));
    Raises(
        "Client Not Registered",
        "no",
        &["`client1` is not a tenant"],
    )
    .check_exception(&peer.raised().1);
    assert_eq!(state.halved.load(Ordering::SeqCst), before);
}

#[test]
fn a_native_signature_without_a_handler_is_refused_with_the_signatures_that_have_one() {
    let (server, _) = serving(&Limits::default());
    let apply_changed = |old: &str, new: &str| {
        let init = INIT.replace(old, new);
        assert_ne!(init, INIT);
        server.project().write("init.yaml", &init);
        server.apply().ends(1)
    };
    let half = "{ name: half, arguments: [int], returns: int, native: true }";
    let no_handler =
        |key: &str| format!("`{key}` is native, and this server's binary has no handler for it");
    apply_changed(
        half,
        "{ name: half, arguments: [float], returns: int, native: true }",
    )
    .says(&(no_handler("svc1.half(float)") + "; it has (int) -> (int)"));
    apply_changed(
        half,
        "{ name: half, arguments: [int], returns: str, native: true }",
    )
    .says(&(no_handler("svc1.half(int)") + "; it has (int) -> (int)"));
    apply_changed(
        half,
        "{ name: third, arguments: [int], returns: int, native: true }",
    )
    .says(&(no_handler("svc1.third(int)") + "; its native services are `svc1`"));
    apply_changed("  svc1:", "  svc2:")
        .says(&(no_handler("svc2.half(int)") + "; its native services are `svc1`"));
    assert_half(&mut bound(&server), 1);
    server.project().write("init.yaml", INIT);
    server.apply().succeeds().says("nothing to do");
}

#[test]
fn a_native_service_that_the_file_lacks_is_named_by_plan_apply_and_status() {
    let (server, _) = serving(&Limits::default());
    let write = |init: &str| server.project().write("init.yaml", init);
    let has = "! server1 has a native service `svc1`";
    let run = |verb: &str| server.initializer(&[verb, "init.yaml"]);
    run("plan").ends(0).never_says(has);
    run("status").ends(0).never_says(has);

    write(&INIT.replace("  svc1:", "  scv1:"));
    let mistyped = format!("{has} that the file does not name (did you mean `scv1`?)");
    run("plan").ends(3).says(&mistyped);
    run("status").ends(3).says(&mistyped);

    let network = INIT.split_inclusive('\n').take(3).collect::<String>();
    let two = network.replace(
        "server1: {",
        "server2: { ip: 127.0.0.1, port: 2 }, server1: {",
    );
    let services = &INIT[network.len()..];
    write(&format!("{two}{services}").replace("provider: server1", "provider: server2"));
    let only = ["plan", "init.yaml", "--only", "server1"];
    let elsewhere = format!("{has}, but the file gives `svc1` to server2");
    server.initializer(&only).ends(3).says(&elsewhere);

    write(&network);
    server.apply().succeeds().says(has);
    server.apply().succeeds().says(has).says("nothing to do");
    run("status").ends(0).says(has);
    let status = server.initializer(&["status", "init.yaml", "--json"]);
    let note = "server1 has a native service `svc1` that the file does not name";
    assert_eq!(status.json_lines()[0]["notes"], json!([note]));
}

#[test]
fn a_native_service_that_is_registered_twice_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = ([127, 0, 0, 1], 0).into();
    let options = ServerOptions::new(listen, folder.path())
        .native(NativeService::new("svc1"))
        .native(NativeService::new("svc2"))
        .native(NativeService::new("svc1"));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let started = runtime.expect("a runtime").block_on(Server::start(options));
    let error = started.expect_err("a service is there twice");
    assert_eq!(
        error.to_string(),
        "the native service `svc1` is registered twice; give the server one handler for it"
    );
}
