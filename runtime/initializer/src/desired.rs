//! [`Desired`]: what every server should run, from the file and the sources it names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rpc_schema::model::{Code, Network, Rpc, Schema, Service};
use rpc_schema::{Document, Expanded};

use super::{InitializerError, InitializerOptions};
use deploy::manifest::{
    FileEntry, GrantsEntry, MANIFEST_FORMAT, Manifest, NetworkEntry, ParameterEntry, RpcEntry,
    ServiceEntry,
};
use deploy::sha256_hex;

/// What every server of the network should run.
#[derive(Debug)]
pub struct Desired {
    /// The servers, in the file's order.
    pub servers: Vec<DesiredServer>,
    /// Where the file's other servers are reached, which are left as they are.
    pub(super) others: Vec<SocketAddr>,
    /// The bytes of every file that travels, by SHA-256.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Every path that was read, for whoever watches them: beside init.yaml, or absolute.
    pub paths: Vec<PathBuf>,
    /// The file.
    pub(super) document: Arc<Document>,
    pub(super) network: NetworkEntry,
}

/// What one server should run. Its manifest has no apply id yet.
#[derive(Debug, Clone)]
pub struct DesiredServer {
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub address: SocketAddr,
    /// What it should run.
    pub manifest: Manifest,
    /// The hash of that.
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
    /// Reads and checks the file, and reads and hashes every file that travels.
    ///
    /// # Errors
    /// The findings in the file, all at once; or a file that cannot be read.
    pub fn read(init: &Path, options: &InitializerOptions) -> Result<Self, InitializerError> {
        let findings = |report| InitializerError::File(Box::new(report));
        let document = rpc_schema::load(init).map_err(findings)?;
        document.check_files().map_err(findings)?;
        let schema = &document.schema;
        let mut reader = Reader {
            folder: document.folder(),
            files: BTreeMap::new(),
            hashes: BTreeMap::new(),
        };
        let network = network_entry(&schema.network);
        if let Some(unknown) = options
            .only
            .iter()
            .find(|name| !network.servers.contains_key(*name))
        {
            return Err(InitializerError::UnknownServer(unknown.clone()));
        }
        let (mut servers, mut others) = (Vec::new(), Vec::new());
        for server in &schema.network.servers {
            let name = server.name.to_string();
            let address = options.address_of(&name, server.address)?;
            if !options.is_meant(&name) {
                others.push(address);
                continue;
            }
            let services = provided_services(schema, &name, &mut reader)?;
            let manifest = manifest(&name, &network, services);
            servers.push(DesiredServer::new(&name, address, manifest));
        }
        let Reader {
            files,
            hashes,
            folder,
        } = reader;
        let paths = hashes.into_keys().map(|path| folder.join(path)).collect();
        Ok(Self {
            servers,
            others,
            files,
            paths,
            document: Arc::new(document),
            network,
        })
    }

    /// Has every server remember the ones that left the file and run on.
    pub(super) fn remember(&mut self, departed: &BTreeMap<String, SocketAddr>) {
        for server in &mut self.servers {
            if server.manifest.network.departed != *departed {
                server.manifest.network.departed.clone_from(departed);
                server.content = server.manifest.content_hash();
            }
        }
    }

    /// A server that left the file, with nothing to run.
    pub(super) fn retired(&self, name: &str, address: SocketAddr) -> DesiredServer {
        let manifest = manifest(name, &self.network, BTreeMap::new());
        DesiredServer::new(name, address, manifest)
    }
}

/// Every file that an `init.yaml` names, whether it is there or not; none where that cannot be read
/// itself.
pub fn named_files(init: &Path) -> Vec<PathBuf> {
    let Ok(document) = rpc_schema::load(init) else {
        return Vec::new();
    };
    document
        .named_paths()
        .map(|path| document.folder().join(path))
        .collect()
}

/// Reads files that travel, each once.
struct Reader<'a> {
    folder: &'a Path,
    files: BTreeMap<String, Vec<u8>>,
    hashes: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn entry(&mut self, path: &str) -> Result<FileEntry, InitializerError> {
        let path = path.to_owned();
        if let Some(sha256) = self.hashes.get(&path) {
            return Ok(FileEntry {
                sha256: sha256.clone(),
                path,
            });
        }
        let place = self.folder.join(&path);
        let bytes = std::fs::read(&place)
            .map_err(|error| InitializerError::Source(format!("{}: {error}", place.display())))?;
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
    reader: &mut Reader<'_>,
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
    reader: &mut Reader<'_>,
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

fn rpc_entry(rpc: &Rpc, reader: &mut Reader<'_>) -> Result<RpcEntry, InitializerError> {
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
