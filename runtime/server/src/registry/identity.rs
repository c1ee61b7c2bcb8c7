//! [`Identity`]: identifies the calling client in plain TCP, by the address of its connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use deploy::manifest::NetworkEntry;
use wire::json::shortened;

/// The clients of the network by their addresses.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    by_address: HashMap<IpAddr, Vec<Arc<str>>>,
}

impl Identity {
    pub(crate) fn new(network: &NetworkEntry) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<Arc<str>>> = HashMap::new();
        for (name, ip) in &network.clients {
            by_address
                .entry(ip.to_canonical())
                .or_default()
                .push(Arc::from(name.as_str()));
        }
        Self { by_address }
    }

    /// Returns whether any client of the network calls from that address.
    pub(crate) fn knows(&self, address: IpAddr) -> bool {
        self.by_address.contains_key(&address.to_canonical())
    }

    /// Returns the client at an address. If several clients share the address, the name that the
    /// caller claims decides.
    ///
    /// # Errors
    /// Returns why the caller is not a client.
    pub(crate) fn identify(
        &self,
        address: IpAddr,
        claimed: Option<&str>,
    ) -> Result<&Arc<str>, String> {
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
    use super::*;

    #[test]
    fn the_address_decides_and_the_name_decides_among_clients_that_share_it() {
        let clients = [
            ("solo", [127, 0, 0, 1]),
            ("left", [127, 0, 0, 2]),
            ("right", [127, 0, 0, 2]),
        ];
        let clients = clients
            .into_iter()
            .map(|(name, ip)| (name.to_owned(), IpAddr::from(ip)))
            .collect();
        let identity = Identity::new(&NetworkEntry {
            clients,
            ..NetworkEntry::default()
        });
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
            let found = identity.identify(address.parse().expect("an address"), claimed);
            assert_eq!(
                found.ok().map(|name| &**name),
                expected,
                "{address} as {claimed:?}"
            );
        }
    }
}
