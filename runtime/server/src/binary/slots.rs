//! [`Slots`]: what a session has bound, and what answers it at present.

use std::sync::Arc;

use wire::binary::{self, Bind, Bound, Frame};
use wire::block::BlockPlace;
use wire::exception::Exception;
use wire::outbox::Outbox;

use crate::calls::dispatch::{CallTarget, Grant, find};
use crate::connection::peers::Remote;
use crate::registry::Registry;

/// What a slot counts beside its BIND.
const SLOT_BYTES: usize = 128;

/// What a session has bound. A slot is looked up at its first call, and again, by the signature
/// that was bound, at its first call after another generation became live or the engines were
/// restarted. What cannot be called is looked up at each call, so that no exception is kept.
#[derive(Debug)]
pub(super) struct Slots {
    remote: Remote,
    /// Who the client says it is.
    client: Option<Box<str>>,
    registry: Arc<Registry>,
    /// How many registries came after the first. A restart of the engines is one too, of the same
    /// generation.
    turnover: u64,
    bound: Vec<Slot>,
    /// How many bytes of signatures are bound.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Slot {
    signature: BoundSignature,
    /// What answers the slot, and the turnover in which it was found.
    found: Option<(Grant, u64)>,
    /// Whether the client was sent the BOUND of what answers it.
    is_announced: bool,
}

/// What a BIND names.
#[derive(Debug)]
struct BoundSignature {
    service: Box<str>,
    rpc: Box<str>,
    arguments: Box<[Box<str>]>,
    /// `None` if the client does not care.
    returns: Option<Box<[Box<str>]>>,
    /// How many bytes it counts.
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
            turnover: 0,
            bound: Vec::new(),
            bytes: 0,
        }
    }

    /// The client says who it is.
    pub(super) fn set_client(&mut self, name: &str) {
        self.client = (!name.is_empty()).then(|| name.into());
    }

    /// The generation that answers.
    pub(super) fn generation(&self) -> u64 {
        self.registry.generation
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What is live at present; the answer is what was before, where that is another.
    pub(super) fn refresh(&mut self, live: &Arc<Registry>) -> Option<Arc<Registry>> {
        if Arc::ptr_eq(live, &self.registry) {
            return None;
        }
        self.turnover += 1;
        Some(std::mem::replace(&mut self.registry, Arc::clone(live)))
    }

    /// Forgets what answered slots before what is live; they are looked up at their next call.
    pub(super) fn forget_stale(&mut self) -> Vec<Grant> {
        let live = self.turnover;
        let stale = |slot: &mut Slot| slot.found.take_if(|(_, turnover)| *turnover != live);
        self.bound
            .iter_mut()
            .filter_map(stale)
            .map(|(found, _)| found)
            .collect()
    }

    /// Binds a slot, for the first time or again.
    ///
    /// # Errors
    /// A slot beyond the next one.
    pub(super) fn bind(&mut self, bind: &Bind<'_>) -> Result<(), String> {
        let place = bind.slot as usize;
        if place > self.bound.len() {
            return Err(format!(
                "slot {place} is bound, and the next one is {}",
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

    /// Where the block of a REQ begins that begins like this; see
    /// [`Inbox::next`](wire::inbox::Inbox::next).
    pub(super) fn find_block(&mut self, head: &[u8]) -> Option<BlockPlace> {
        let (Frame::Request(request), _) = binary::parse(head).ok()? else {
            return None;
        };
        let slot = self.look_up(request.slot as usize)?.ok()?;
        let (found, _) = slot.found.as_ref()?;
        Some(found.handler.block?.behind(binary::REQUEST_HEAD))
    }

    /// What answers a slot, which is told first where the client does not know; `None` where it was
    /// never bound.
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

    /// A slot with what answers it at present.
    fn look_up(&mut self, place: usize) -> Option<Result<&mut Slot, Exception>> {
        let live = self.turnover;
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
            .is_none_or(|(_, turnover)| *turnover != live)
        {
            let target = CallTarget {
                service: &slot.signature.service,
                rpc: &slot.signature.rpc,
                argument_types: &slot.signature.arguments,
                return_types: slot.signature.returns.as_deref(),
                client: client.as_deref(),
            };
            let found = find(registry, &target, remote);
            slot.found = None;
            slot.is_announced = false;
            match found {
                Ok(grant) => slot.found = Some((grant, live)),
                Err(exception) => return Some(Err(exception)),
            }
        }
        Some(Ok(slot))
    }
}

/// A hash from its digits; zeros where there is none.
fn source_bytes(digits: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    bytes
}
