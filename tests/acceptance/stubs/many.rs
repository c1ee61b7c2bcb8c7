//! Thousands of threads or tasks that share one client.

use rpc_runtime::private::{AsyncTransport as _, Transport as _};
use rpc_runtime::{Error, Network as Client};

use super::{ADD_PROCEDURE, Stub, network};
use crate::harness::{ADD, Frames, Network, PATIENCE, scripted};

/// Stack size of a thread that makes a call.
const STACK_BYTES: usize = 256 << 10;

/// Makes `count` concurrent calls through one client, on tasks if `asynchronous`, otherwise on
/// threads. Returns their results.
pub(super) fn at_once(
    network: &Client,
    count: usize,
    asynchronous: bool,
    arguments: impl Fn(i64) -> (i64, i64),
) -> Vec<Result<i64, Error>> {
    let calls = (0..count as i64).map(arguments);
    if asynchronous {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        return runtime.expect("a runtime").block_on(async {
            let calls = calls.map(|arguments| {
                let network = network.clone();
                tokio::spawn(async move { network.carry_async(&ADD_PROCEDURE, arguments).await })
            });
            let mut results = Vec::new();
            for call in calls.collect::<Vec<_>>() {
                results.push(call.await.expect("a task that ends"));
            }
            results
        });
    }
    let calls = calls.map(|arguments| {
        let network = network.clone();
        let call = move || network.carry(&ADD_PROCEDURE, arguments);
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(call)
            .expect("a thread")
    });
    let threads: Vec<_> = calls.collect();
    threads
        .into_iter()
        .map(|thread| thread.join().expect("a thread that ends"))
        .collect()
}

/// Returns the number of connections that `server1` has accepted.
fn connections(server: &Network) -> usize {
    server
        .server("server1")
        .log()
        .iter()
        .filter(|line| line.contains(" connected "))
        .count()
}

#[track_caller]
fn check(count: usize, asynchronous: bool) {
    let server = Network::serving(&[ADD]);
    let network = network(server.server("server1").address(), PATIENCE * 3);
    let before = connections(&server);
    let results = at_once(&network, count, asynchronous, |n| (n, 1_000_000));
    for (n, result) in results.into_iter().enumerate() {
        assert_eq!(
            result.unwrap_or_else(|error| panic!("call {n}: {error}")),
            n as i64 + 1_000_000
        );
    }
    let taken = connections(&server) - before;
    assert!(taken <= 8, "{taken} sessions");
}

#[test]
fn two_thousand_threads_share_a_client() {
    check(2000, false);
}

#[test]
fn ten_thousand_tasks_share_a_client() {
    check(10_000, true);
}

/// All tasks run on one thread, so each call takes its place before the next one looks for one.
#[test]
fn more_tasks_than_a_session_takes_open_another_session() {
    const CALLS_PER_SESSION: usize = 256;
    let (address, server_thread) = scripted(2, |number, server| {
        server.send(Frames::hello());
        let calls = if number == 0 { CALLS_PER_SESSION } else { 1 };
        let calls: Vec<_> = (0..calls).map(|_| server.next_call()).collect();
        for call in calls {
            server.send(Frames::new().result(call, 5_i64));
        }
    });
    let network = network(address, PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let calls: Vec<_> = (0..=CALLS_PER_SESSION)
            .map(|_| {
                let network = network.clone();
                tokio::spawn(async move {
                    network
                        .carry_async::<_, i64>(&ADD_PROCEDURE, (2_i64, 3_i64))
                        .await
                })
            })
            .collect();
        for call in calls {
            let result = call.await.expect("a task that ends");
            assert_eq!(result.expect("an answer"), 5);
        }
    });
    server_thread.join().expect("two connections");
}

#[test]
fn sequential_calls_are_sent_without_delay() {
    const CALLS: i64 = 20_000;
    for client in 0..2 {
        let (address, server_thread) = scripted(1, |_, server| {
            server.send(Frames::hello());
            for number in 0..CALLS {
                let call = server.next_call();
                server.send(Frames::new().result(call, number));
            }
        });
        let [blocking, asynchronous] = Stub::both(address);
        let stub = if client == 0 { blocking } else { asynchronous };
        (0..CALLS).for_each(|number| assert_eq!(stub.add(number, 3).expect("an answer"), number));
        drop(stub);
        server_thread.join().expect("one connection");
    }
}
