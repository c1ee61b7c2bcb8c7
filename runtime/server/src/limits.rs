//! [`Limits`]: the limits of a server. Everything has a limit.

use std::num::NonZero;
use std::time::Duration;

use wire::keep_alive::DEAD_PEER_TIMEOUT;

/// A server's limits.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of bytes of one message. The value must not exceed
    /// [`MAX_FRAME_LIMIT`](wire::frame::MAX_FRAME_LIMIT).
    pub frame_bytes: usize,
    /// Maximum number of bytes of one message from an address that belongs to no client, until the
    /// sender has proved the deploy key.
    pub stranger_frame_bytes: usize,
    /// Maximum number of bytes of the incomplete messages of all connections. One address may use
    /// half of it.
    pub unfinished_bytes: usize,
    /// Number of malformed messages after which a connection is closed. A malformed first message
    /// closes the connection at once.
    pub malformed: usize,
    /// Maximum number of refused and malformed messages from one address in a second. Beyond it, a
    /// connection from that address pauses after each such message.
    pub refusals: u64,
    /// Maximum number of connections at once. A few connections more are refused with a reason.
    /// All further ones are closed without an answer.
    pub connections: usize,
    /// Maximum number of connections at once from one address. Those beyond it are refused in the
    /// same way.
    pub address_connections: usize,
    /// Maximum number of connections from one address in a second that end without a complete
    /// message. Beyond it, seven of eight connections from that address are reset until the second is
    /// over. From a tenth of it on, TLS handshakes of that address wait for each other.
    pub empty_connections: u64,
    /// Maximum number of calls in flight on one session. Further messages wait in the socket.
    pub session_calls: usize,
    /// Maximum number of calls in flight on the server. Further calls get `Unavailable`.
    pub calls: usize,
    /// Maximum number of bytes of the arguments of all calls in flight, not counting those of calls
    /// with at most 4 KiB. One address may use half of it. Further calls get `Unavailable`.
    pub argument_bytes: usize,
    /// Number of bytes of unread answers at which a session stops reading. Its further messages
    /// wait in the socket.
    pub queued_bytes: usize,
    /// Maximum number of bytes of unread answers of all connections, not counting the first
    /// `queued_bytes` of each connection. One address may use half of it. A connection that needs
    /// more is closed.
    pub untaken_bytes: usize,
    /// Maximum time from the first byte of a message to its last byte. For the first message, the
    /// time starts with the connection. Each byte that has come adds its time at `min_rate`.
    pub header_timeout: Duration,
    /// Number of bytes per second at which a message may take longer than `header_timeout`. A
    /// message that comes faster is never too late, unless others wait for its room.
    pub min_rate: usize,
    /// Maximum number of unfinished TLS handshakes. Beyond it, the oldest one ends.
    pub handshakes: usize,
    /// Maximum time of a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time without any activity after which a session is closed.
    pub idle_timeout: Duration,
    /// Time after which the connection of a peer that reads none of its answers is closed.
    pub write_timeout: Duration,
    /// Time after which the connection of a peer ends that is gone without a word, and whose kernel
    /// answers nothing. It is between 5 s and an hour; another value is replaced by the nearest of
    /// these.
    pub dead_peer_timeout: Duration,
    /// Maximum time of a call if its procedure declares no deadline.
    pub deadline: Duration,
    /// Maximum time to wait for calls in flight when the server stops.
    pub drain_timeout: Duration,
    /// Number of threads that serve connections.
    pub threads: usize,
    /// Maximum number of threads for native handlers that compute for long or that block.
    pub native_threads: usize,
    /// Maximum number of bytes of the signatures that one binary session binds. Each signature
    /// counts 128 bytes more than its text.
    pub bound_bytes: usize,
    /// Maximum number of Python workers of one service that declares no `concurrency`.
    pub workers: usize,
    /// Maximum number of bytes of memory of a Python worker: the private memory that it may write.
    pub worker_bytes: u64,
    /// Time after which an idle worker ends.
    pub worker_idle: Duration,
    /// Maximum time for loading a service.
    pub load_timeout: Duration,
    /// Number of generations that are kept for a rollback, the live one included. The one before
    /// the live generation is always kept.
    pub history: usize,
    /// Maximum number of bytes of the files that are kept only for the generations before the live
    /// one.
    pub history_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 16 << 20,
            stranger_frame_bytes: 64 << 10,
            unfinished_bytes: 64 << 20,
            malformed: 100,
            refusals: 1000,
            connections: 10_000,
            address_connections: 5_000,
            empty_connections: 1000,
            session_calls: 256,
            calls: 10_000,
            argument_bytes: 512 << 20,
            queued_bytes: 1 << 20,
            untaken_bytes: 512 << 20,
            header_timeout: Duration::from_secs(30),
            min_rate: 64 << 10,
            handshakes: 1000,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(5),
            write_timeout: Duration::from_secs(30),
            dead_peer_timeout: DEAD_PEER_TIMEOUT,
            deadline: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            native_threads: 64,
            bound_bytes: 16 << 20,
            workers: 16,
            worker_bytes: 4 << 30,
            worker_idle: Duration::from_mins(1),
            load_timeout: Duration::from_secs(30),
            history: 10,
            history_bytes: 256 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names every field, so that another limit does not compile without a line here.
    #[test]
    fn no_limit_is_unlimited_by_default() {
        let Limits {
            frame_bytes,
            stranger_frame_bytes,
            unfinished_bytes,
            malformed,
            refusals,
            connections,
            address_connections,
            empty_connections,
            session_calls,
            calls,
            argument_bytes,
            queued_bytes,
            untaken_bytes,
            header_timeout,
            min_rate,
            handshakes,
            handshake_timeout,
            idle_timeout,
            write_timeout,
            dead_peer_timeout,
            deadline,
            drain_timeout,
            threads,
            native_threads,
            bound_bytes,
            workers,
            worker_bytes,
            worker_idle,
            load_timeout,
            history,
            history_bytes,
        } = Limits::default();
        for bytes in [
            frame_bytes as u64,
            stranger_frame_bytes as u64,
            unfinished_bytes as u64,
            argument_bytes as u64,
            queued_bytes as u64,
            untaken_bytes as u64,
            min_rate as u64,
            bound_bytes as u64,
            history_bytes,
        ] {
            assert!((1..=1 << 30).contains(&bytes), "{bytes} bytes");
        }
        assert!((1..=4 << 30).contains(&worker_bytes));
        for count in [
            malformed,
            connections,
            address_connections,
            session_calls,
            calls,
            handshakes,
            native_threads,
            workers,
            history,
            usize::try_from(refusals).expect("a small number"),
            usize::try_from(empty_connections).expect("a small number"),
        ] {
            assert!((1..=10_000).contains(&count), "{count}");
        }
        assert!(threads >= 1 && address_connections < connections);
        for time in [
            header_timeout,
            handshake_timeout,
            idle_timeout,
            write_timeout,
            dead_peer_timeout,
            deadline,
            drain_timeout,
            worker_idle,
            load_timeout,
        ] {
            let longest = Duration::from_mins(5);
            assert!(!time.is_zero() && time <= longest, "{time:?}");
        }
    }
}
