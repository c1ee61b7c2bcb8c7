//! [`Connection`]: a framed session to a server, for `INIT-...` messages one after the other.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rpc_schema::visible;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::InitializerOptions;
use deploy::key_file::{self, FoundKey};
use deploy::message::{
    ChallengeAnswer, DeployError, DeployErrorKind, DeployRequest, INIT_EX, INIT_RES, ProveAnswer,
};
use deploy::proof::{Challenge, NONCE_DIGITS, Prover};
use deploy::random_hex;
use wire::GREETING_TIMEOUT;
use wire::frame::{Deframer, Framing, MAX_FRAME_LIMIT, Step};

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
        Self {
            name: name.to_owned(),
            address,
            error,
        }
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
            Err(_) => {
                return Err(RequestError::Lost(format!(
                    "no connection within {CONNECT_TIMEOUT:?}"
                )));
            }
        };
        // Without it, answers only come later.
        let _ = stream.set_nodelay(true);
        let deframer = Deframer::new(Framing::Framed, MAX_FRAME_LIMIT);
        let mut connection = Self {
            stream,
            deframer,
            input: Vec::new(),
            timeout: options.timeout,
            sent: 0,
        };
        connection.prove(address, options).await?;
        // What is counted is what is deployed.
        connection.sent = 0;
        Ok(connection)
    }

    /// Proves the deploy key to the server that was dialled, and has it prove that it has the key
    /// too.
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
            let words = "it is no rpc-server, or it does not respond";
            Err(RequestError::Lost(format!(
                "it said nothing within {GREETING_TIMEOUT:?}: {words}"
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
                    let place =
                        format!("the key was found in {path}; --deploy-key names another one");
                    error.message = format!("{} ({place})", error.message);
                    RequestError::Refused(error)
                }
                (error, _) => error,
            })?;
        if challenge.verify(key, Prover::Server, &answer.proof) {
            return Ok(());
        }
        Err(RequestError::Lost(
            "it has not the deploy key of this server, so nothing is sent to it".to_owned(),
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

/// The key of a server of this user on this machine.
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

/// Reads an answer. Whatever a server says is for people to read, so that it is escaped here, once
/// for all of it.
fn read_answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        header: String,
        value: serde_json::Value,
    }
    let broken =
        |error: serde_json::Error| RequestError::Lost(format!("its answer is not one: {error}"));
    let Envelope { header, mut value } = serde_json::from_slice(bytes).map_err(broken)?;
    escape_texts(&mut value);
    match header.as_str() {
        INIT_RES => serde_json::from_value(value["result"].take()).map_err(broken),
        INIT_EX => Err(RequestError::Refused(
            serde_json::from_value(value).map_err(broken)?,
        )),
        _ => {
            let words = value["exception-message"]
                .as_str()
                .unwrap_or("it does not speak this protocol")
                .to_owned();
            Err(RequestError::Lost(words))
        }
    }
}

/// Makes every text in a value [visible].
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

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused (is it running?)".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => "it closed the connection".to_owned(),
        _ => error.to_string(),
    }
}
