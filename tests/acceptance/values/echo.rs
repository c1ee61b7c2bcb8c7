//! [`Echo`]: a server with a procedure of one argument for each of several types.

use crate::harness::{Framing, Network, Peer};

/// A running server, and the argument types of its procedures `echo0`, `echo1`, ...
pub struct Echo {
    network: Network,
    types: Vec<String>,
}

impl Echo {
    /// Starts a server with one procedure for each distinct type. `procedure` gives what it
    /// returns: the type and the Python expression.
    pub fn serving<'a>(
        types: impl IntoIterator<Item = &'a str>,
        procedure: impl Fn(&str) -> (String, &'static str),
    ) -> Self {
        let mut distinct: Vec<String> = Vec::new();
        for ty in types {
            if !distinct.iter().any(|known| known == ty) {
                distinct.push(ty.to_owned());
            }
        }
        let owned: Vec<_> = distinct
            .iter()
            .enumerate()
            .map(|(index, ty)| {
                let (returns, expression) = procedure(ty);
                (
                    format!("echo{index}"),
                    ty,
                    returns,
                    format!("def echo{index}(value):\n    return {expression}\n"),
                )
            })
            .collect();
        let procedures: Vec<_> = owned
            .iter()
            .map(|(name, ty, returns, source)| {
                (
                    name.as_str(),
                    ty.as_str(),
                    returns.as_str(),
                    source.as_str(),
                )
            })
            .collect();
        Self {
            network: Network::serving(&procedures),
            types: distinct,
        }
    }

    /// Opens a connection.
    pub fn peer(&self, framing: Framing) -> Peer {
        self.network.peer(framing)
    }

    /// Calls the procedure for a type with the JSON text of its argument. Returns the answer's
    /// text.
    #[track_caller]
    pub fn ask(&self, peer: &mut Peer, ty: &str, argument: &str) -> String {
        let index = self
            .types
            .iter()
            .position(|known| known == ty)
            .expect("a procedure for this type");
        ask(peer, index, ty, argument)
    }
}

/// Calls the procedure with a number. `ty` is the type as it is sent, `argument` is JSON text.
/// Returns the answer's text.
#[track_caller]
pub fn ask(peer: &mut Peer, index: usize, ty: &str, argument: &str) -> String {
    peer.send(format!(
        "{{\"header\":\"RPC-REQ\",\"value\":{{\"id\":1,\"service\":\"svc1\",\"rpc\":\"echo{index}\",\
         \"argument-types\":[\"{ty}\"],\"arguments\":[{argument}]}}}}"
    ));
    peer.receive_text()
}
