//! [`Desired`]: what every server should run, from the file and the sources that it names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rpc_schema::model::{Code, Network, Rpc, Schema, Service};
use rpc_schema::{Document, Expanded};

use crate::error::InitializerError;
use crate::options::InitializerOptions;
use deploy::manifest::{
    FileEntry, GrantsEntry, MANIFEST_FORMAT, Manifest, NetworkEntry, ParameterEntry, RpcEntry,
    ServiceEntry,
};
use deploy::sha256_hex;

/// What every server of the network should run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Desired {
    /// The servers, in the file's order.
    pub servers: Vec<DesiredServer>,
    /// The file's servers that are not selected, and will not change.
    pub(super) others: Vec<(String, SocketAddr)>,
    /// The bytes of every source, module and data file, by SHA-256.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The path of every source, module and data file, and of every file that the file extends.
    pub paths: Vec<PathBuf>,
    /// The checked file.
    pub(super) document: Arc<Document>,
    pub(super) network: NetworkEntry,
}

/// What one server should run. Its manifest has no apply id yet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DesiredServer {
    /// The server's name.
    pub name: String,
    /// The address where the server is reached.
    pub address: SocketAddr,
    /// What the server should run.
    pub manifest: Manifest,
    /// The content hash of the manifest.
    pub content: String,
}

impl DesiredServer {
    pub(super) fn new(name: &str, address: SocketAddr, manifest: Manifest) -> Self {
        let content = manifest.content_hash();
        Self {
            name: name.to_owned(),
            address,
            manifest,
            content,
        }
    }
}

impl Desired {
    /// Reads and checks the file. Reads and hashes every source, module and data file.
    ///
    /// # Errors
    /// Returns all findings in the file, or the first file that cannot be read. Fails also if an
    /// option names an unknown server, or if an environment variable contains an invalid address.
    pub fn read(init: &Path, options: &InitializerOptions) -> Result<Self, InitializerError> {
        let findings = |report| InitializerError::File(Box::new(report));
        let document = rpc_schema::load(init).map_err(findings)?;
        document.check_files().map_err(findings)?;
        let schema = &document.schema;
        let mut reader = FileReader {
            folder: document.folder(),
            files: BTreeMap::new(),
            hashes: BTreeMap::new(),
        };
        check_certificate(&document, options)?;
        let network = network_entry(&schema.network);
        // A server that left the file may still need another address, to be emptied.
        let addressed = options.servers.keys().filter(|_| !options.retire);
        if let Some(unknown) = addressed
            .chain(&options.only)
            .find(|name| !network.servers.contains_key(*name))
        {
            return Err(InitializerError::UnknownServer(unknown.clone()));
        }
        let mut servers = Vec::new();
        let mut others = Vec::new();
        for server in &schema.network.servers {
            let name = server.name.to_string();
            let address = options.address_of(&name, server.address)?;
            if !options.is_selected(&name) {
                others.push((name, address));
                continue;
            }
            let services = provided_services(schema, &name, &mut reader)?;
            let manifest = manifest(&name, &network, services);
            servers.push(DesiredServer::new(&name, address, manifest));
        }
        let FileReader {
            files,
            hashes,
            folder,
        } = reader;
        let sources = hashes.into_keys().map(|path| folder.join(path));
        let paths = sources.chain(bases(&document)).collect();
        Ok(Self {
            servers,
            others,
            files,
            paths,
            document: Arc::new(document),
            network,
        })
    }

    /// Adds to every manifest the servers that are no longer in the file, but still run.
    pub(super) fn set_departed(&mut self, departed: &BTreeMap<String, SocketAddr>) {
        for server in &mut self.servers {
            if server.manifest.network.departed != *departed {
                server.manifest.network.departed.clone_from(departed);
                server.content = server.manifest.content_hash();
            }
        }
    }

    /// Returns a server that is no longer in the file, with nothing to run.
    pub(super) fn retired(&self, name: &str, address: SocketAddr) -> DesiredServer {
        let manifest = manifest(name, &self.network, BTreeMap::new());
        DesiredServer::new(name, address, manifest)
    }
}

/// Returns the path of every file that an `init.yaml` names or extends, even of a missing file. If
/// the `init.yaml` is wrong, returns only the files that it extends.
pub fn named_files(init: &Path) -> Vec<PathBuf> {
    let document = match rpc_schema::load(init) {
        Ok(document) => document,
        Err(report) => return report.paths().skip(1).map(Path::to_owned).collect(),
    };
    let named = document.named_paths();
    named
        .map(|path| document.folder().join(path))
        .chain(bases(&document))
        .collect()
}

/// Returns the path of every file that the document extends.
fn bases(document: &Document) -> impl Iterator<Item = PathBuf> {
    document.paths().skip(1).map(Path::to_owned)
}

/// Checks that the deployer can still deploy after this apply: that the file is of the network of
/// its certificate, and names it.
fn check_certificate(
    document: &Document,
    options: &InitializerOptions,
) -> Result<(), InitializerError> {
    let Some(tls) = &options.tls else {
        return Ok(());
    };
    let own = tls.identity();
    let file = document.path().display();
    let schema = &document.schema;
    let wrong = |what: String| Err(InitializerError::Certificate(what));
    match &schema.name {
        Some(name) if *name == *own.network => {}
        Some(name) => {
            return wrong(format!(
                "{file} is of the network `{name}`, and the certificate is that of `{own}`"
            ));
        }
        None => {
            return wrong(format!(
                "{file} has no `name`, and certificates are of the network `{}`: add `name: {}` at its top",
                own.network, own.network
            ));
        }
    }
    if schema
        .network
        .deployers
        .iter()
        .any(|name| *name == *own.name)
    {
        return Ok(());
    }
    wrong(format!(
        "{file} does not name `{}` among `deployers`, so this apply would lock you out; the certificate is that of `{own}`",
        own.name
    ))
}

/// Reads the files that an `init.yaml` names, each once.
struct FileReader<'a> {
    folder: &'a Path,
    /// The bytes of each file, by SHA-256.
    files: BTreeMap<String, Vec<u8>>,
    /// The SHA-256 of each file, by path.
    hashes: BTreeMap<String, String>,
}

impl FileReader<'_> {
    fn entry(&mut self, path: &str) -> Result<FileEntry, InitializerError> {
        let path = path.to_owned();
        if let Some(sha256) = self.hashes.get(&path) {
            return Ok(FileEntry {
                sha256: sha256.clone(),
                path,
            });
        }
        let full_path = self.folder.join(&path);
        let bytes = std::fs::read(&full_path).map_err(|error| {
            InitializerError::Source(format!("{}: {error}", full_path.display()))
        })?;
        let sha256 = sha256_hex(&bytes);
        self.files.insert(sha256.clone(), bytes);
        self.hashes.insert(path.clone(), sha256.clone());
        Ok(FileEntry { path, sha256 })
    }

    fn entries(&mut self, paths: &[String]) -> Result<Vec<FileEntry>, InitializerError> {
        paths.iter().map(|path| self.entry(path)).collect()
    }
}

fn manifest(
    server: &str,
    network: &NetworkEntry,
    services: BTreeMap<String, ServiceEntry>,
) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        server: server.to_owned(),
        apply: String::new(),
        network: network.clone(),
        services,
    }
}

fn network_entry(network: &Network) -> NetworkEntry {
    NetworkEntry {
        servers: network
            .servers
            .iter()
            .map(|server| (server.name.to_string(), server.address))
            .collect(),
        clients: network
            .clients
            .iter()
            .map(|client| (client.name.to_string(), client.ip))
            .collect(),
        deployers: network.deployers.iter().map(ToString::to_string).collect(),
        departed: BTreeMap::new(),
    }
}

fn provided_services(
    schema: &Schema,
    server: &str,
    reader: &mut FileReader<'_>,
) -> Result<BTreeMap<String, ServiceEntry>, InitializerError> {
    let provided = schema
        .services
        .iter()
        .filter(|service| service.provider == *server);
    provided
        .map(|service| Ok((service.name.to_string(), service_entry(service, reader)?)))
        .collect()
}

fn service_entry(
    service: &Service,
    reader: &mut FileReader<'_>,
) -> Result<ServiceEntry, InitializerError> {
    let grants = &service.grants;
    Ok(ServiceEntry {
        tenants: service.tenants.iter().map(ToString::to_string).collect(),
        modules: reader.entries(&service.modules)?,
        data: reader.entries(&service.data)?,
        grants: GrantsEntry {
            connect: grants.connect.clone(),
            read: grants.read.clone(),
            write: grants.write.clone(),
            memory: grants.memory.map(std::num::NonZeroU64::get),
            env: grants.env.clone(),
        },
        concurrency: service.concurrency.map(std::num::NonZeroU32::get),
        rpcs: service
            .rpcs
            .iter()
            .map(|rpc| rpc_entry(rpc, reader))
            .collect::<Result<_, _>>()?,
    })
}

fn rpc_entry(rpc: &Rpc, reader: &mut FileReader<'_>) -> Result<RpcEntry, InitializerError> {
    let parameters = rpc.parameters.iter().map(|parameter| ParameterEntry {
        name: parameter.name.as_ref().map(ToString::to_string),
        type_text: Expanded(&parameter.ty).to_string(),
    });
    let source = match &rpc.code {
        Code::Source(path) => Some(reader.entry(path)?),
        Code::Native => None,
    };
    Ok(RpcEntry {
        name: rpc.name.to_string(),
        parameters: parameters.collect(),
        returns: rpc
            .returns
            .iter()
            .map(|ty| Expanded(ty).to_string())
            .collect(),
        source,
        deadline_ms: rpc
            .deadline
            .map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
        idempotent: rpc.idempotent,
    })
}

/// Returns the name and the address of every server of the file that the options select.
///
/// # Errors
/// [`InitializerError::File`], [`InitializerError::UnknownServer`], [`InitializerError::Address`].
pub(super) fn declared_servers(
    init: &Path,
    options: &InitializerOptions,
) -> Result<Vec<(String, SocketAddr)>, InitializerError> {
    let document =
        rpc_schema::load(init).map_err(|report| InitializerError::File(Box::new(report)))?;
    let mut servers = Vec::new();
    for server in &document.schema.network.servers {
        let name = server.name.to_string();
        let address = options.address_of(&name, server.address)?;
        servers.push((name, address));
    }
    if let Some(unknown) = options
        .servers
        .keys()
        .chain(&options.only)
        .find(|name| servers.iter().all(|(known, _)| known != *name))
    {
        return Err(InitializerError::UnknownServer(unknown.clone()));
    }
    servers.retain(|(name, _)| options.is_selected(name));
    Ok(servers)
}
