//! Deadlines of callers, dropped calls, and processes that are stopped.

use std::process::Command;
use std::time::{Duration, Instant};

use rpc_runtime::private::{AsyncTransport as _, Procedure};
use rpc_runtime::{Error, ErrorKind};
use wire::exception::{ExceptionType, Executed};

use super::{ADD_PROCEDURE, Stub, network};
use crate::harness::{
    ClientFrame, Frames, Gate, Network, PATIENCE, begin, continue_process, finish, scripted,
    stop_process,
};

static SIZE: Procedure = Procedure::new("svc1", "size", &["bytes"], &["int"]);
static WAIT: Procedure = Procedure::new("svc1", "wait", &["int"], &["int"]);

const SHORT: Duration = Duration::from_millis(200);

/// Returns both clients with a short deadline.
fn impatient(address: std::net::SocketAddr) -> [Stub; 2] {
    [
        Stub::blocking(address, SHORT),
        Stub::asynchronous(address, SHORT),
    ]
}

#[track_caller]
fn assert_expired(error: &Error, executed: Executed) {
    let expired = ErrorKind::Exception(ExceptionType::DeadlineExceeded);
    assert_eq!(
        (error.kind(), error.executed()),
        (expired, executed),
        "{error}"
    );
}

#[test]
fn a_call_to_a_silent_server_is_cancelled_at_its_deadline_and_its_late_answer_is_ignored() {
    for client in 0..2 {
        let (address, server_thread) = scripted(1, |_, server| {
            let call = server.greet();
            assert_eq!(server.next(), Some(ClientFrame::Cancel(call)));
            let next = server.next_call();
            server.send(Frames::new().result(call, 77_i64).result(next, 5_i64));
            server.expect_end();
        });
        let [blocking, asynchronous] = impatient(address);
        let stub = if client == 0 { blocking } else { asynchronous };
        let begin = Instant::now();
        assert_expired(&stub.add(2, 3).expect_err("silence"), Executed::Unknown);
        assert!(begin.elapsed() < SHORT * 10);
        assert_eq!(stub.add(2, 3).expect("the answer to the second call"), 5);
        drop(stub);
        server_thread.join().expect("one connection");
    }
}

/// The port accepts connections and sends nothing.
#[test]
fn a_call_to_a_silent_port_fails_after_five_seconds() {
    let waiting: Vec<_> = (0..2)
        .map(|client| {
            std::thread::spawn(move || {
                let (address, server_thread) = scripted(1, |_, server| server.expect_end());
                let begin = Instant::now();
                let stubs = Stub::both(address);
                let error = stubs[client].add(2, 3).expect_err("silence");
                drop(stubs);
                assert!(begin.elapsed() < PATIENCE, "long before the deadline");
                assert_eq!(
                    error.kind(),
                    ErrorKind::Exception(ExceptionType::Unavailable),
                    "{error}"
                );
                assert_eq!(
                    error.executed(),
                    Executed::Unknown,
                    "the request was sent with the HELLO"
                );
                assert!(
                    error
                        .to_string()
                        .contains("said nothing within 5s: it is not an rpc-server"),
                    "{error}"
                );
                server_thread.join().expect("one connection");
            })
        })
        .collect();
    for client in waiting {
        client.join().expect("an error");
    }
}

#[test]
fn a_server_that_never_reads_blocks_no_call_beyond_its_deadline() {
    for client in 0..2 {
        let (call_failed, end) = std::sync::mpsc::channel::<()>();
        let end = std::sync::Mutex::new(end);
        let (address, server_thread) = scripted(1, move |_, _| {
            let _ = end.lock().expect("the channel").recv_timeout(PATIENCE);
        });
        let stub = &impatient(address)[client];
        let begin = Instant::now();
        let error = stub
            .call::<_, i64>(&SIZE, (vec![7_u8; 32 << 20],))
            .expect_err("it does not read");
        assert!(begin.elapsed() < SHORT * 20, "{:?}", begin.elapsed());
        assert_eq!(
            error.kind(),
            ErrorKind::Exception(ExceptionType::DeadlineExceeded),
            "{error}"
        );
        assert_ne!(error.executed(), Executed::Yes);
        drop(call_failed);
        server_thread.join().expect("one connection");
    }
}

#[test]
fn a_dropped_call_is_cancelled_at_the_server() {
    let (arrive, mut arrival) = tokio::sync::mpsc::unbounded_channel();
    let (address, server_thread) = scripted(1, move |_, server| {
        let call = server.greet();
        arrive.send(()).expect("a test that waits");
        assert_eq!(server.next(), Some(ClientFrame::Cancel(call)));
        let next = server.next_call();
        server.send(Frames::new().result(next, 5_i64));
        server.expect_end();
    });
    let network = network(address, PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let dropped = network.carry_async::<_, i64>(&ADD_PROCEDURE, (2_i64, 3_i64));
        tokio::select! {
            answer = dropped => panic!("an answer from a silent server: {answer:?}"),
            arrived = arrival.recv() => arrived.expect("a call that arrives"),
        }
        let next = network
            .carry_async::<_, i64>(&ADD_PROCEDURE, (2_i64, 3_i64))
            .await;
        assert_eq!(next.expect("an answer"), 5);
    });
    drop((network, runtime));
    server_thread.join().expect("one connection");
}

#[test]
fn a_call_that_is_dropped_before_its_first_poll_is_not_sent() {
    let (address, server_thread) = scripted(1, |_, server| {
        let call = server.greet();
        server.send(Frames::new().result(call, 5_i64));
        assert_eq!(server.next(), None);
    });
    let network = network(address, PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        drop(network.carry_async::<_, i64>(&ADD_PROCEDURE, (1_i64, 1_i64)));
        assert_eq!(
            network
                .carry_async::<_, i64>(&ADD_PROCEDURE, (2_i64, 3_i64))
                .await
                .expect("an answer"),
            5
        );
    });
    drop((network, runtime));
    server_thread.join().expect("one connection");
}

/// The environment variable with the server's address for the child process of
/// [`a_process_that_is_stopped_and_continued_loses_no_call`].
const SERVER_ADDRESS: &str = "STOPPED_CLIENT_CALLS";

#[test]
fn a_process_that_is_stopped_and_continued_loses_no_call() {
    if let Ok(address) = std::env::var(SERVER_ADDRESS) {
        let stubs = Stub::both(address.parse().expect("an address"));
        for stub in &stubs {
            assert_eq!(stub.call::<_, i64>(&WAIT, (7_i64,)).expect("an answer"), 7);
        }
        return;
    }
    let gate = Gate::new();
    let wait = gate.source("wait");
    let server = Network::serving(&[("wait", "int", "int", &wait)]);
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([
        "--exact",
        "stubs::time::a_process_that_is_stopped_and_continued_loses_no_call",
    ]);
    command.env(
        SERVER_ADDRESS,
        server.server("server1").address().to_string(),
    );
    let calling = begin(command);
    for _ in 0..2 {
        let visitor = gate.enter();
        stop_process(calling.id());
        continue_process(calling.id());
        visitor.release();
    }
    finish(calling).succeeds();
}
