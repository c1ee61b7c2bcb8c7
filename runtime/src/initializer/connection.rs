//! [`Connection`]: a framed session to a server, for `INIT-...` messages one after the other.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::InitializerOptions;
use crate::deploy::message::{ChallengeAnswer, DeployError, DeployRequest, INIT_EX, INIT_RES};
use crate::deploy::prove_key;
use crate::wire::frame::{Deframer, Framing, MAX_FRAME_LIMIT, Step};

/// Connecting takes no longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It says no.
    #[error("{0}")]
    Refused(DeployError),
    /// It cannot be reached, or was lost on the way.
    #[error("{0}")]
    Lost(String),
}

/// A server that did not do what it was asked, by name.
#[derive(Debug, thiserror::Error)]
#[error("server `{name}` at {address}: {error}")]
pub struct Unreachable {
    /// The server's name.
    pub name: String,
    /// Where it was looked for.
    pub address: SocketAddr,
    /// Why.
    pub error: RequestError,
}

impl Unreachable {
    pub(super) fn new(name: &str, address: SocketAddr, error: RequestError) -> Self {
        Self { name: name.to_owned(), address, error }
    }
}

/// A session to a server that has let this peer deploy.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    deframer: Deframer,
    input: Vec<u8>,
    timeout: Duration,
    /// Bytes sent so far.
    pub(super) sent: u64,
}

impl Connection {
    /// Connects, and proves the deploy key if there is one.
    pub(super) async fn open(
        address: SocketAddr,
        options: &InitializerOptions,
    ) -> Result<Self, RequestError> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(RequestError::Lost(describe(&error))),
            Err(_) => return Err(RequestError::Lost(format!("no connection within {CONNECT_TIMEOUT:?}"))),
        };
        // Without it, answers only come later.
        let _ = stream.set_nodelay(true);
        let deframer = Deframer::new(Framing::Framed, MAX_FRAME_LIMIT);
        let mut connection = Self { stream, deframer, input: Vec::new(), timeout: options.timeout, sent: 0 };
        if let Some(key) = &options.deploy_key {
            connection.prove(key).await?;
        }
        Ok(connection)
    }

    async fn prove(&mut self, key: &[u8]) -> Result<(), RequestError> {
        let ChallengeAnswer { nonce } = self.request(&DeployRequest::Challenge {}).await?;
        if nonce.is_empty() {
            return Ok(());
        }
        let proof = prove_key(key, &nonce);
        self.request::<serde_json::Value>(&DeployRequest::Prove { proof }).await.map(drop)
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
            Ok(Err(error)) => return Err(RequestError::Lost(describe(&error))),
            Err(_) => return Err(RequestError::Lost(format!("no answer within {timeout:?}"))),
        };
        read_answer(&answer)
    }

    async fn exchange(&mut self, request: &DeployRequest) -> io::Result<Vec<u8>> {
        let mut frame = Vec::new();
        Framing::Framed.write(&serde_json::to_vec(request)?, &mut frame);
        self.stream.write_all(&frame).await?;
        self.sent += frame.len() as u64;
        loop {
            match self.deframer.step(&self.input, false).map_err(io::Error::other)? {
                Step::Message { start, end, consumed } => {
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

fn read_answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        header: String,
        value: serde_json::Value,
    }
    let broken = |error: serde_json::Error| RequestError::Lost(format!("its answer is not one: {error}"));
    let Envelope { header, mut value } = serde_json::from_slice(bytes).map_err(broken)?;
    match header.as_str() {
        INIT_RES => serde_json::from_value(value["result"].take()).map_err(broken),
        INIT_EX => Err(RequestError::Refused(serde_json::from_value(value).map_err(broken)?)),
        _ => {
            let words =
                value["exception-message"].as_str().unwrap_or("it does not speak this protocol").to_owned();
            Err(RequestError::Lost(words))
        }
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused (is it running?)".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "it closed the connection".to_owned()
        }
        _ => error.to_string(),
    }
}
