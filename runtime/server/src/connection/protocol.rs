//! [`serve`]: finds out which protocol a connection speaks, and serves it to its end.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::BufMut as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use wire::block::READ_BYTES;
use wire::sniff::{FirstBytes, sniff};

use super::admission::Admission;
use super::end::{EndReason, linger};
use super::handshake;
use super::peers::Remote;
use super::pressure::Pressure;
use super::stream::make_room;
use super::timeouts::{Reads, Timeouts, Waiting};
use super::{Connection, SessionEnd};
use crate::shared::Shared;
use crate::trust::LiveTls;
use crate::{binary, text};
use tls::Stream;

/// What the first bytes of a connection say.
enum Sniffed {
    Protocol(FirstBytes),
    /// The connection ends before the protocol is known.
    Ended(EndReason),
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    socket: TcpStream,
    remote: Remote,
    shared: Arc<Shared>,
    admission: Admission,
) {
    match shared.tls.clone() {
        None => serve_stream(socket.into(), remote, shared, admission).await,
        Some(live) => Box::pin(serve_tls(socket, remote, live, shared, admission)).await,
    }
}

/// Shakes hands, and serves the connection while the certificate of its peer is valid.
async fn serve_tls(
    socket: TcpStream,
    mut remote: Remote,
    live: Arc<LiveTls>,
    shared: Arc<Shared>,
    admission: Admission,
) {
    // Before the handshake, so that no change is missed.
    let changes = live.changes();
    let Some(peer) = handshake::open(socket, &remote, &live, &shared).await else {
        remote.count_empty_connection(shared.limits.empty_connections);
        return;
    };
    remote.identity = Some(Arc::new(peer.identity));
    let serving = serve_stream(peer.stream.into(), remote.clone(), shared, admission);
    tokio::select! {
        biased;
        () = serving => {}
        refusal = live.wait_for_end(&peer.chain, changes) => {
            let reason = EndReason::CertificateEnded;
            tracing::warn!(event = "closed", peer = %remote, %reason, refusal = %refusal);
        }
    }
}

/// Serves a stream of which nothing was read.
async fn serve_stream(stream: Stream, remote: Remote, shared: Arc<Shared>, admission: Admission) {
    let now = Instant::now();
    let limit = shared.limits.empty_connections;
    let connection = Connection {
        stream,
        input: Vec::new(),
        pressure: Pressure::new(remote.clone(), Arc::clone(&shared)),
        timeouts: Timeouts::new(&shared.limits, now),
        admission,
        shared,
    };
    let SessionEnd {
        mut stream,
        served,
        got_message,
        reason,
    } = connection.serve().await;
    if !got_message {
        remote.count_empty_connection(limit);
    }
    let reason = match reason {
        Ok(reason) => linger(&mut stream, reason).await,
        Err(error) => Err(error),
    };
    if remote.logs_connection() {
        let reason = reason.map_or_else(|error| describe(&error), |reason| reason.to_string());
        tracing::info!(event = "closed", peer = %remote, served, reason);
    }
}

/// Describes the error that ended a connection.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => {
            format!("the peer is gone: {error} (--dead-peer-timeout)")
        }
        _ => error.to_string(),
    }
}

impl Connection {
    async fn serve(mut self) -> SessionEnd {
        match self.sniff().await {
            // Boxed, so that an idle session of one kind is not as large as one of the other kind.
            Ok(Sniffed::Protocol(FirstBytes::Text)) => Box::pin(text::serve(self)).await,
            Ok(Sniffed::Protocol(FirstBytes::Binary)) => Box::pin(binary::serve(self)).await,
            Ok(Sniffed::Ended(reason)) => self.end(Ok(reason)),
            Err(error) => self.end(Err(error)),
        }
    }

    /// Ends a connection whose protocol is not known.
    fn end(self, reason: io::Result<EndReason>) -> SessionEnd {
        SessionEnd {
            stream: self.stream,
            served: 0,
            got_message: false,
            reason,
        }
    }

    /// Reads until the first bytes show the protocol.
    async fn sniff(&mut self) -> io::Result<Sniffed> {
        let mut drain = self.shared.drain.clone();
        let due = self.timeouts.due(Waiting {
            has_output: false,
            is_idle: true,
            reads: Reads::Messages,
        });
        let frame_limit = self.pressure.frame_limit(false);
        let mut has_ended = false;
        loop {
            if has_ended && self.input.is_empty() {
                return Ok(Sniffed::Ended(EndReason::PeerClosed));
            }
            if let Some(protocol) = sniff(&self.input, has_ended, frame_limit) {
                return Ok(Sniffed::Protocol(protocol));
            }
            make_room(&mut self.input);
            let mut room = (&mut self.input).limit(READ_BYTES);
            tokio::select! {
                biased;
                read = self.stream.read_buf(&mut room) => has_ended = read? == 0,
                _ = drain.wait_for(|drain| *drain) => return Ok(Sniffed::Ended(EndReason::Done)),
                () = tokio::time::sleep_until(due.at.into()) => return Ok(Sniffed::Ended(due.reason)),
            }
        }
    }
}
