//! The server in Rust of `docs/TUTORIAL.md`: compiles its `main`, and checks what its log says.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rpc_runtime::server::Limits;
use rpc_runtime::server::log::{self, Level, LogFormat};

use crate::harness::EmbeddedServer;

const TUTORIAL: &str = include_str!("../../docs/TUTORIAL.md");

#[rustfmt::skip]
#[path = "../../rpcgen/tests/goldens/tutorial/gen/mod.rs"]
mod stubs;

#[allow(dead_code, reason = "it listens on a fixed port, so no test runs it")]
mod program {
    use super::stubs;

    include!("../../rpcgen/tests/native/tutorial.rs");
    include!("native_server/main.rs");

    pub(super) fn service() -> rpc_runtime::NativeService {
        stubs::words::serve(Words)
    }
}

const OTHER_SERVICE: &str = "\
network: { servers: { server1: { ip: 127.0.0.1, port: 1 } }, clients: { client1: { ip: 127.0.0.1 } } }
services:
  other:
    provider: server1
    tenants: [client1]
";

/// What the log has written so far.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_tutorial_shows_a_main_that_compiles() {
    assert!(TUTORIAL.contains(include_str!("native_server/main.rs")));
}

#[test]
fn the_log_names_a_native_service_that_the_file_does_not_have() {
    let written = Written::default();
    let log = log::start(Level::INFO, LogFormat::Text, Box::new(written.clone()));
    let log = log.expect("no other test of this program has a log");
    let server = EmbeddedServer::start(OTHER_SERVICE, vec![program::service()], &Limits::default());
    let has = "server1 has a native service `words` that the file does not name";
    server.apply().succeeds().says(has);
    drop(server);
    drop(log);
    let written = written.0.lock().unwrap_or_else(PoisonError::into_inner);
    let written = String::from_utf8_lossy(&written);
    let line = written
        .lines()
        .find(|line| line.contains("native service not in the file"));
    let line = line.unwrap_or_else(|| panic!("{written}"));
    for words in [
        "WARN",
        "service=words",
        "the file gives `server1` no service of this name",
    ] {
        assert!(line.contains(words), "{line}");
    }
}
