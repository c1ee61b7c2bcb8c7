//! [`Manifest`]: what one server must run, as it travels and as it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rpc_schema::signature::named_types;
use rpc_schema::{Expanded, Name, Signature, visible};
use serde::{Deserialize, Serialize};

use super::message::Changes;
use super::{is_hex, sha256_hex};

/// The only format there is.
pub const MANIFEST_FORMAT: u32 = 1;

/// What one server must run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The server it is for.
    pub server: String,
    /// The id of the apply it belongs to, one for the whole network.
    pub apply: String,
    /// The whole network.
    pub network: NetworkEntry,
    /// The services that this server provides, by name.
    #[serde(deserialize_with = "unique_keys")]
    pub services: BTreeMap<String, ServiceEntry>,
}

/// The network section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkEntry {
    /// Where each server listens.
    #[serde(deserialize_with = "unique_keys")]
    pub servers: BTreeMap<String, SocketAddr>,
    /// Where each client calls from.
    #[serde(deserialize_with = "unique_keys")]
    pub clients: BTreeMap<String, IpAddr>,
    /// Names that may deploy under TLS.
    #[serde(default)]
    pub deployers: Vec<String>,
    /// Servers that left the file and still run what they ran, so that they can be retired later.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "unique_keys"
    )]
    pub departed: BTreeMap<String, SocketAddr>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceEntry {
    /// Who may call it.
    pub tenants: Vec<String>,
    /// Helper modules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<FileEntry>,
    /// Read-only files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<FileEntry>,
    /// What its code may touch.
    #[serde(default)]
    pub grants: GrantsEntry,
    /// Calls at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Its procedures.
    pub rpcs: Vec<RpcEntry>,
}

/// A file that travels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it lies, relative to `init.yaml`.
    pub path: String,
    /// SHA-256 of its bytes, as lower-case hexadecimal.
    pub sha256: String,
}

/// What the code of a service may touch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct GrantsEntry {
    /// Ports it may connect to.
    pub connect: Vec<u16>,
    /// Paths it may read.
    pub read: Vec<String>,
    /// Paths it may write.
    pub write: Vec<String>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Environment variables it sees.
    pub env: Vec<String>,
}

/// One procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpcEntry {
    /// Its name.
    pub name: String,
    /// Its arguments, in order.
    pub parameters: Vec<ParameterEntry>,
    /// The types it returns, with what their names stand for.
    pub returns: Vec<String>,
    /// Its code; `None` for a native procedure.
    pub source: Option<FileEntry>,
    /// The longest a call may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Safe to run twice.
    #[serde(default)]
    pub idempotent: bool,
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterEntry {
    /// Its name, if the file gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type, with what its names stand for.
    #[serde(rename = "type")]
    pub type_text: String,
}

impl Manifest {
    /// Everything but the apply id, as bytes: what the same manifest is for whoever has it.
    pub fn content(&self) -> Vec<u8> {
        let content = Self {
            apply: String::new(),
            ..self.clone()
        };
        serde_json::to_vec(&content).unwrap_or_default()
    }

    /// SHA-256 of [`content`](Self::content): two manifests with the same one ask for the same.
    pub fn content_hash(&self) -> String {
        sha256_hex(&self.content())
    }

    /// The hash of every file it names, each once.
    pub fn files(&self) -> BTreeSet<&str> {
        self.services
            .values()
            .flat_map(ServiceEntry::files)
            .map(|file| file.sha256.as_str())
            .collect()
    }

    /// How many procedures differ from what another manifest has.
    pub fn changes_from(&self, before: Option<&Self>) -> Changes {
        let keyed = |manifest: &'_ Self| -> BTreeMap<String, RpcEntry> {
            let rpcs = manifest.services.iter().flat_map(|(name, service)| {
                service
                    .rpcs
                    .iter()
                    .map(move |rpc| (rpc.key_text(name), rpc.clone()))
            });
            rpcs.collect()
        };
        let (old, new) = (before.map(keyed).unwrap_or_default(), keyed(self));
        let kept = new
            .iter()
            .filter_map(|(key, rpc)| Some((old.get(key)?, rpc)));
        let (mut same, mut changed) = (0, 0);
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
        }
    }

    /// The same services for the same server with nothing in them.
    pub fn emptied(&self) -> Self {
        Self {
            services: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Checks what a peer or a disk supplied.
    ///
    /// # Errors
    /// The first thing that no `init.yaml` could have led to.
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
    /// Every file this service needs: sources, modules, data.
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
        if let Some(odd) = read
            .iter()
            .chain(write)
            .chain(env)
            .find(|grant| has_hidden(grant))
        {
            return Err(format!(
                "the grant `{odd}` has characters that are not seen"
            ));
        }
        let (mut keys, mut signatures) = (BTreeSet::new(), Vec::new());
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
        if !path.split('/').all(is_plain) || path.contains('\\') || has_hidden(path) {
            return Err(format!(
                "the path `{path}` does not stay inside the project"
            ));
        }
        if !is_sha256(sha256) {
            return Err(format!("`{sha256}` is no SHA-256"));
        }
        Ok(())
    }
}

impl RpcEntry {
    /// The signature it has in a service.
    ///
    /// # Errors
    /// A text that is no type.
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

    /// Types stand as they are written by whoever knows what their names stand for; engines read no
    /// other spelling.
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
            Some((text, ty)) => Err(format!("the type `{text}` is written `{}`", Expanded(ty))),
            None => Ok(()),
        }
    }

    /// What it is addressed by in a service, without a check of its types.
    pub fn key_text(&self, service: &str) -> String {
        let types: Vec<_> = self
            .parameters
            .iter()
            .map(|parameter| printed_type(&parameter.type_text))
            .collect();
        format!("{service}.{}({})", self.name, types.join(", "))
    }
}

/// A type as it is printed, from its text: without what stands in braces.
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

/// Refuses a map that has a key twice, of which serde would keep the last: in an access list that
/// is dangerous.
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
                        "the key `{key}` stands twice"
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

/// Whether a text has characters that are not seen as themselves.
fn has_hidden(text: &str) -> bool {
    matches!(visible(text), std::borrow::Cow::Owned(_))
}

/// Whether a text is a SHA-256 as this project writes it.
pub fn is_sha256(text: &str) -> bool {
    is_hex(text, 64)
}

#[cfg(any(test, feature = "samples"))]
/// A manifest for `server1` with `svc1.rpc1(int)` in a file of that hash digit.
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
            clients: BTreeMap::from([("client1".to_owned(), IpAddr::from([127, 0, 0, 1]))]),
            ..NetworkEntry::default()
        },
        services: BTreeMap::from([("svc1".to_owned(), service)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_printed_by_its_names() {
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
    fn the_apply_id_is_no_part_of_the_content() {
        let (one, two) = (
            sample('a'),
            Manifest {
                apply: "2".to_owned(),
                ..sample('a')
            },
        );
        assert_eq!(one.content_hash(), two.content_hash());
        assert_ne!(one.content_hash(), sample('b').content_hash());
    }

    #[test]
    fn what_no_file_could_have_led_to_is_refused() {
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
            "the type `list[int]` is written `List[int]`",
        );
        check(
            |service| service.rpcs[0].name = "a.b".to_owned(),
            "the procedure name `a.b`: a name has only letters, digits and `_`, not `.`",
        );
    }
}
