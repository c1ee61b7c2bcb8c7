//! Native procedures: handlers that fail, panic, block, wait; who may call them; what does not fit
//! its signature.

mod deployment;
mod panics;
mod slow;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rpc_runtime::private::Procedure;
use rpc_runtime::server::Limits;
use rpc_runtime::{Failure, NativeService};
use tokio::sync::Semaphore;

use crate::harness::{BinaryPeer, Embedded, Frames};

const INIT: &str = "\
network:
  servers: { server1: { ip: 127.0.0.1, port: 1 } }
  clients: { client1: { ip: 127.0.0.1 }, client2: { ip: 127.0.0.2 } }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: half, arguments: [int], returns: int, native: true }
      - { name: panic, arguments: [int], returns: int, native: true }
      - { name: nap, arguments: [int], returns: int, native: true }
      - { name: doze, arguments: [int], returns: int, native: true }
      - { name: wait, arguments: [int], returns: int, native: true }
      - { name: zeros, arguments: [int], returns: bytes, native: true }
      - { name: who, returns: str, native: true }
";

static HALF: Procedure = Procedure::new("svc1", "half", &["int"], &["int"]);
static PANIC: Procedure = Procedure::new("svc1", "panic", &["int"], &["int"]);
static NAP: Procedure = Procedure::new("svc1", "nap", &["int"], &["int"]);
static DOZE: Procedure = Procedure::new("svc1", "doze", &["int"], &["int"]);
static WAIT: Procedure = Procedure::new("svc1", "wait", &["int"], &["int"]);
static ZEROS: Procedure = Procedure::new("svc1", "zeros", &["int"], &["bytes"]);
static WHO: Procedure = Procedure::new("svc1", "who", &[], &["str"]);

/// The slots of a session in which everything is [`bound`].
const HALF_SLOT: u32 = 0;
const PANIC_SLOT: u32 = 1;
const NAP_SLOT: u32 = 2;
const DOZE_SLOT: u32 = 3;
const WAIT_SLOT: u32 = 4;
const ZEROS_SLOT: u32 = 5;

/// What the handlers do is seen here.
#[derive(Debug)]
struct Seen {
    /// How many calls of `half` began.
    halved: AtomicUsize,
    /// How many calls of `wait` are under way.
    waiting: AtomicUsize,
    /// A permit lets one call of `wait` go on.
    gate: Semaphore,
}

/// A call of `wait` that is under way.
struct Waiting(Arc<Seen>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

fn pause(milliseconds: i64) {
    std::thread::sleep(Duration::from_millis(milliseconds.unsigned_abs()));
}

fn service(seen: &Arc<Seen>) -> NativeService {
    let (halves, waits) = (Arc::clone(seen), Arc::clone(seen));
    NativeService::new("svc1")
        .method(&HALF, move |_, (n,): (i64,)| {
            halves.halved.fetch_add(1, Ordering::SeqCst);
            async move {
                if n % 2 == 0 {
                    Ok(n / 2)
                } else {
                    Err(Failure::new("Odd", format!("{n} is odd")))
                }
            }
        })
        .method(&PANIC, |_, (how,): (i64,)| {
            assert!(how != 0, "before it begins");
            async move {
                match how {
                    1 => panic!("as it begins"),
                    2 => std::panic::panic_any(how),
                    3 => tokio::time::sleep(Duration::from_millis(1)).await,
                    _ => return Ok(how),
                }
                panic!("after it waited")
            }
        })
        .method(&NAP, |_, (milliseconds,): (i64,)| async move {
            pause(milliseconds);
            Ok(milliseconds)
        })
        .method(&DOZE, |_, (milliseconds,): (i64,)| async move {
            pause(milliseconds);
            Ok(milliseconds)
        })
        .blocking("doze")
        .method(&WAIT, move |_, (n,): (i64,)| {
            let seen = Arc::clone(&waits);
            async move {
                seen.waiting.fetch_add(1, Ordering::SeqCst);
                let waiting = Waiting(seen);
                waiting.0.gate.acquire().await?.forget();
                Ok(n)
            }
        })
        .method(&ZEROS, |_, (count,): (i64,)| async move {
            Ok(vec![0_u8; usize::try_from(count)?])
        })
        .method(&WHO, |call, ()| async move { Ok(call.client().to_owned()) })
}

/// A server with all of it deployed.
fn serving(limits: Limits) -> (Embedded, Arc<Seen>) {
    let (halved, waiting, gate) = (AtomicUsize::new(0), AtomicUsize::new(0), Semaphore::new(0));
    let seen = Arc::new(Seen {
        halved,
        waiting,
        gate,
    });
    let server = Embedded::start(INIT, vec![service(&seen)], limits);
    server.apply().succeeds();
    (server, seen)
}

/// A session with everything bound.
#[track_caller]
fn bound(server: &Embedded) -> BinaryPeer {
    let mut peer = server.binary();
    peer.send(bind_all());
    peer
}

fn bind_all() -> Frames {
    let procedures = [&HALF, &PANIC, &NAP, &DOZE, &WAIT, &ZEROS, &WHO];
    (0..)
        .zip(procedures)
        .fold(Frames::new(), |frames, (slot, procedure)| {
            frames.bind(slot, procedure.rpc, procedure.arguments)
        })
}

/// The session goes on: half of 8 is 4.
#[track_caller]
fn assert_half(peer: &mut BinaryPeer, call: u64) {
    assert_eq!(peer.call::<i64>(call, HALF_SLOT, (8_i64,)), 4);
}
