//! [`ServerOptions`]: how a server is set up; [`StartError`]: why it does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use deploy::key_file;
use handler::NativeService;

use crate::limits::Limits;
use crate::store::StoreError;

/// How a server is set up.
#[derive(Debug)]
pub struct ServerOptions {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
    /// Whether it may listen in plain TCP beyond loopback.
    pub insecure: bool,
    /// The key that proves who may deploy. Without one, the server makes its own at its first start
    /// and keeps it in the data folder.
    pub deploy_key: Option<Vec<u8>>,
    /// Where the running server keeps a copy of its own key for tools of the same user; see
    /// [`key_file`]. `None` keeps none.
    pub key_folder: Option<PathBuf>,
    /// The address at which it is dialled, where that is another than the one it listens on.
    pub advertise: Option<SocketAddr>,
    /// The Python that runs procedures; it must be usable when the server starts. `None` is
    /// `python3`, which is not needed before the first source in Python is.
    pub python: Option<String>,
    /// The native services that are compiled into this program, as the `serve` of their stubs makes
    /// them.
    pub native: Vec<NativeService>,
    /// Its limits.
    pub limits: Limits,
}

impl ServerOptions {
    /// A server on that address with that data folder: plain TCP on loopback alone, its own deploy
    /// key, `python3`, the default limits.
    pub fn new(listen: SocketAddr, data: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            data: data.into(),
            insecure: false,
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
    /// Plain TCP beyond loopback was not asked for.
    #[error(
        "refusing to listen on {0} in plain TCP: it is beyond loopback, where anyone could read and forge calls; \
         give --insecure to do so all the same"
    )]
    Insecure(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The data folder is of no use.
    #[error("{0}")]
    Store(String),
    /// No more threads are to be had.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// Python is of no use.
    #[error("{0}")]
    Python(String),
    /// What is stored does not load.
    #[error("the stored generation does not load: {0}")]
    Load(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}
