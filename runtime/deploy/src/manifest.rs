//! [`Manifest`]: what one server must run, in the form in which it is sent and stored.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rpc_schema::signature::named_types;
use rpc_schema::{Expanded, Name, Signature, visible};
use serde::{Deserialize, Serialize};

use super::{is_hex, sha256_hex};

/// Version of the manifest format.
pub const MANIFEST_FORMAT: u32 = 1;

/// What one server must run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// The version of the format: [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The name of the server that must run it.
    pub server: String,
    /// The id of the apply. All manifests of one apply have the same id.
    pub apply: String,
    /// The servers and clients of the whole network.
    pub network: NetworkEntry,
    /// The services that this server provides, by name.
    #[serde(deserialize_with = "unique_keys")]
    pub services: BTreeMap<String, ServiceEntry>,
}

/// The network section of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkEntry {
    /// The address where each server listens, by name.
    #[serde(deserialize_with = "unique_keys")]
    pub servers: BTreeMap<String, SocketAddr>,
    /// The address that each client calls from, by name. `None` for a client that only a certificate
    /// identifies.
    #[serde(deserialize_with = "unique_keys")]
    pub clients: BTreeMap<String, Option<IpAddr>>,
    /// The names that may deploy under TLS.
    #[serde(default)]
    pub deployers: Vec<String>,
    /// Servers that are no longer in the file, but still run their services. They can be retired
    /// later.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "unique_keys"
    )]
    pub departed: BTreeMap<String, SocketAddr>,
}

/// A service in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceEntry {
    /// The clients that may call it.
    pub tenants: Vec<String>,
    /// Python modules that its sources import.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<FileEntry>,
    /// Files that its code may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<FileEntry>,
    /// What its code may use.
    #[serde(default)]
    pub grants: GrantsEntry,
    /// Maximum number of calls at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Its procedures.
    pub rpcs: Vec<RpcEntry>,
}

/// A file in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path of the file, relative to `init.yaml`.
    pub path: String,
    /// The SHA-256 of its bytes, as lower-case hexadecimal.
    pub sha256: String,
}

/// What the code of a service may use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct GrantsEntry {
    /// The ports that it may connect to.
    pub connect: Vec<u16>,
    /// The paths that it may read.
    pub read: Vec<String>,
    /// The paths that it may write.
    pub write: Vec<String>,
    /// Maximum memory, in bytes.
    pub memory: Option<u64>,
    /// The environment variables that it may see.
    pub env: Vec<String>,
}

/// A procedure in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpcEntry {
    /// The procedure's name, without its service.
    pub name: String,
    /// Its arguments, in order.
    pub parameters: Vec<ParameterEntry>,
    /// The types that it returns. The definition of a declared type follows its name in braces.
    pub returns: Vec<String>,
    /// The file with its code; `None` for a native procedure.
    pub source: Option<FileEntry>,
    /// Maximum duration of a call, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Whether the procedure may run twice for the same call.
    #[serde(default)]
    pub idempotent: bool,
}

/// An argument of a procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterEntry {
    /// The argument's name, if the file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type. The definition of a declared type follows its name in braces.
    #[serde(rename = "type")]
    pub type_text: String,
}

/// What a generation changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Number of added procedures.
    pub new: usize,
    /// Number of changed procedures.
    pub changed: usize,
    /// Number of removed procedures.
    pub removed: usize,
    /// The modules and data files that were added, changed or removed, in the order of their paths;
    /// at most [`MAX_SHARED_FILES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SharedFile>,
}

/// Maximum number of modules and data files that [`Changes`] names.
pub const MAX_SHARED_FILES: usize = 50;

/// A module or a data file that changed, and the services that have it. Displayed as
/// `words.py (svc1, svc2)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFile {
    /// The path, relative to `init.yaml`.
    pub path: String,
    /// The names of the services.
    pub services: Vec<String>,
}

impl std::fmt::Display for SharedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.path, self.services.join(", "))
    }
}

impl Manifest {
    /// Returns the manifest without the apply id, as bytes. Equal content has equal bytes, in every
    /// apply.
    pub fn content(&self) -> Vec<u8> {
        let content = Self {
            apply: String::new(),
            ..self.clone()
        };
        serde_json::to_vec(&content).unwrap_or_default()
    }

    /// Returns the SHA-256 of [`content`](Self::content).
    pub fn content_hash(&self) -> String {
        sha256_hex(&self.content())
    }

    /// Returns the SHA-256 of every file that the manifest names, each once.
    pub fn files(&self) -> BTreeSet<&str> {
        self.services
            .values()
            .flat_map(ServiceEntry::files)
            .map(|file| file.sha256.as_str())
            .collect()
    }

    /// Returns what differs from an earlier manifest.
    pub fn changes_from(&self, before: Option<&Self>) -> Changes {
        let by_key = |manifest: &'_ Self| -> BTreeMap<String, RpcEntry> {
            let rpcs = manifest.services.iter().flat_map(|(name, service)| {
                service
                    .rpcs
                    .iter()
                    .map(move |rpc| (rpc.key_text(name), rpc.clone()))
            });
            rpcs.collect()
        };
        let old = before.map(by_key).unwrap_or_default();
        let new = by_key(self);
        let kept = new
            .iter()
            .filter_map(|(key, rpc)| Some((old.get(key)?, rpc)));
        let mut same = 0;
        let mut changed = 0;
        for (before, after) in kept {
            if before == after {
                same += 1;
            } else {
                changed += 1;
            }
        }
        Changes {
            new: new.len() - same - changed,
            changed,
            removed: old.len() - same - changed,
            files: self.shared_files_from(before),
        }
    }

    /// Returns the modules and data files that differ from those of an earlier manifest, in services
    /// that both have.
    fn shared_files_from(&self, before: Option<&Self>) -> Vec<SharedFile> {
        let shared = |service: &ServiceEntry| -> BTreeSet<FileEntry> {
            let files = service.modules.iter().chain(&service.data);
            files.cloned().collect()
        };
        let mut by_path: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (name, service) in &self.services {
            let old = before.and_then(|before| before.services.get(name));
            let Some(old) = old.map(shared) else {
                continue;
            };
            for file in old.symmetric_difference(&shared(service)) {
                by_path.entry(file.path.clone()).or_default().insert(name);
            }
        }
        let named = by_path.into_iter().take(MAX_SHARED_FILES);
        named
            .map(|(path, services)| SharedFile {
                path,
                services: services.into_iter().map(str::to_owned).collect(),
            })
            .collect()
    }

    /// Returns the same manifest without services.
    pub fn emptied(&self) -> Self {
        Self {
            services: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Checks a manifest that came from a peer or from a disk.
    ///
    /// # Errors
    /// Describes the first part that no valid `init.yaml` leads to.
    pub fn validate(&self) -> Result<(), String> {
        if self.format != MANIFEST_FORMAT {
            return Err(format!(
                "manifest format {} is not supported; this server reads {MANIFEST_FORMAT}",
                self.format
            ));
        }
        check_name("server", &self.server)?;
        let NetworkEntry {
            servers,
            clients,
            deployers,
            departed,
        } = &self.network;
        servers
            .keys()
            .chain(departed.keys())
            .try_for_each(|name| check_name("server", name))?;
        clients
            .keys()
            .try_for_each(|name| check_name("client", name))?;
        deployers
            .iter()
            .try_for_each(|name| check_name("deployer", name))?;
        for (name, service) in &self.services {
            check_name("service", name)?;
            service.validate(name, &self.network)?;
        }
        Ok(())
    }
}

impl ServiceEntry {
    /// Returns every file that this service needs: sources, modules and data.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.rpcs
            .iter()
            .filter_map(|rpc| rpc.source.as_ref())
            .chain(&self.modules)
            .chain(&self.data)
    }

    fn validate(&self, service: &str, network: &NetworkEntry) -> Result<(), String> {
        if let Some(unknown) = self
            .tenants
            .iter()
            .find(|tenant| !network.clients.contains_key(*tenant))
        {
            return Err(format!(
                "service `{service}` has the unknown tenant `{unknown}`"
            ));
        }
        self.files().try_for_each(FileEntry::validate)?;
        let GrantsEntry {
            read, write, env, ..
        } = &self.grants;
        if let Some(grant) = read
            .iter()
            .chain(write)
            .chain(env)
            .find(|grant| has_hidden(grant))
        {
            return Err(format!("the grant `{grant}` has invisible characters"));
        }
        let mut keys = BTreeSet::new();
        let mut signatures = Vec::new();
        for rpc in &self.rpcs {
            check_name("procedure", &rpc.name)?;
            let signature = rpc.signature(service)?;
            rpc.check_spelling(&signature)?;
            let key = signature.key();
            if !keys.insert(key.clone()) {
                return Err(format!("`{key}` is declared twice"));
            }
            signatures.push(signature);
        }
        named_types(&signatures)
            .map(drop)
            .map_err(|what| format!("service `{service}`: {what}"))
    }
}

impl FileEntry {
    fn validate(&self) -> Result<(), String> {
        let Self { path, sha256 } = self;
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        if has_hidden(path) {
            return Err(format!(
                "the path `{}` has a character that a reader cannot see",
                path.escape_default()
            ));
        }
        if !path.split('/').all(is_plain) || path.contains('\\') {
            return Err(format!(
                "the path `{path}` does not stay inside the project"
            ));
        }
        if !is_sha256(sha256) {
            return Err(format!(
                "invalid SHA-256 `{sha256}`; expected 64 hexadecimal digits in lower case"
            ));
        }
        Ok(())
    }
}

impl RpcEntry {
    /// Returns the signature of the procedure in a service.
    ///
    /// # Errors
    /// Fails if the text of a type is invalid.
    pub fn signature(&self, service: &str) -> Result<Signature, String> {
        let arguments: Vec<&str> = self
            .parameters
            .iter()
            .map(|parameter| parameter.type_text.as_str())
            .collect();
        let returns: Vec<&str> = self.returns.iter().map(String::as_str).collect();
        Signature::from_texts(service, &self.name, &arguments, &returns)
            .map_err(|error| format!("`{service}.{}`: {error}", self.name))
    }

    /// Checks that each type is written as [`Expanded`] writes it. Engines read no other spelling.
    fn check_spelling(&self, signature: &Signature) -> Result<(), String> {
        let texts = self
            .parameters
            .iter()
            .map(|parameter| &parameter.type_text)
            .chain(&self.returns);
        let types = signature.arguments.iter().chain(&signature.returns);
        match texts
            .zip(types)
            .find(|(text, ty)| Expanded(ty).to_string() != **text)
        {
            Some((text, ty)) => Err(format!(
                "the type `{text}` must be written `{}`",
                Expanded(ty)
            )),
            None => Ok(()),
        }
    }

    /// Returns the key that addresses the procedure in a service, such as `svc1.rpc1(int)`. Does
    /// not check the types.
    pub fn key_text(&self, service: &str) -> String {
        let types: Vec<_> = self
            .parameters
            .iter()
            .map(|parameter| printed_type(&parameter.type_text))
            .collect();
        format!("{service}.{}({})", self.name, types.join(", "))
    }
}

/// Returns the text of a type without the definitions in braces, as messages print it.
pub fn printed_type(text: &str) -> String {
    let mut depth = 0_usize;
    let is_outside = |letter: &char| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    text.chars().filter(is_outside).collect()
}

/// Refuses a map that contains a key twice. Serde would keep the last value, which is dangerous in
/// an access list.
fn unique_keys<'de, V: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, V>, D::Error> {
    struct Entries<V>(std::marker::PhantomData<V>);
    impl<'de, V: Deserialize<'de>> serde::de::Visitor<'de> for Entries<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut entries: A,
        ) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry::<String, V>()? {
                if map.insert(key.clone(), value).is_some() {
                    return Err(serde::de::Error::custom(format_args!(
                        "duplicate key `{key}`"
                    )));
                }
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Entries(std::marker::PhantomData))
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    Name::new(name)
        .map(drop)
        .map_err(|error| format!("the {what} name `{name}`: {error}"))
}

/// Returns whether a text has characters that [`visible`] escapes.
fn has_hidden(text: &str) -> bool {
    matches!(visible(text), std::borrow::Cow::Owned(_))
}

/// Returns whether a text is a SHA-256: 64 hexadecimal digits in lower case.
pub fn is_sha256(text: &str) -> bool {
    is_hex(text, 64)
}

/// Returns a manifest for `server1` with `svc1.rpc1(int)`. The hash of its file consists of
/// `digit`.
#[cfg(any(test, feature = "samples"))]
pub fn sample(digit: char) -> Manifest {
    let rpc = RpcEntry {
        name: "rpc1".to_owned(),
        parameters: vec![ParameterEntry {
            name: Some("a".to_owned()),
            type_text: "int".to_owned(),
        }],
        returns: vec!["str".to_owned()],
        source: Some(FileEntry {
            path: "services/svc1/rpc1.py".to_owned(),
            sha256: digit.to_string().repeat(64),
        }),
        deadline_ms: None,
        idempotent: false,
    };
    let service = ServiceEntry {
        tenants: vec!["client1".to_owned()],
        rpcs: vec![rpc],
        ..ServiceEntry::default()
    };
    Manifest {
        format: MANIFEST_FORMAT,
        server: "server1".to_owned(),
        apply: "1".to_owned(),
        network: NetworkEntry {
            clients: BTreeMap::from([("client1".to_owned(), Some([127, 0, 0, 1].into()))]),
            ..NetworkEntry::default()
        },
        services: BTreeMap::from([("svc1".to_owned(), service)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_printed_without_definitions() {
        for text in [
            "Dict[str, Tuple[A{a: B{c, d}, e: List[B]}, A]]",
            "List[int]",
            "B{c, d}",
        ] {
            let ty = rpc_schema::Type::parse(text).expect(text);
            assert_eq!(printed_type(text), ty.to_string());
        }
    }

    #[test]
    fn the_apply_id_is_not_part_of_the_content() {
        let one = sample('a');
        let two = Manifest {
            apply: "2".to_owned(),
            ..sample('a')
        };
        assert_eq!(one.content_hash(), two.content_hash());
        assert_ne!(one.content_hash(), sample('b').content_hash());
    }

    #[test]
    fn a_client_without_an_address_is_null() {
        let mut manifest = sample('a');
        manifest.network.clients.insert("ci".to_owned(), None);
        assert_eq!(manifest.validate(), Ok(()));
        let text = serde_json::to_string(&manifest).expect("JSON");
        let clients = r#""clients":{"ci":null,"client1":"127.0.0.1"}"#;
        assert!(text.contains(clients), "{text}");
        assert_eq!(
            serde_json::from_str::<Manifest>(&text).expect("a manifest"),
            manifest
        );
        for wrong in ["\"\"", "\"any\"", "false", "[]"] {
            let text = text.replace("\"ci\":null", &format!("\"ci\":{wrong}"));
            assert!(serde_json::from_str::<Manifest>(&text).is_err(), "{wrong}");
        }
        let twice = text.replace("\"ci\":null", "\"ci\":null,\"ci\":\"127.0.0.2\"");
        let error = serde_json::from_str::<Manifest>(&twice).expect_err("two clients");
        assert!(error.to_string().contains("duplicate key `ci`"), "{error}");
    }

    #[test]
    fn a_manifest_that_no_valid_file_leads_to_is_refused() {
        assert_eq!(sample('a').validate(), Ok(()));
        let check = |spoil: fn(&mut ServiceEntry), message: &str| {
            let mut manifest = sample('a');
            spoil(
                manifest
                    .services
                    .get_mut("svc1")
                    .expect("the sample's service"),
            );
            assert_eq!(manifest.validate(), Err(message.to_owned()));
        };
        let with_path = |path: &str| {
            let file = FileEntry {
                path: path.to_owned(),
                sha256: "a".repeat(64),
            };
            file.validate()
        };
        for path in [
            "../x.py",
            "a/../../x.py",
            "/etc/passwd",
            "a//b.py",
            "",
            "a\\b.py",
            "./x.py",
        ] {
            assert!(with_path(path).is_err(), "{path}");
        }
        check(
            |service| service.rpcs.push(service.rpcs[0].clone()),
            "`svc1.rpc1(int)` is declared twice",
        );
        check(
            |service| service.tenants.push("who".to_owned()),
            "service `svc1` has the unknown tenant `who`",
        );
        check(
            |service| service.rpcs[0].returns.push("x".to_owned()),
            "`svc1.rpc1`: there is no type `x`",
        );
        check(
            |service| service.rpcs[0].returns = vec!["list[int]".to_owned()],
            "the type `list[int]` must be written `List[int]`",
        );
        check(
            |service| service.rpcs[0].name = "a.b".to_owned(),
            "the procedure name `a.b`: a name may have only letters, digits and `_`, not `.`",
        );
    }
}
