//! [`PlacedRpc`].

use crate::guard::Place;
use crate::model::Rpc;

/// A procedure that is correct in itself, and its place in the file.
pub(super) struct PlacedRpc<'a> {
    pub(super) rpc: Rpc,
    pub(super) at: Place<'a>,
}
