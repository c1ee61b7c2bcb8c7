//! [`Connection`]: a framed session to a server. It sends `INIT-...` messages one after the other.
//! Over TLS, the certificate of a deployer is the proof that it may; in plain TCP, a deploy key is.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rpc_schema::visible;
use rustix::net::sockopt;
use serde::de::DeserializeOwned;
use tls::{ClientFolder, HandshakeError, Identity, Stream, TlsStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::error::RequestError;
use crate::options::InitializerOptions;
use deploy::key_file::{self, FoundKey};
use deploy::message::{
    ChallengeAnswer, DeployError, DeployErrorKind, DeployRequest, INIT_EX, INIT_RES, ProveAnswer,
};
use deploy::proof::{Challenge, NONCE_DIGITS, Prover};
use deploy::random_hex;
use wire::GREETING_TIMEOUT;
use wire::frame::{Deframer, Framing, MAX_FRAME_LIMIT, Step};
use wire::keep_alive::KeepAlive;

/// Maximum time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A session to a server, after both sides have proved who they are.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    deframer: Deframer,
    input: Vec<u8>,
    timeout: Duration,
    /// The identity in this program's own certificate; `None` in plain TCP.
    identity: Option<Identity>,
    /// Number of bytes sent since the proof of the deploy key.
    pub(super) bytes_sent: u64,
}

impl Connection {
    /// Connects to a server. Both sides prove who they are: by certificates, or by the deploy key.
    pub(super) async fn open(
        server: &str,
        address: SocketAddr,
        options: &InitializerOptions,
    ) -> Result<Self, RequestError> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(RequestError::Lost(describe(&error))),
            Err(_) => {
                return Err(RequestError::Lost(format!(
                    "no connection within {CONNECT_TIMEOUT:?}"
                )));
            }
        };
        // Ignore failures: without these options, answers come later, or a server that is gone is
        // noticed later.
        let _ = stream.set_nodelay(true);
        let _ = set_keep_alive(&stream, KeepAlive::default());
        let stream = match &options.tls {
            None => stream.into(),
            Some(tls) => {
                let opening = open_tls(stream, tls, server, address);
                let opened = tokio::time::timeout(GREETING_TIMEOUT, opening).await;
                let opened = opened.unwrap_or_else(|_| {
                    let what = format!("no TLS handshake within {GREETING_TIMEOUT:?}");
                    Err(RequestError::Lost(what))
                });
                opened?.into()
            }
        };
        let deframer = Deframer::new(Framing::Framed, MAX_FRAME_LIMIT);
        let mut connection = Self {
            stream,
            deframer,
            input: Vec::new(),
            timeout: options.timeout,
            identity: options.tls.as_ref().map(|tls| tls.identity()),
            bytes_sent: 0,
        };
        if options.tls.is_none() {
            connection.prove(address, options).await?;
        }
        // The messages of the proof do not count.
        connection.bytes_sent = 0;
        Ok(connection)
    }

    /// Proves the deploy key to the dialled server, and checks the server's own proof.
    async fn prove(
        &mut self,
        dialled: SocketAddr,
        options: &InitializerOptions,
    ) -> Result<(), RequestError> {
        let lost = |error: io::Error| RequestError::Lost(error.to_string());
        let initializer_nonce = random_hex::<{ NONCE_DIGITS / 2 }>().map_err(lost)?;
        let challenge = DeployRequest::Challenge {
            nonce: initializer_nonce.clone(),
        };
        let greeting = tokio::time::timeout(GREETING_TIMEOUT, self.request(&challenge)).await;
        let ChallengeAnswer {
            nonce: server_nonce,
        } = greeting.unwrap_or_else(|_| {
            let reason = "it is not an rpc-server, or it hangs";
            Err(RequestError::Lost(format!(
                "it did not answer within {GREETING_TIMEOUT:?}: {reason}"
            )))
        })?;
        let found = if options.deploy_key.is_none() {
            Some(find_key(dialled, options)?)
        } else {
            None
        };
        let key = options
            .deploy_key
            .as_deref()
            .or(found.as_ref().map(|found| &*found.key))
            .unwrap_or_default();
        let challenge = Challenge {
            address: dialled,
            initializer_nonce: &initializer_nonce,
            server_nonce: &server_nonce,
        };
        let proof = challenge.prove(key, Prover::Initializer);
        let answer = self
            .request::<ProveAnswer>(&DeployRequest::Prove { proof })
            .await
            .map_err(|error| match (error, &found) {
                (RequestError::Refused(mut error), Some(found)) => {
                    let path = found.path.display();
                    let hint =
                        format!("the key came from {path}; give another key with --deploy-key");
                    error.message = format!("{} ({hint})", error.message);
                    RequestError::Refused(error)
                }
                (error, _) => error,
            })?;
        if challenge.verify(key, Prover::Server, &answer.proof) {
            return Ok(());
        }
        Err(RequestError::Lost(
            "it does not have the deploy key of this server, so nothing is sent to it".to_owned(),
        ))
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn request<T: DeserializeOwned>(
        &mut self,
        request: &DeployRequest,
    ) -> Result<T, RequestError> {
        let timeout = self.timeout;
        let exchange = self.exchange(request);
        let answer = match tokio::time::timeout(timeout, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(RequestError::Lost(self.describe(&error))),
            Err(_) => return Err(RequestError::Lost(format!("no answer within {timeout:?}"))),
        };
        read_answer(&answer)
    }

    /// Describes why an exchange failed.
    fn describe(&self, error: &io::Error) -> String {
        match (tls::rustls_error(error), &self.identity) {
            (Some(error), Some(own)) => tls::explain(error, own),
            _ => describe(error),
        }
    }

    async fn exchange(&mut self, request: &DeployRequest) -> io::Result<Vec<u8>> {
        let mut frame = Vec::new();
        Framing::Framed.write(&serde_json::to_vec(request)?, &mut frame);
        self.stream.write_all(&frame).await?;
        self.bytes_sent += frame.len() as u64;
        loop {
            match self
                .deframer
                .step(&self.input, false)
                .map_err(io::Error::other)?
            {
                Step::Message {
                    start,
                    end,
                    consumed,
                } => {
                    let message = self.input[start..end].to_vec();
                    self.input.drain(..consumed);
                    return Ok(message);
                }
                Step::Skip(count) => drop(self.input.drain(..count)),
                Step::Need(_) | Step::End => {
                    if self.stream.read_buf(&mut self.input).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }
}

/// Lets the kernel notice that the server is gone.
fn set_keep_alive(socket: &TcpStream, keep_alive: KeepAlive) -> rustix::io::Result<()> {
    sockopt::set_tcp_keepidle(socket, keep_alive.idle)?;
    sockopt::set_tcp_keepintvl(socket, keep_alive.interval)?;
    sockopt::set_tcp_keepcnt(socket, keep_alive.probes)?;
    sockopt::set_tcp_user_timeout(socket, keep_alive.user_timeout_ms)?;
    sockopt::set_socket_keepalive(socket, true)
}

/// Shakes hands with the server of this name.
async fn open_tls(
    socket: TcpStream,
    folder: &ClientFolder,
    server: &str,
    address: SocketAddr,
) -> Result<TlsStream, RequestError> {
    let lost =
        |error: &tls::rustls::Error| RequestError::Lost(tls::explain(error, &folder.identity()));
    let tls = folder.to_server(server).map_err(|error| lost(&error))?;
    let connection = tls.connect(address.ip()).map_err(|error| lost(&error))?;
    TlsStream::open(socket, connection)
        .await
        .map_err(|error| match error {
            HandshakeError::Io(error) => RequestError::Lost(describe(&error)),
            HandshakeError::Tls(error) => lost(&error),
        })
}

/// Finds the key of the dialled server, in the folder where servers of this user keep copies.
fn find_key(dialled: SocketAddr, options: &InitializerOptions) -> Result<FoundKey, RequestError> {
    let not_allowed =
        |what: String| RequestError::Refused(DeployError::new(DeployErrorKind::NotAllowed, what));
    let folder = options.key_folder.as_deref();
    let found = folder
        .map(|folder| key_file::find(folder, dialled))
        .transpose();
    let found = found
        .map_err(|error| not_allowed(format!("{error}; or give --deploy-key")))?
        .flatten();
    found.ok_or_else(|| {
        not_allowed(
            "this server asks for its deploy key: give --deploy-key (a server that was started without one keeps \
             its own in `deploy.key` in its data folder)"
                .to_owned(),
        )
    })
}

/// Decodes an answer. Escapes every text in it here, in one place, since people read these texts.
fn read_answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        header: String,
        value: serde_json::Value,
    }
    let invalid = |error: serde_json::Error| {
        RequestError::Lost(format!("it sent an invalid answer: {error}"))
    };
    let Envelope { header, mut value } = serde_json::from_slice(bytes).map_err(invalid)?;
    escape_texts(&mut value);
    match header.as_str() {
        INIT_RES => serde_json::from_value(value["result"].take()).map_err(invalid),
        INIT_EX => Err(RequestError::Refused(
            serde_json::from_value(value).map_err(invalid)?,
        )),
        _ => {
            let message = value["exception-message"]
                .as_str()
                .unwrap_or("it does not speak this protocol")
                .to_owned();
            Err(RequestError::Lost(message))
        }
    }
}

/// Escapes every text in a value with [`visible`].
fn escape_texts(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => {
            if let Cow::Owned(escaped) = visible(text) {
                *text = escaped;
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(escape_texts),
        serde_json::Value::Object(members) => {
            for (mut name, mut member) in std::mem::take(members) {
                if let Cow::Owned(escaped) = visible(&name) {
                    name = escaped;
                }
                escape_texts(&mut member);
                members.insert(name, member);
            }
        }
        _ => {}
    }
}

/// Describes an I/O error. Common errors get words that say what the server did.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused (is it running?)".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "it closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_notices_that_a_server_is_gone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let socket = TcpStream::connect(address).await.expect("a connection");
        let keep_alive = KeepAlive::default();
        set_keep_alive(&socket, keep_alive).expect("options");
        let set = KeepAlive {
            idle: sockopt::tcp_keepidle(&socket).expect("an option"),
            interval: sockopt::tcp_keepintvl(&socket).expect("an option"),
            probes: sockopt::tcp_keepcnt(&socket).expect("an option"),
            user_timeout_ms: sockopt::tcp_user_timeout(&socket).expect("an option"),
        };
        assert_eq!(set, keep_alive);
        assert!(sockopt::socket_keepalive(&socket).expect("an option"));
    }
}
