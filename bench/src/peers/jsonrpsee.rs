//! jsonrpsee: JSON-RPC over a web socket.

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Result, bail};
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::{Server as Transport, ServerConfig};
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use tokio::net::TcpListener;

use crate::calls::{Calls, check_echo};
use crate::work::Payload;

/// Maximum length of a message. 131,072 doubles take two to three MiB as JSON.
const MAX_MESSAGE_BYTES: u32 = 16 << 20;
/// Maximum number of connections: more than any work opens.
const MAX_CONNECTIONS: u32 = 20_000;

#[rpc(client, server)]
trait Bench {
    #[method(name = "add")]
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64>;
    #[method(name = "strings")]
    async fn strings(&self, values: Vec<String>) -> RpcResult<Vec<String>>;
    #[method(name = "doubles")]
    async fn doubles(&self, values: Vec<f64>) -> RpcResult<Vec<f64>>;
}

struct Server;

#[async_trait]
impl BenchServer for Server {
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64> {
        Ok(a.wrapping_add(b))
    }

    async fn strings(&self, values: Vec<String>) -> RpcResult<Vec<String>> {
        Ok(values)
    }

    async fn doubles(&self, values: Vec<f64>) -> RpcResult<Vec<f64>> {
        Ok(values)
    }
}

/// Serves every connection.
pub async fn serve(listener: TcpListener) -> Result<()> {
    let config = ServerConfig::builder()
        .max_connections(MAX_CONNECTIONS)
        .max_request_body_size(MAX_MESSAGE_BYTES)
        .max_response_body_size(MAX_MESSAGE_BYTES)
        .ws_only()
        .set_tcp_no_delay(true)
        .build();
    let transport = Transport::builder()
        .set_config(config)
        .build_from_tcp(listener.into_std()?)?;
    transport.start(Server.into_rpc()).stopped().await;
    bail!("the server stopped")
}

/// A jsonrpsee client.
#[derive(Clone)]
pub struct Client(Rc<WsClient>);

impl Calls for Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let client = WsClientBuilder::new()
            .max_request_size(MAX_MESSAGE_BYTES)
            .max_response_size(MAX_MESSAGE_BYTES)
            .set_tcp_no_delay(true)
            .build(format!("ws://{address}"))
            .await?;
        Ok(Self(Rc::new(client)))
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(BenchClient::add(&*self.0, a, b).await?)
    }

    async fn strings(&self, payload: &Payload) -> Result<()> {
        let echo = BenchClient::strings(&*self.0, payload.strings.clone()).await?;
        check_echo(echo == payload.strings)
    }

    async fn bytes(&self, _: &Payload) -> Result<()> {
        bail!("JSON has no bytes")
    }

    async fn doubles(&self, payload: &Payload) -> Result<()> {
        let echo = BenchClient::doubles(&*self.0, payload.doubles.clone()).await?;
        check_echo(echo == payload.doubles)
    }
}
