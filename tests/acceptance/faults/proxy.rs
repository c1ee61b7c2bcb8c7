//! [`Proxy`]: stands between an initializer and a server, and decides what happens to each message.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use deploy::key_file::KeyCopy;
use deploy::proof::{Challenge, Prover};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, ServerProcess};

/// A proxy before a server. It serves one connection at a time, and an initializer waits for each
/// answer. A proof of the deploy key depends on the dialled address, so the proxy cannot forward
/// it. The proxy has the key itself: it proves the key to the server, and checks the initializer's
/// proof.
pub struct Proxy {
    address: SocketAddr,
    _key: KeyCopy,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<ServerProcess>>,
}

/// A message of an initializer that is not forwarded yet.
pub struct Exchange<'a> {
    pub header: String,
    message: Vec<u8>,
    to_server: &'a mut TcpStream,
    pub server: &'a mut ServerProcess,
}

impl Exchange<'_> {
    /// Forwards the message and returns the answer.
    pub fn forward(&mut self) -> Option<Vec<u8>> {
        write_frame(self.to_server, &self.message)?;
        read_frame(self.to_server)
    }

    /// Kills the server and starts it again with the same data folder.
    pub fn restart(&mut self, data: &Path) {
        self.server.kill();
        *self.server = ServerProcess::start(data, &[]);
    }
}

impl Proxy {
    /// Starts a proxy before a server. `rule` returns the answer to each message of an initializer.
    /// `None` closes the connection.
    pub fn before(
        server: ServerProcess,
        rule: impl FnMut(&mut Exchange<'_>) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let ended = Arc::new(AtomicBool::new(false));
        let ended_in_thread = Arc::clone(&ended);
        let key = String::from_utf8(server.deploy_key()).expect("text");
        let copy = KeyCopy::write(&server.key_folder(), address, &key).expect("a copy of the key");
        let thread = std::thread::spawn(move || serve(&listener, server, rule, &ended_in_thread));
        Self {
            address,
            _key: copy,
            ended,
            thread: Some(thread),
        }
    }

    /// Returns the value for `--server` that directs an initializer to this proxy.
    pub fn place(&self, server: &str) -> String {
        format!("{server}={}", self.address)
    }

    /// Stops the proxy and returns the server.
    pub fn end(mut self) -> ServerProcess {
        self.stop().expect("a thread that has not ended")
    }

    fn stop(&mut self) -> Option<ServerProcess> {
        self.ended.store(true, Ordering::SeqCst);
        let thread = self.thread.take()?;
        let _ = TcpStream::connect(self.address);
        Some(thread.join().expect("a rule that does not panic"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn serve(
    listener: &TcpListener,
    mut server: ServerProcess,
    mut rule: impl FnMut(&mut Exchange<'_>) -> Option<Vec<u8>>,
    ended: &AtomicBool,
) -> ServerProcess {
    loop {
        let (mut to_initializer, _) = listener.accept().expect("a connection");
        if ended.load(Ordering::SeqCst) {
            return server;
        }
        let Ok(mut to_server) = TcpStream::connect(server.address()) else {
            continue;
        };
        for stream in [&to_initializer, &to_server] {
            stream
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket option");
        }
        let proven = prove(&mut to_server, &server).and_then(|()| {
            take_proof(
                &mut to_initializer,
                &server.deploy_key(),
                listener.local_addr().ok()?,
            )
        });
        if proven.is_none() {
            continue;
        }
        while let Some(message) = read_frame(&mut to_initializer) {
            let envelope: Value = serde_json::from_slice(&message).expect("JSON");
            let header = envelope["header"].as_str().expect("a header").to_owned();
            let mut exchange = Exchange {
                header,
                message,
                to_server: &mut to_server,
                server: &mut server,
            };
            let answer = rule(&mut exchange);
            if answer
                .and_then(|answer| write_frame(&mut to_initializer, &answer))
                .is_none()
            {
                break;
            }
        }
    }
}

/// Proves the deploy key to the server.
fn prove(to_server: &mut TcpStream, server: &ServerProcess) -> Option<()> {
    let nonce = "7b".repeat(16);
    let answer = ask(
        to_server,
        &json!({ "header": "INIT-CHALLENGE", "value": { "nonce": nonce } }),
    )?;
    let challenge = Challenge {
        address: server.address(),
        initializer_nonce: &nonce,
        server_nonce: answer["value"]["result"]["nonce"].as_str()?,
    };
    let proof = challenge.prove(&server.deploy_key(), Prover::Initializer);
    let answer = ask(
        to_server,
        &json!({ "header": "INIT-PROVE", "value": { "proof": proof } }),
    )?;
    (answer["header"] == "INIT-RES").then_some(())
}

/// Plays the server for an initializer that proves the deploy key for the proxy's address.
fn take_proof(to_initializer: &mut TcpStream, key: &[u8], address: SocketAddr) -> Option<()> {
    let challenge: Value = serde_json::from_slice(&read_frame(to_initializer)?).ok()?;
    let server_nonce = "9c".repeat(16);
    answer(to_initializer, &json!({ "nonce": server_nonce }))?;
    let initializer_nonce = challenge["value"]["nonce"].as_str()?;
    let challenge = Challenge {
        address,
        initializer_nonce,
        server_nonce: &server_nonce,
    };
    let proof: Value = serde_json::from_slice(&read_frame(to_initializer)?).ok()?;
    assert!(challenge.verify(key, Prover::Initializer, proof["value"]["proof"].as_str()?));
    answer(
        to_initializer,
        &json!({ "proof": challenge.prove(key, Prover::Server) }),
    )
}

fn ask(to_server: &mut TcpStream, message: &Value) -> Option<Value> {
    write_frame(to_server, message.to_string().as_bytes())?;
    serde_json::from_slice(&read_frame(to_server)?).ok()
}

fn answer(to_initializer: &mut TcpStream, result: &Value) -> Option<()> {
    let answer = json!({ "header": "INIT-RES", "value": { "result": result } });
    write_frame(to_initializer, answer.to_string().as_bytes())
}

fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

fn write_frame(stream: &mut TcpStream, message: &[u8]) -> Option<()> {
    let length = u32::try_from(message.len()).ok()?;
    stream
        .write_all(&[&length.to_be_bytes(), message].concat())
        .ok()
}
