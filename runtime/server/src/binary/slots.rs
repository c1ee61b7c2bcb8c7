//! [`Slots`]: the signatures that a session has bound, and their handlers.

use std::sync::Arc;

use wire::binary::{self, Bind, Bound, Frame};
use wire::block::BlockPlace;
use wire::exception::Exception;
use wire::outbox::Outbox;

use crate::calls::dispatch::{CallTarget, Grant, find_handler};
use crate::connection::peers::Remote;
use crate::registry::Registry;

/// Number of bytes that each slot counts in addition to its BIND.
const SLOT_BYTES: usize = 128;

/// The slots that a session has bound. The handler of a slot is looked up by its signature at the
/// first call. It is looked up again at the first call after another generation became live or the
/// engines were restarted. A failed lookup is not kept: it is repeated at each call.
#[derive(Debug)]
pub(super) struct Slots {
    remote: Remote,
    /// The client that the peer claims to be.
    client: Option<Box<str>>,
    registry: Arc<Registry>,
    /// Number of times that the registry was replaced. A restart of the engines replaces it too, by
    /// one of the same generation.
    swap_count: u64,
    bound: Vec<Slot>,
    /// Number of bytes of the bound signatures.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Slot {
    signature: BoundSignature,
    /// The handler of the slot, and the `swap_count` at which it was looked up.
    found: Option<(Grant, u64)>,
    /// Whether the client was sent a BOUND for this handler.
    is_announced: bool,
}

/// The signature in a BIND.
#[derive(Debug)]
struct BoundSignature {
    service: Box<str>,
    rpc: Box<str>,
    arguments: Box<[Box<str>]>,
    /// `None` if the return types are not checked.
    returns: Option<Box<[Box<str>]>>,
    /// Number of bytes that the slot counts.
    bytes: usize,
}

impl BoundSignature {
    fn new(bind: &Bind<'_>) -> Self {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| Box::from(*text))
                .collect::<Box<[Box<str>]>>()
        };
        Self {
            service: bind.service.into(),
            rpc: bind.rpc.into(),
            arguments: texts(&bind.arguments),
            returns: bind.returns.as_deref().map(texts),
            bytes: SLOT_BYTES + bind.encoded_len(),
        }
    }
}

impl Slots {
    pub(super) fn new(remote: Remote, registry: Arc<Registry>) -> Self {
        Self {
            remote,
            client: None,
            registry,
            swap_count: 0,
            bound: Vec::new(),
            bytes: 0,
        }
    }

    /// Sets the client that the peer claims to be. An empty name is none.
    pub(super) fn set_client(&mut self, name: &str) {
        self.client = (!name.is_empty()).then(|| name.into());
    }

    /// Returns the generation that is called.
    pub(super) fn generation(&self) -> u64 {
        self.registry.generation
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sets the live registry. Returns the one before, if it was another.
    pub(super) fn refresh(&mut self, live: &Arc<Registry>) -> Option<Arc<Registry>> {
        if Arc::ptr_eq(live, &self.registry) {
            return None;
        }
        self.swap_count += 1;
        Some(std::mem::replace(&mut self.registry, Arc::clone(live)))
    }

    /// Removes and returns the handlers that were found in earlier registries. They are looked up
    /// again at their next call.
    pub(super) fn forget_stale(&mut self) -> Vec<Grant> {
        let current = self.swap_count;
        let stale = |slot: &mut Slot| slot.found.take_if(|(_, found_at)| *found_at != current);
        self.bound
            .iter_mut()
            .filter_map(stale)
            .map(|(found, _)| found)
            .collect()
    }

    /// Binds a slot, for the first time or again.
    ///
    /// # Errors
    /// Returns an error if the slot is not bound yet and is not the next free one.
    pub(super) fn bind(&mut self, bind: &Bind<'_>) -> Result<(), String> {
        let place = bind.slot as usize;
        if place > self.bound.len() {
            return Err(format!(
                "slot {place} cannot be bound before slot {}",
                self.bound.len()
            ));
        }
        let signature = BoundSignature::new(bind);
        self.bytes += signature.bytes;
        let slot = Slot {
            signature,
            found: None,
            is_announced: false,
        };
        if place == self.bound.len() {
            self.bound.push(slot);
        } else {
            let before = std::mem::replace(&mut self.bound[place], slot);
            self.bytes -= before.signature.bytes;
        }
        Ok(())
    }

    /// Returns where the block begins in a REQ with this head, if the REQ may have one; see
    /// [`Inbox::next`](wire::inbox::Inbox::next).
    pub(super) fn find_block(&mut self, head: &[u8]) -> Option<BlockPlace> {
        let (Frame::Request(request), _) = binary::parse(head).ok()? else {
            return None;
        };
        let slot = self.look_up(request.slot as usize)?.ok()?;
        let (found, _) = slot.found.as_ref()?;
        Some(found.handler.block?.shifted_by(binary::REQUEST_HEAD))
    }

    /// Returns the handler of a slot, or `None` if the slot was never bound. Writes a BOUND first,
    /// if the client does not know this handler yet.
    pub(super) fn get(
        &mut self,
        place: u32,
        out: &mut Outbox,
    ) -> Option<Result<&Grant, Exception>> {
        let generation = self.registry.generation;
        let slot = match self.look_up(place as usize)? {
            Ok(slot) => slot,
            Err(exception) => return Some(Err(exception)),
        };
        let (found, _) = slot.found.as_ref()?;
        if !slot.is_announced {
            slot.is_announced = true;
            let source = source_bytes(&found.handler.source);
            binary::put_bound(
                &Bound {
                    slot: place,
                    generation,
                    source,
                },
                out,
            );
        }
        Some(Ok(found))
    }

    /// Returns a slot whose handler is the live one.
    fn look_up(&mut self, place: usize) -> Option<Result<&mut Slot, Exception>> {
        let current = self.swap_count;
        let Self {
            remote,
            client,
            registry,
            bound,
            ..
        } = self;
        let slot = bound.get_mut(place)?;
        if slot
            .found
            .as_ref()
            .is_none_or(|(_, found_at)| *found_at != current)
        {
            let target = CallTarget {
                service: &slot.signature.service,
                rpc: &slot.signature.rpc,
                argument_types: &slot.signature.arguments,
                return_types: slot.signature.returns.as_deref(),
                client: client.as_deref(),
            };
            let found = find_handler(registry, &target, remote);
            slot.found = None;
            slot.is_announced = false;
            match found {
                Ok(grant) => slot.found = Some((grant, current)),
                Err(exception) => return Some(Err(exception)),
            }
        }
        Some(Ok(slot))
    }
}

/// Returns the bytes of a hash, or zeros if `digits` is not a hash.
fn source_bytes(digits: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_or([0; 32], |()| bytes)
}
