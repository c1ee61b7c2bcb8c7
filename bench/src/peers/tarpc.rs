//! tarpc over TCP with bincode.

use std::net::SocketAddr;

use anyhow::Result;
use futures_util::StreamExt as _;
use serde_bytes::ByteBuf;
use tarpc::context::{self, Context};
use tarpc::server::{BaseChannel, Channel as _};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio::net::{TcpListener, TcpStream};

use crate::calls::{Calls, check_echo};
use crate::work::Payload;

/// Maximum length of a frame: more than 1 MiB and its head.
const MAX_FRAME_BYTES: usize = 4 << 20;

#[tarpc::service]
trait Bench {
    async fn add(a: i64, b: i64) -> i64;
    async fn strings(values: Vec<String>) -> Vec<String>;
    async fn bytes(values: ByteBuf) -> ByteBuf;
    async fn doubles(values: Vec<f64>) -> Vec<f64>;
}

#[derive(Clone)]
struct Server;

impl Bench for Server {
    async fn add(self, _: Context, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    async fn strings(self, _: Context, values: Vec<String>) -> Vec<String> {
        values
    }

    async fn bytes(self, _: Context, values: ByteBuf) -> ByteBuf {
        values
    }

    async fn doubles(self, _: Context, values: Vec<f64>) -> Vec<f64> {
        values
    }
}

fn framed(stream: TcpStream) -> Result<Framed<TcpStream, LengthDelimitedCodec>> {
    stream.set_nodelay(true)?;
    let codec = LengthDelimitedCodec::builder()
        .max_frame_length(MAX_FRAME_BYTES)
        .new_codec();
    Ok(Framed::new(stream, codec))
}

/// Serves every connection.
pub async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let transport = tarpc::serde_transport::new(framed(stream)?, Bincode::default());
        let requests = BaseChannel::with_defaults(transport).execute(Server.serve());
        tokio::spawn(requests.for_each(|answer| async {
            tokio::spawn(answer);
        }));
    }
}

/// A tarpc client.
#[derive(Clone)]
pub struct Client(BenchClient);

impl Calls for Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let transport = tarpc::serde_transport::new(framed(stream)?, Bincode::default());
        Ok(Self(
            BenchClient::new(tarpc::client::Config::default(), transport).spawn(),
        ))
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(self.0.add(context::current(), a, b).await?)
    }

    async fn strings(&self, payload: &Payload) -> Result<()> {
        let echo = self
            .0
            .strings(context::current(), payload.strings.clone())
            .await?;
        check_echo(echo == payload.strings)
    }

    async fn bytes(&self, payload: &Payload) -> Result<()> {
        let echo = self
            .0
            .bytes(context::current(), ByteBuf::from(payload.bytes.to_vec()))
            .await?;
        check_echo(*echo == *payload.bytes)
    }

    async fn doubles(&self, payload: &Payload) -> Result<()> {
        let echo = self
            .0
            .doubles(context::current(), payload.doubles.clone())
            .await?;
        check_echo(echo == payload.doubles)
    }
}
