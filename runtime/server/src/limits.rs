//! [`Limits`]: what a server does at most. None is unlimited.

use std::num::NonZero;
use std::time::Duration;

/// A server's limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one message, at most [`MAX_FRAME_LIMIT`](wire::frame::MAX_FRAME_LIMIT).
    pub frame_bytes: usize,
    /// Bytes of one message from an address that is no client's, before it has proved that it may
    /// deploy.
    pub stranger_frame_bytes: usize,
    /// Bytes of messages that have not come whole, of all connections. One address gets half of it.
    pub unfinished_bytes: usize,
    /// Malformed messages on one connection; then it is closed. A connection that begins with one
    /// is closed at once.
    pub malformed: usize,
    /// Refused and malformed messages of one address in a second. Beyond that, its connections
    /// pause after each.
    pub refusals: u64,
    /// Connections at once. A few more are told so; the rest are closed at once.
    pub connections: usize,
    /// Calls in flight on one session; further messages wait in the socket.
    pub session_calls: usize,
    /// Calls in flight on the server; further ones are `Unavailable`.
    pub calls: usize,
    /// Bytes of answers that a session may not have taken before its further messages wait in the
    /// socket.
    pub queued_bytes: usize,
    /// Bytes of answers that peers have not taken, beyond `queued_bytes` of each connection. One
    /// address gets half of it; a connection that needs more is closed.
    pub untaken_bytes: usize,
    /// From a message's first byte, or the connection's begin, to the message's last byte.
    pub header_timeout: Duration,
    /// A session on which nothing happens for longer is closed.
    pub idle_timeout: Duration,
    /// A peer that takes none of its answers for longer is closed.
    pub write_timeout: Duration,
    /// How long a call may take where its procedure does not say.
    pub deadline: Duration,
    /// How long the server waits for calls in flight when it stops.
    pub drain_timeout: Duration,
    /// Threads that serve connections.
    pub threads: usize,
    /// Threads for native handlers that hold theirs, by computing for long or waiting without
    /// `await`.
    pub native_threads: usize,
    /// Bytes of the signatures that one binary session may bind, of which each counts 128 more.
    pub bound_bytes: usize,
    /// Python workers of one service, where it does not declare a `concurrency`.
    pub workers: usize,
    /// A worker idle for longer leaves.
    pub worker_idle: Duration,
    /// Loading a service takes no longer.
    pub load_timeout: Duration,
    /// Generations that are kept to be gone back to, with the live one; the one before it always
    /// is.
    pub history: usize,
    /// Bytes of files that are kept for them alone.
    pub history_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 16 << 20,
            stranger_frame_bytes: 64 << 10,
            unfinished_bytes: 256 << 20,
            malformed: 100,
            refusals: 1000,
            connections: 10_000,
            session_calls: 256,
            calls: 10_000,
            queued_bytes: 1 << 20,
            untaken_bytes: 512 << 20,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(5),
            write_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            native_threads: 64,
            bound_bytes: 16 << 20,
            workers: 16,
            worker_idle: Duration::from_mins(1),
            load_timeout: Duration::from_secs(30),
            history: 10,
            history_bytes: 256 << 20,
        }
    }
}
