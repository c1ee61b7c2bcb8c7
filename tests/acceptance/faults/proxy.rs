//! [`Proxy`]: stands between an initializer and a server, and decides what becomes of each message.

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

/// A link to a server. An initializer has one connection at a time, and waits for each answer. It
/// has the server's deploy key: it proves that to the server, and is proved it by the initializer,
/// which dialled it and not the server.
pub struct Proxy {
    address: SocketAddr,
    _key: KeyCopy,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<ServerProcess>>,
}

/// One message of an initializer, not yet handed on.
pub struct Exchange<'a> {
    pub header: String,
    message: Vec<u8>,
    far: &'a mut TcpStream,
    pub server: &'a mut ServerProcess,
}

impl Exchange<'_> {
    /// Hands the message on and takes the answer.
    pub fn forward(&mut self) -> Option<Vec<u8>> {
        write_frame(self.far, &self.message)?;
        read_frame(self.far)
    }

    /// Kills the server, and starts it again on its data.
    pub fn restart(&mut self, data: &Path) {
        self.server.kill();
        *self.server = ServerProcess::start(data, &[]);
    }
}

impl Proxy {
    /// Stands before a server. `rule` says what an initializer's message is answered; `None` cuts
    /// the connection.
    pub fn before(
        server: ServerProcess,
        rule: impl FnMut(&mut Exchange<'_>) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let key = String::from_utf8(server.deploy_key()).expect("text");
        let copy = KeyCopy::keep(&server.key_folder(), address, &key).expect("a copy of the key");
        let thread = std::thread::spawn(move || serve(&listener, server, rule, &seen));
        Self {
            address,
            _key: copy,
            ended,
            thread: Some(thread),
        }
    }

    /// The argument that sends an initializer here.
    pub fn place(&self, server: &str) -> String {
        format!("{server}={}", self.address)
    }

    /// Goes away; the server is returned as it is by then.
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
        let (mut near, _) = listener.accept().expect("a connection");
        if ended.load(Ordering::SeqCst) {
            return server;
        }
        let Ok(mut far) = TcpStream::connect(server.address()) else {
            continue;
        };
        for stream in [&near, &far] {
            stream
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket option");
        }
        let proven = prove(&mut far, &server).and_then(|()| {
            take_proof(&mut near, &server.deploy_key(), listener.local_addr().ok()?)
        });
        if proven.is_none() {
            continue;
        }
        while let Some(message) = read_frame(&mut near) {
            let envelope: Value = serde_json::from_slice(&message).expect("JSON");
            let header = envelope["header"].as_str().expect("a header").to_owned();
            let mut exchange = Exchange {
                header,
                message,
                far: &mut far,
                server: &mut server,
            };
            let answer = rule(&mut exchange);
            if answer
                .and_then(|answer| write_frame(&mut near, &answer))
                .is_none()
            {
                break;
            }
        }
    }
}

/// Proves the key to the server.
fn prove(far: &mut TcpStream, server: &ServerProcess) -> Option<()> {
    let nonce = "7b".repeat(16);
    let answer = ask(
        far,
        &json!({ "header": "INIT-CHALLENGE", "value": { "nonce": nonce } }),
    )?;
    let challenge = Challenge {
        address: server.address(),
        initializer_nonce: &nonce,
        server_nonce: answer["value"]["result"]["nonce"].as_str()?,
    };
    let proof = challenge.prove(&server.deploy_key(), Prover::Initializer);
    let answer = ask(
        far,
        &json!({ "header": "INIT-PROVE", "value": { "proof": proof } }),
    )?;
    (answer["header"] == "INIT-RES").then_some(())
}

/// Plays the server to an initializer that proves the key to this address.
fn take_proof(near: &mut TcpStream, key: &[u8], address: SocketAddr) -> Option<()> {
    let challenge: Value = serde_json::from_slice(&read_frame(near)?).ok()?;
    let server_nonce = "9c".repeat(16);
    answer(near, &json!({ "nonce": server_nonce }))?;
    let initializer_nonce = challenge["value"]["nonce"].as_str()?;
    let challenge = Challenge {
        address,
        initializer_nonce,
        server_nonce: &server_nonce,
    };
    let proof: Value = serde_json::from_slice(&read_frame(near)?).ok()?;
    assert!(challenge.verify(key, Prover::Initializer, proof["value"]["proof"].as_str()?));
    answer(
        near,
        &json!({ "proof": challenge.prove(key, Prover::Server) }),
    )
}

fn ask(far: &mut TcpStream, message: &Value) -> Option<Value> {
    write_frame(far, message.to_string().as_bytes())?;
    serde_json::from_slice(&read_frame(far)?).ok()
}

fn answer(near: &mut TcpStream, result: &Value) -> Option<()> {
    let answer = json!({ "header": "INIT-RES", "value": { "result": result } });
    write_frame(near, answer.to_string().as_bytes())
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
