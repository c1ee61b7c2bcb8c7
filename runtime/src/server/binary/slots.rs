//! [`Slots`]: what a session has bound, and what answers it at present.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::server::dispatch::{Found, Target, find};
use crate::server::registry::Registry;
use crate::wire::binary::{self, Bind, Bound, Frame};
use crate::wire::exception::Exception;
use crate::wire::outbox::Outbox;

/// What a session has bound. A generation that becomes live is noticed at a slot's next call: it is looked up again, by
/// the signature that was bound.
#[derive(Debug)]
pub(super) struct Slots {
    peer: SocketAddr,
    /// Who the client says it is.
    client: Option<Box<str>>,
    registry: Arc<Registry>,
    /// How many registries came after the first. A restart of the engines is one too, of the same generation.
    turnover: u64,
    slots: Vec<Option<Slot>>,
    /// How many bytes of signatures are bound.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Slot {
    /// The BIND, to look it up again.
    frame: Box<[u8]>,
    found: Result<Found, Box<Exception>>,
    /// Which registry it was looked up in, by the turnover.
    turnover: u64,
    /// Whether the client knows what answers it.
    told: bool,
}

impl Slots {
    pub(super) fn new(peer: SocketAddr, registry: Arc<Registry>) -> Self {
        Self { peer, client: None, registry, turnover: 0, slots: Vec::new(), bytes: 0 }
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

    /// What is live at present.
    pub(super) fn refresh(&mut self, live: &Arc<Registry>) {
        if !Arc::ptr_eq(live, &self.registry) {
            self.registry = Arc::clone(live);
            self.turnover += 1;
        }
    }

    /// Binds a slot. The answer: whether it was bound before.
    ///
    /// # Errors
    /// A slot beyond the next one.
    pub(super) fn bind(&mut self, bind: &Bind<'_>) -> Result<bool, String> {
        let place = bind.slot as usize;
        if place > self.slots.len() {
            return Err(format!("slot {place} is bound, and the next one is {}", self.slots.len()));
        }
        let mut frame = Outbox::default();
        let Bind { slot, service, rpc, arguments, returns } = bind;
        binary::put_bind(*slot, (service, rpc), arguments, returns.as_deref(), &mut frame);
        let frame = frame.into_bytes().split_off(4).into_boxed_slice();
        self.bytes += frame.len();
        let found = self.find(bind).map_err(Box::new);
        let slot = Slot { frame, found, turnover: self.turnover, told: false };
        if place == self.slots.len() {
            self.slots.push(Some(slot));
            return Ok(false);
        }
        let before = self.slots[place].replace(slot);
        self.bytes -= before.map_or(0, |before| before.frame.len());
        Ok(true)
    }

    fn find(&self, bind: &Bind<'_>) -> Result<Found, Exception> {
        let target = Target {
            service: bind.service,
            rpc: bind.rpc,
            argument_types: &bind.arguments,
            return_types: bind.returns.as_deref(),
            client: self.client.as_deref(),
        };
        find(&self.registry, &target, self.peer.ip())
    }

    /// Where the block of a REQ begins that begins like this; see [`Inbox::next`](crate::wire::inbox::Inbox::next).
    pub(super) fn find_block(&self, head: &[u8]) -> Option<usize> {
        let (Frame::Request(request), _) = binary::parse(head).ok()? else { return None };
        let slot = self.slots.get(request.slot as usize)?.as_ref()?;
        let block = slot.found.as_ref().ok()?.handler.block?;
        Some(binary::REQUEST_HEAD + block)
    }

    /// What answers a slot, which is told first where the client does not know; `None` where it was never bound.
    pub(super) fn get(&mut self, place: u32, out: &mut Outbox) -> Option<Result<&Found, &Exception>> {
        let slot = self.slots.get(place as usize)?.as_ref()?;
        if !slot.told || slot.turnover != self.turnover {
            self.tell(place as usize, out);
        }
        let slot = self.slots.get(place as usize)?.as_ref()?;
        Some(slot.found.as_ref().map_err(|exception| &**exception))
    }

    fn tell(&mut self, place: usize, out: &mut Outbox) {
        let (generation, turnover) = (self.registry.generation, self.turnover);
        if self.slots[place].as_ref().is_some_and(|slot| slot.turnover != turnover) {
            self.look_up_again(place);
        }
        let Some(slot) = &mut self.slots[place] else { return };
        slot.told = true;
        if let Ok(found) = &slot.found {
            let source = source_bytes(&found.handler.source);
            binary::put_bound(&Bound { slot: place as u32, generation, source }, out);
        }
    }

    fn look_up_again(&mut self, place: usize) {
        let Some(mut slot) = self.slots[place].take() else { return };
        if let Ok((Frame::Bind(bind), _)) = binary::parse(&slot.frame) {
            slot.found = self.find(&bind).map_err(Box::new);
        }
        slot.turnover = self.turnover;
        self.slots[place] = Some(slot);
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
