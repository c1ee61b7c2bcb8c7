//! [`ServerOptions`]: how a server is set up; [`StartError`]: why a server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use deploy::key_file;
use handler::NativeService;
use tls::TlsError;

use crate::limits::Limits;
use crate::store::StoreError;

/// How a server is set up. [`new`](Self::new) makes options; their fields can then be set.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The address to listen on. Port 0 picks a free port.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// Whether the server may listen in plain TCP beyond loopback.
    pub insecure: bool,
    /// The folder with the server's certificate: `ca.pem`, `cert.pem`, `key.pem`, and `crl.pem` if
    /// there is one. With it, the server speaks TLS alone, and certificates say who calls and who
    /// deploys. It is read again when it changes.
    pub tls: Option<PathBuf>,
    /// The deploy key: whoever proves it may deploy. `None` makes the server use its own key, which
    /// it makes at its first start and keeps in the data folder.
    pub deploy_key: Option<Vec<u8>>,
    /// The folder in which the running server keeps a copy of its own key for tools of the same
    /// user; see [`key_file`]. `None` keeps no copy.
    pub key_folder: Option<PathBuf>,
    /// The address at which initializers dial this server, if it differs from `listen`.
    pub advertise: Option<SocketAddr>,
    /// The Python that runs procedures. It is checked when the server starts. `None` is `python3`,
    /// which is needed only when the first procedure in Python is deployed.
    pub python: Option<String>,
    /// The native services that are compiled into this program, each once. The `serve` function of
    /// a stub makes one.
    pub native: Vec<NativeService>,
    /// The limits of the server.
    pub limits: Limits,
}

impl ServerOptions {
    /// Returns the options of a server on that address with that data folder. The server listens
    /// only on loopback, makes its own deploy key, runs `python3` and has the default limits.
    pub fn new(listen: SocketAddr, data: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            data: data.into(),
            insecure: false,
            tls: None,
            deploy_key: None,
            key_folder: key_file::folder(),
            advertise: None,
            python: None,
            native: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Adds a native service.
    #[must_use]
    pub fn native(mut self, service: NativeService) -> Self {
        self.native.push(service);
        self
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is beyond loopback, and `insecure` is not set.
    #[error(
        "refusing to listen on {0} in plain TCP: beyond loopback, anyone on the network could read and forge calls; \
         give --tls with a folder of certificates (`initializer cert` makes them), or allow it with --insecure"
    )]
    Insecure(SocketAddr),
    /// The folder of certificates cannot be used.
    #[error("{0}")]
    Tls(TlsError),
    /// The certificate is not that of a server.
    #[error("the certificate in {path} is of `{1}`, not of a server or a peer", path = .0.display())]
    NotAServer(PathBuf, tls::Identity),
    /// Two native services have the same name.
    #[error("the native service `{0}` is registered twice; give the server one handler for it")]
    NativeTwice(&'static str),
    /// The server cannot listen on the address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The data folder cannot be used.
    #[error("{0}")]
    Store(String),
    /// The operating system starts no more threads.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// Python cannot be used.
    #[error("{0}")]
    Python(String),
    /// The stored generation does not load.
    #[error("the stored generation does not load: {0}")]
    Load(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}
