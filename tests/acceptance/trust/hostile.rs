//! Servers that break TLS, or the protocol inside of it, against every client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rpc_runtime::Executed;
use tls::rustls::{ServerConnection, StreamOwned};
use tls::{Credentials, ServerTls};

use super::{MARK, client_within};
use crate::harness::{Caller, Certificates, Frames, PATIENCE, Skin};

type Inside = StreamOwned<ServerConnection, TcpStream>;

/// What a server does to a connection.
#[derive(Clone, Copy)]
enum Script {
    /// Before or in place of the handshake.
    Raw(fn(&mut TcpStream)),
    /// After a good handshake.
    Inside(fn(&mut Inside)),
}

/// Starts a server with these certificates that plays a script on one connection.
fn hostile(folder: &Path, script: Script) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let tls = ServerTls::new(&Credentials::load(folder).expect("good files"));
    let server_thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a socket option");
        // A further connection is refused.
        drop(listener);
        match script {
            Script::Raw(play) => play(&mut stream),
            Script::Inside(play) => {
                let config = tls.accept().expect("settings").config;
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                let mut inside = StreamOwned::new(connection, stream);
                // The first bytes of the client's first message end the handshake.
                let _ = inside.read(&mut [0; 1]);
                play(&mut inside);
            }
        }
    });
    (address, server_thread)
}

/// Waits until the client closes the connection.
fn await_end(stream: &mut impl std::io::Read) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

/// Sends bytes inside of TLS, and waits for the end.
fn send(inside: &mut Inside, bytes: &[u8]) {
    let _ = inside.write_all(bytes).and_then(|()| inside.flush());
    await_end(inside);
}

#[test]
fn a_server_that_breaks_tls_or_the_protocol_inside_it_fails_each_call_and_blocks_none() {
    const DEADLINE: Duration = Duration::from_millis(700);
    let certificates = Certificates::of("shop");
    let folder = certificates.folder("server/server1");
    let client = certificates.folder("client/one");
    let before_the_request = Some(Executed::No);
    let scripts: &[(&str, Script, Option<Executed>)] = &[
        ("closes at once", Script::Raw(|_| {}), before_the_request),
        (
            "is silent in the handshake",
            Script::Raw(await_end),
            before_the_request,
        ),
        (
            "sends no TLS",
            Script::Raw(|stream| {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                await_end(stream);
            }),
            before_the_request,
        ),
        (
            "sends an endless record",
            Script::Raw(|stream| {
                let _ = stream.write_all(&[22, 3, 3, 0xff, 0xff]);
                while stream.write_all(&[0; 4096]).is_ok() {}
            }),
            before_the_request,
        ),
        (
            "sends an alert",
            Script::Raw(|stream| {
                let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
                await_end(stream);
            }),
            before_the_request,
        ),
        ("is silent inside", Script::Inside(await_end), None),
        ("closes after the handshake", Script::Inside(|_| {}), None),
        (
            "sends a frame of 4 GiB",
            Script::Inside(|inside| send(inside, &[0xff; 64])),
            None,
        ),
        (
            "sends an empty frame",
            Script::Inside(|inside| send(inside, &[0; 4])),
            None,
        ),
        (
            "answers a call that was not made",
            Script::Inside(|inside| send(inside, &Frames::hello().result(7, 5_i64).bytes())),
            None,
        ),
        (
            "pings without end",
            Script::Inside(|inside| {
                let pings = (0..1000).fold(Frames::new(), Frames::ping).bytes();
                let _ = inside.write_all(&Frames::hello().bytes());
                while inside.write_all(&pings).is_ok() {}
            }),
            None,
        ),
        (
            "spoils a record",
            Script::Inside(|inside| {
                let _ = inside.sock.write_all(&[23, 3, 3, 0, 40]);
                let _ = inside.sock.write_all(&[7; 40]);
                await_end(&mut inside.sock);
            }),
            None,
        ),
        (
            "cuts a record",
            Script::Inside(|inside| {
                let _ = inside.sock.write_all(&[23, 3, 3, 0, 40, 7, 7]);
            }),
            None,
        ),
    ];
    for (name, script, executed) in scripts {
        for skin in Skin::ALL {
            let (address, server_thread) = hostile(&folder, *script);
            let folder = client.to_str().expect("text");
            let client = client_within(address, folder, DEADLINE).expect("a network");
            let caller = Caller::with_client(skin, client);
            let begin = Instant::now();
            let error = caller.call(&MARK, 1).expect_err(name);
            assert!(
                begin.elapsed() < PATIENCE / 2,
                "{name}: {:?}",
                begin.elapsed()
            );
            assert_ne!(error.executed(), Executed::Yes, "{name}, {skin:?}: {error}");
            if let Some(executed) = executed {
                assert_eq!(error.executed(), *executed, "{name}, {skin:?}: {error}");
            }
            drop(caller);
            server_thread.join().expect("a script that ends");
        }
    }
}
