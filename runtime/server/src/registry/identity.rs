//! [`Identity`]: which client calls. Over TLS its certificate says so; in plain TCP, the address of
//! its connection.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use deploy::manifest::NetworkEntry;
use tls::Role;
use wire::json::shortened;

use crate::connection::peers::Remote;

/// The clients and deployers of the network.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    clients: HashSet<Arc<str>>,
    by_address: HashMap<IpAddr, Vec<Arc<str>>>,
    /// The clients that have no address. No address identifies them.
    without_address: HashSet<Arc<str>>,
    /// `None` before the server is initialized: then any deployer of the network may do that.
    deployers: Option<HashSet<String>>,
}

impl Identity {
    pub(crate) fn new(network: &NetworkEntry) -> Self {
        let mut identity = Self {
            deployers: Some(network.deployers.iter().cloned().collect()),
            ..Self::default()
        };
        for (name, ip) in &network.clients {
            let name: Arc<str> = Arc::from(name.as_str());
            identity.clients.insert(Arc::clone(&name));
            match ip {
                Some(ip) => {
                    let names = identity.by_address.entry(ip.to_canonical());
                    names.or_default().push(name);
                }
                None => {
                    identity.without_address.insert(name);
                }
            }
        }
        identity
    }

    /// Returns whether the far end of a connection is a client of the network, as far as that is
    /// known before it says its name.
    pub(crate) fn knows(&self, remote: &Remote) -> bool {
        match &remote.identity {
            Some(identity) => identity.role.calls() && self.clients.contains(&*identity.name),
            None => self
                .by_address
                .contains_key(&remote.address.ip().to_canonical()),
        }
    }

    /// Returns whether a certificate is one of a deployer whom the network names.
    pub(crate) fn may_deploy(&self, identity: &tls::Identity) -> bool {
        let is_named = |deployers: &HashSet<String>| deployers.contains(&identity.name);
        identity.role == Role::Deployer && self.deployers.as_ref().is_none_or(is_named)
    }

    /// Returns the client at the far end of a connection. Over TLS, its certificate decides; a
    /// claimed name must be the same. In plain TCP its address decides, and among several clients
    /// that share one, the name that the caller claims.
    ///
    /// # Errors
    /// Returns why the caller is not a client.
    pub(crate) fn identify(
        &self,
        remote: &Remote,
        claimed: Option<&str>,
    ) -> Result<&Arc<str>, String> {
        match &remote.identity {
            Some(identity) => self.by_certificate(identity, claimed),
            None => self.by_address(remote.address.ip(), claimed),
        }
    }

    fn by_certificate(
        &self,
        identity: &tls::Identity,
        claimed: Option<&str>,
    ) -> Result<&Arc<str>, String> {
        if !identity.role.calls() {
            let role = identity.role;
            return Err(format!(
                "the certificate of `{identity}` is a {role}'s, who may not call"
            ));
        }
        if let Some(claimed) = claimed.filter(|claimed| *claimed != identity.name) {
            return Err(format!(
                "the certificate is of `{identity}`, not of the client `{}`",
                shortened(claimed)
            ));
        }
        self.clients
            .get(&*identity.name)
            .ok_or_else(|| format!("the network has no client `{}`", identity.name))
    }

    fn by_address(&self, address: IpAddr, claimed: Option<&str>) -> Result<&Arc<str>, String> {
        if let Some(claimed) = claimed.filter(|claimed| self.without_address.contains(*claimed)) {
            return Err(format!(
                "the client `{claimed}` has no `ip`, so it needs a certificate"
            ));
        }
        let address = address.to_canonical();
        let Some(names) = self.by_address.get(&address) else {
            return Err(format!("no client of the network calls from {address}"));
        };
        let Some(claimed) = claimed else {
            return match &names[..] {
                [only] => Ok(only),
                _ => Err(format!(
                    "several clients call from {address}, and the message has no `client` name"
                )),
            };
        };
        let found = names.iter().find(|name| ***name == *claimed);
        found.ok_or_else(|| {
            format!(
                "the client `{}` does not call from {address}",
                shortened(claimed)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn identity_of(clients: BTreeMap<String, Option<IpAddr>>) -> Identity {
        Identity::new(&NetworkEntry {
            clients,
            ..NetworkEntry::default()
        })
    }

    #[test]
    fn the_address_decides_and_the_name_decides_among_clients_that_share_it() {
        let clients = [
            ("solo", [127, 0, 0, 1]),
            ("left", [127, 0, 0, 2]),
            ("right", [127, 0, 0, 2]),
        ];
        let clients = clients
            .into_iter()
            .map(|(name, ip)| (name.to_owned(), Some(IpAddr::from(ip))));
        let identity = identity_of(clients.collect());
        for (address, claimed, expected) in [
            ("127.0.0.1", None, Some("solo")),
            ("127.0.0.1", Some("solo"), Some("solo")),
            ("::ffff:127.0.0.1", None, Some("solo")),
            ("127.0.0.1", Some("left"), None),
            ("127.0.0.1", Some("SOLO"), None),
            ("127.0.0.1", Some("solo\0"), None),
            ("127.0.0.2", None, None),
            ("127.0.0.2", Some("left"), Some("left")),
            ("127.0.0.2", Some("right"), Some("right")),
            ("127.0.0.2", Some("solo"), None),
            ("127.0.0.9", None, None),
            ("127.0.0.9", Some("solo"), None),
        ] {
            let found = identity.by_address(address.parse().expect("an address"), claimed);
            assert_eq!(
                found.ok().map(|name| &**name),
                expected,
                "{address} as {claimed:?}"
            );
        }
    }

    #[test]
    fn a_certificate_decides_whatever_is_claimed() {
        let identity = Identity::new(&NetworkEntry {
            clients: [("one".to_owned(), None)].into(),
            deployers: vec!["ops".to_owned()],
            ..NetworkEntry::default()
        });
        let of = |role: &str, name: &str| -> tls::Identity {
            let uri = format!("rpc://shop/{role}/{name}");
            uri.parse().expect("an identity")
        };
        for (certificate, claimed, expected) in [
            (of("client", "one"), None, true),
            (of("client", "one"), Some("one"), true),
            (of("peer", "one"), None, true),
            (of("client", "one"), Some("two"), false),
            (of("client", "one"), Some("ONE"), false),
            (of("client", "One"), None, false),
            (of("client", "two"), None, false),
            (of("client", "ops"), None, false),
            (of("deployer", "one"), None, false),
            (of("observer", "one"), None, false),
            (of("server", "one"), None, false),
        ] {
            let found = identity.by_certificate(&certificate, claimed);
            assert_eq!(
                found.is_ok(),
                expected,
                "{certificate} as {claimed:?}: {found:?}"
            );
        }
        for (certificate, expected) in [
            (of("deployer", "ops"), true),
            (of("deployer", "left"), false),
            (of("client", "ops"), false),
            (of("peer", "ops"), false),
        ] {
            assert_eq!(identity.may_deploy(&certificate), expected, "{certificate}");
        }
        let uninitialized = Identity::default();
        assert!(uninitialized.may_deploy(&of("deployer", "anyone")));
        assert!(!uninitialized.may_deploy(&of("client", "anyone")));
    }

    #[test]
    fn no_address_identifies_a_client_without_an_address() {
        let home = IpAddr::from([127, 0, 0, 1]);
        let clients = BTreeMap::from([("ci".to_owned(), None), ("solo".to_owned(), Some(home))]);
        let identity = identity_of(clients);
        for address in ["127.0.0.1", "127.0.0.9", "0.0.0.0", "::", "::1"] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(
                identity.by_address(address, Some("ci")),
                Err("the client `ci` has no `ip`, so it needs a certificate".to_owned())
            );
            let found = identity.by_address(address, None).ok().map(|name| &**name);
            assert_eq!(found, (address == home).then_some("solo"));
        }
    }
}
