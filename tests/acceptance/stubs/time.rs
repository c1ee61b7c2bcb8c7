//! Deadlines of callers, calls that are dropped, and processes that are stopped.

use std::process::Command;
use std::time::{Duration, Instant};

use rpc_runtime::private::{Procedure, carry_async};
use rpc_runtime::{Error, ErrorKind};
use wire::exception::{ExceptionType, Executed};

use super::{ADD, Stub, network};
use crate::harness::{Frames, Gate, Network, PATIENCE, Sent, begin, finish, scripted};

static SIZE: Procedure = Procedure::new("svc1", "size", &["bytes"], &["int"]);
static WAIT: Procedure = Procedure::new("svc1", "wait", &["int"], &["int"]);

const SHORT: Duration = Duration::from_millis(200);

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
fn a_server_that_stays_silent_is_given_up_and_told_so_and_its_late_answer_is_nobody_s() {
    for client in 0..2 {
        let (address, playing) = scripted(1, |_, far| {
            let call = far.greet();
            assert_eq!(far.next(), Some(Sent::Cancel(call)));
            let next = far.request();
            far.send(Frames::new().result(call, 77_i64).result(next, 5_i64));
            far.expect_end();
        });
        let [blocking, asynchronous] = impatient(address);
        let stub = if client == 0 { blocking } else { asynchronous };
        let begin = Instant::now();
        assert_expired(&stub.add(2, 3).expect_err("silence"), Executed::Unknown);
        assert!(begin.elapsed() < SHORT * 10);
        assert_eq!(stub.add(2, 3).expect("its own answer"), 5);
        drop(stub);
        playing.join().expect("one connection");
    }
}

/// A port that takes connections, and says nothing.
#[test]
fn a_wrong_port_that_says_nothing_is_given_up_after_five_seconds() {
    let waiting: Vec<_> = (0..2)
        .map(|client| {
            std::thread::spawn(move || {
                let (address, playing) = scripted(1, |_, far| far.expect_end());
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
                        .contains("said nothing within 5s: it is no rpc-server"),
                    "{error}"
                );
                playing.join().expect("one connection");
            })
        })
        .collect();
    for client in waiting {
        client.join().expect("an error");
    }
}

#[test]
fn a_server_that_never_reads_does_not_hold_its_callers() {
    for client in 0..2 {
        let (gone, end) = std::sync::mpsc::channel::<()>();
        let end = std::sync::Mutex::new(end);
        let (address, playing) = scripted(1, move |_, _| {
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
        drop(gone);
        playing.join().expect("one connection");
    }
}

#[test]
fn a_call_that_is_dropped_is_given_up_at_the_server() {
    let (address, playing) = scripted(1, |_, far| {
        let call = far.greet();
        assert_eq!(far.next(), Some(Sent::Cancel(call)));
        let next = far.request();
        far.send(Frames::new().result(next, 5_i64));
        far.expect_end();
    });
    let network = network(address, PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let dropped = carry_async::<_, i64>(&network, &ADD, (2_i64, 3_i64));
        tokio::time::timeout(Duration::from_millis(50), dropped)
            .await
            .expect_err("silence");
        let next = carry_async::<_, i64>(&network, &ADD, (2_i64, 3_i64)).await;
        assert_eq!(next.expect("an answer"), 5);
    });
    drop((network, runtime));
    playing.join().expect("one connection");
}

#[test]
fn a_call_that_is_dropped_before_it_was_polled_is_not_made() {
    let (address, playing) = scripted(1, |_, far| {
        let call = far.greet();
        far.send(Frames::new().result(call, 5_i64));
        assert_eq!(far.next(), None);
    });
    let network = network(address, PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        drop(carry_async::<_, i64>(&network, &ADD, (1_i64, 1_i64)));
        assert_eq!(
            carry_async::<_, i64>(&network, &ADD, (2_i64, 3_i64))
                .await
                .expect("an answer"),
            5
        );
    });
    drop((network, runtime));
    playing.join().expect("one connection");
}

/// Says to the process that plays [`a_process_that_is_stopped_and_goes_on_loses_no_call`] where it
/// calls.
const STOPPED: &str = "STOPPED_CLIENT_CALLS";

#[test]
fn a_process_that_is_stopped_and_goes_on_loses_no_call() {
    if let Ok(address) = std::env::var(STOPPED) {
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
        "stubs::time::a_process_that_is_stopped_and_goes_on_loses_no_call",
    ]);
    command.env(STOPPED, server.server("server1").address().to_string());
    let calling = begin(command);
    for _ in 0..2 {
        let visitor = gate.enter();
        for signal in ["-STOP", "-CONT"] {
            let status = Command::new("kill")
                .args([signal, &calling.id().to_string()])
                .status();
            assert!(status.expect("kill").success());
        }
        visitor.release();
    }
    finish(calling).succeeds();
}
