//! Rates with one call in flight: the bare socket, a framed text session, and the blocking client
//! of the stubs.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use rpc_runtime::{Network, Topology};

use crate::median;
use crate::project::{Part, Project};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(1500);

const INIT: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    client1: { ip: 127.0.0.1 }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: add, arguments: [int, int], returns: int, path: add.py }
";

const REQUEST: &str = r#"{"header":"RPC-REQ","value":{"id":1,"service":"svc1","rpc":"add","argument-types":["int","int"],"arguments":[2,3]}}"#;

pub fn measure() -> io::Result<()> {
    let project = Project::start(INIT, 1)?;
    project.write(
        "add.py",
        "def add(a: int, b: int) -> int:\n    return a + b\n",
    )?;
    project.initializer("apply", 0)?;
    let bare = Part::start(&["bare-echo"], Stdio::inherit())?;
    let address = project.address(1);
    let network = network(address).map_err(io::Error::other)?;
    let mut echo = TcpStream::connect(bare.address)?;
    let mut session = TcpStream::connect(address)?;
    echo.set_nodelay(true)?;
    session.set_nodelay(true)?;
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        rates[0].push(rate(|| ping(&mut echo))?);
        rates[1].push(rate(|| framed_call(&mut session))?);
        rates[2].push(rate(|| client_call(&network))?);
    }
    let [bare, framed, client] = rates.map(median);
    println!("one call in flight, a warm Python add(int, int), medians of {ROUNDS} rounds:");
    println!("  bare std::net ping-pong   {bare:>9.0} /s");
    println!(
        "  framed text session       {framed:>9.0} /s   {:.2} of the bare socket",
        framed / bare
    );
    println!(
        "  the stubs' client         {client:>9.0} /s   {:.2} of the bare socket",
        client / bare
    );
    Ok(())
}

fn rate(mut call: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    for _ in 0..500 {
        call()?;
    }
    let begin = Instant::now();
    let mut calls = 0_u32;
    while begin.elapsed() < ROUND {
        for _ in 0..50 {
            call()?;
        }
        calls += 50;
    }
    Ok(f64::from(calls) / begin.elapsed().as_secs_f64())
}

fn ping(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0; 32];
    stream.write_all(&answer)?;
    stream.read_exact(&mut answer)
}

fn framed_call(stream: &mut TcpStream) -> io::Result<()> {
    let length = u32::try_from(REQUEST.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), REQUEST.as_bytes()].concat())?;
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer)?;
    let values = b"\"return-values\":[5]";
    if answer[..count]
        .windows(values.len())
        .any(|window| window == values)
    {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&answer[..count]).into_owned(),
    ))
}

fn client_call(network: &Network) -> io::Result<()> {
    let answer = network
        .call("svc1", "add", &[2.into(), 3.into()])
        .map_err(io::Error::other)?;
    match answer.return_values.first() {
        Some(value) if value.get() == "5" => Ok(()),
        _ => Err(io::Error::other("the sum is wrong")),
    }
}

fn network(address: std::net::SocketAddr) -> Result<Network, rpc_runtime::Error> {
    let topology = Topology::new()
        .server("server1", address)
        .client("client1", IpAddr::V4(Ipv4Addr::LOCALHOST))
        .service("svc1", "server1");
    Network::builder(topology).build()
}

/// Serves the upper limit of the rates: sends everything back over a single connection.
pub fn serve_bare_echo() -> ExitCode {
    let serve = || -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("listening on {}", listener.local_addr()?);
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..count])?;
        }
    };
    if serve().is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
