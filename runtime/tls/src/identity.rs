//! [`Identity`]: the network, the role and the name in a certificate.

use std::fmt;
use std::str::FromStr;

/// The scheme of the URI in a certificate.
const SCHEME: &str = "rpc://";

/// Who the owner of a certificate is: the URI `rpc://NETWORK/ROLE/NAME` among its alternative names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The `name` of the network.
    pub network: String,
    /// What the certificate is for.
    pub role: Role,
    /// The name of the server, the client or the deployer.
    pub name: String,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Provides services.
    Server,
    /// Calls services.
    Client,
    /// Provides and calls services.
    Peer,
    /// Applies an `init.yaml`.
    Deployer,
    /// Reads metrics and health.
    Observer,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Server,
        Self::Client,
        Self::Peer,
        Self::Deployer,
        Self::Observer,
    ];

    /// Returns the word for the role in a URI.
    pub fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Deployer => "deployer",
            Self::Observer => "observer",
        }
    }

    /// Returns whether a peer with this role may be called.
    pub fn serves(self) -> bool {
        matches!(self, Self::Server | Self::Peer)
    }

    /// Returns whether a peer with this role may call procedures.
    pub fn calls(self) -> bool {
        matches!(self, Self::Client | Self::Peer)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            network,
            role,
            name,
        } = self;
        write!(f, "{SCHEME}{network}/{role}/{name}")
    }
}

/// A text is not the URI of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnIdentity;

impl FromStr for Identity {
    type Err = NotAnIdentity;

    /// Reads a URI. There is one spelling for each identity: no other case, no `%`, no empty part.
    fn from_str(uri: &str) -> Result<Self, NotAnIdentity> {
        let mut parts = uri.strip_prefix(SCHEME).ok_or(NotAnIdentity)?.split('/');
        let (Some(network), Some(role), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAnIdentity);
        };
        let role = Role::ALL.into_iter().find(|known| known.word() == role);
        let role = role.ok_or(NotAnIdentity)?;
        if !is_name(network) || !is_name(name) {
            return Err(NotAnIdentity);
        }
        Ok(Self {
            network: network.to_owned(),
            role,
            name: name.to_owned(),
        })
    }
}

/// Returns whether a text is a name of `init.yaml`: `[A-Za-z][A-Za-z0-9_]*`.
fn is_name(text: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_spelling() {
        for role in Role::ALL {
            let identity = Identity {
                network: "shop".to_owned(),
                role,
                name: "client_1".to_owned(),
            };
            assert_eq!(identity.to_string().parse(), Ok(identity));
        }
        for wrong in [
            "",
            "rpc://",
            "rpc://shop/client",
            "rpc://shop/client/",
            "rpc://shop/client/a/b",
            "rpc://shop//a",
            "rpc:///client/a",
            "RPC://shop/client/a",
            "rpc://shop/Client/a",
            "rpc://shop/admin/a",
            "rpc://shop/client/a%62",
            "rpc://shop/client/a?x",
            "rpc://shop/client/a\0",
            "rpc://shop/client/\u{430}",
            "rpc://shop/client/1a",
            " rpc://shop/client/a",
            "https://shop/client/a",
        ] {
            assert_eq!(wrong.parse::<Identity>(), Err(NotAnIdentity), "{wrong}");
        }
    }
}
