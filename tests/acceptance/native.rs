//! Native procedures: handlers that fail, panic, block or wait; who may call them; and signatures
//! without a handler.

mod deployment;
mod panics;
mod slow;
mod text;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rpc_runtime::private::Procedure;
use rpc_runtime::server::Limits;
use rpc_runtime::{Failure, NativeService};
use tokio::sync::Semaphore;

use crate::harness::{BinaryPeer, EmbeddedServer, Frames};

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
      - { name: hold, arguments: [int], returns: int, native: true }
      - { name: zeros, arguments: [int], returns: bytes, native: true }
      - { name: who, returns: str, native: true }
";

static HALF: Procedure = Procedure::new("svc1", "half", &["int"], &["int"]);
static PANIC: Procedure = Procedure::new("svc1", "panic", &["int"], &["int"]);
static NAP: Procedure = Procedure::new("svc1", "nap", &["int"], &["int"]);
static DOZE: Procedure = Procedure::new("svc1", "doze", &["int"], &["int"]);
static WAIT: Procedure = Procedure::new("svc1", "wait", &["int"], &["int"]);
static HOLD: Procedure = Procedure::new("svc1", "hold", &["int"], &["int"]);
static ZEROS: Procedure = Procedure::new("svc1", "zeros", &["int"], &["bytes"]);
static WHO: Procedure = Procedure::new("svc1", "who", &[], &["str"]);

/// The slots of a session from [`bound`].
const HALF_SLOT: u32 = 0;
const PANIC_SLOT: u32 = 1;
const NAP_SLOT: u32 = 2;
const DOZE_SLOT: u32 = 3;
const WAIT_SLOT: u32 = 4;
const HOLD_SLOT: u32 = 5;
const ZEROS_SLOT: u32 = 6;

/// State that the handlers share with the test.
#[derive(Debug)]
struct HandlerState {
    /// Number of calls of `half` that have begun.
    halved: AtomicUsize,
    /// Number of calls of `wait` that are under way.
    waiting: AtomicUsize,
    /// Each permit lets one call of `wait` return.
    gate: Semaphore,
    /// Locked by the test as long as no call of `hold` may return.
    hold: Mutex<()>,
}

/// A call of `wait` that is under way. Dropping it lowers the count.
struct WaitingCall(Arc<HandlerState>);

impl Drop for WaitingCall {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Blocks the thread.
fn pause(milliseconds: i64) {
    std::thread::sleep(Duration::from_millis(milliseconds.unsigned_abs()));
}

fn service(state: &Arc<HandlerState>) -> NativeService {
    let half_state = Arc::clone(state);
    let wait_state = Arc::clone(state);
    let hold_state = Arc::clone(state);
    NativeService::new("svc1")
        .method(&HALF, move |_, (n,): (i64,)| {
            half_state.halved.fetch_add(1, Ordering::SeqCst);
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
            let state = Arc::clone(&wait_state);
            async move {
                state.waiting.fetch_add(1, Ordering::SeqCst);
                let call = WaitingCall(state);
                call.0.gate.acquire().await?.forget();
                Ok(n)
            }
        })
        .method(&HOLD, move |_, (n,): (i64,)| {
            let state = Arc::clone(&hold_state);
            async move {
                drop(state.hold.lock());
                Ok(n)
            }
        })
        .blocking("hold")
        .method(&ZEROS, |_, (count,): (i64,)| async move {
            Ok(vec![0_u8; usize::try_from(count)?])
        })
        .method(&WHO, |call, ()| async move { Ok(call.client().to_owned()) })
}

/// Starts a server and deploys every procedure.
fn serving(limits: &Limits) -> (EmbeddedServer, Arc<HandlerState>) {
    let state = Arc::new(HandlerState {
        halved: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        gate: Semaphore::new(0),
        hold: Mutex::default(),
    });
    let server = EmbeddedServer::start(INIT, vec![service(&state)], limits);
    server.apply().succeeds();
    (server, state)
}

/// Opens a session and binds every procedure.
#[track_caller]
fn bound(server: &EmbeddedServer) -> BinaryPeer {
    let mut peer = server.binary();
    peer.send(bind_all());
    peer
}

/// Returns the BINDs of every procedure, in the order of the slot constants.
fn bind_all() -> Frames {
    let procedures = [&HALF, &PANIC, &NAP, &DOZE, &WAIT, &HOLD, &ZEROS, &WHO];
    (0..)
        .zip(procedures)
        .fold(Frames::new(), |frames, (slot, procedure)| {
            frames.bind(slot, procedure.rpc, procedure.arguments)
        })
}

/// Asserts that the session works, by a call of `half`.
#[track_caller]
fn assert_half(peer: &mut BinaryPeer, call: u64) {
    assert_eq!(peer.call::<i64>(call, HALF_SLOT, (8_i64,)), 4);
}
