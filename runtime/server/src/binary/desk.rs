//! [`Desk`]: where a session's frames are dealt with.

use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use super::calls::Calls;
use super::slots::Slots;
use super::work::Work;
use crate::Shared;
use crate::pressure::Pressure;
use wire::binary::{self, Bind, Frame, Hello, Request};
use wire::block::BlockPlace;
use wire::exception::{Exception, ExceptionType};
use wire::link::LinkError;
use wire::outbox::Outbox;
use wire::value::Reader;

/// Where a session's frames are dealt with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) idle_timeout: Duration,
    greeted: bool,
    /// Over the limit of connections: calls are refused.
    overloaded: bool,
    slots: Slots,
    pub(super) calls: Calls,
}

impl Desk {
    pub(super) fn new(pressure: Pressure, shared: Arc<Shared>, overloaded: bool) -> Self {
        Self {
            idle_timeout: shared.limits.idle_timeout,
            greeted: false,
            overloaded,
            slots: Slots::new(pressure.remote.clone(), shared.registry.load_full()),
            calls: Calls::new(pressure, shared),
        }
    }

    pub(super) fn begin_turn(&mut self, now: Instant) {
        let live = self.calls.shared.registry.load();
        let before = self.slots.refresh(&live);
        drop(live);
        if let Some(before) = before {
            self.let_go(before);
        }
        self.calls.turn.begin(now);
    }

    /// Lets go of what another generation answered, so that its workers can leave.
    pub(super) fn forget(&mut self) {
        self.calls.turn.forget();
        let stale = self.slots.forget();
        self.let_go(stale);
    }

    /// The last one to drop a generation's workers waits for their end and removes their files, which is not to hold up
    /// a lane.
    fn let_go(&self, stale: impl Send + 'static) {
        self.calls.shared.background.spawn(async move { drop(stale) });
    }

    /// The end of a wake-up.
    pub(super) fn end_turn(&mut self) {
        self.calls.turn.end();
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether the session was one too many and has been told so.
    pub(super) fn has_turned_away(&self) -> bool {
        self.overloaded && self.calls.served > 0
    }

    pub(super) fn find_block(&mut self, head: &[u8]) -> Option<BlockPlace> {
        self.slots.find_block(head)
    }

    /// Answers a HELLO.
    pub(super) fn greet(&mut self, hello: &Hello<'_>, out: &mut Outbox) -> Result<(), LinkError> {
        let limits = &self.calls.shared.limits;
        if hello.lowest > binary::VERSION || hello.highest < binary::VERSION {
            let Hello { lowest, highest, .. } = hello;
            let what = format!("this server speaks version {}, not {lowest} to {highest}", binary::VERSION);
            return Err(LinkError::Malformed(what));
        }
        if hello.idle_timeout_ms > 0 {
            let asked = Duration::from_millis(hello.idle_timeout_ms.into());
            self.idle_timeout = limits.idle_timeout.min(asked);
        }
        let answer = Hello {
            lowest: binary::VERSION,
            highest: binary::VERSION,
            max_frame: u32::try_from(limits.frame_bytes).unwrap_or(u32::MAX),
            idle_timeout_ms: u32::try_from(self.idle_timeout.as_millis()).unwrap_or(u32::MAX),
            name: &self.slots.registry().server,
        };
        binary::put_hello(&answer, out);
        self.calls.max_answer = limits.frame_bytes.min(hello.max_frame as usize);
        self.slots.set_client(hello.name);
        self.greeted = true;
        Ok(())
    }

    /// Deals with a frame.
    pub(super) fn take(
        &mut self,
        frame: Frame<'_>,
        values: Reader<'_>,
        out: &mut Outbox,
        work: &mut Work,
        cx: &mut Context<'_>,
    ) -> Result<(), LinkError> {
        let left = self.calls.turn.left();
        let taken = match frame {
            Frame::Request(request) => self.take_request(request, values, out, work, cx),
            Frame::Bind(bind) => self.take_bind(&bind),
            Frame::Cancel(call) => {
                work.cancel(call);
                Ok(())
            }
            Frame::Pong(_) => Ok(()),
            other => Err(LinkError::Malformed(format!("a client sends no {}", other.name()))),
        };
        if self.calls.turn.left() == left {
            self.calls.turn.count_other();
        }
        taken
    }

    fn take_bind(&mut self, bind: &Bind<'_>) -> Result<(), LinkError> {
        self.slots.bind(bind).map_err(LinkError::Malformed)?;
        let limit = self.calls.shared.limits.bound_bytes;
        if self.slots.bytes > limit {
            return Err(LinkError::Malformed(format!("more than {limit} bytes of signatures are bound")));
        }
        Ok(())
    }

    fn take_request(
        &mut self,
        request: Request,
        mut values: Reader<'_>,
        out: &mut Outbox,
        work: &mut Work,
        cx: &mut Context<'_>,
    ) -> Result<(), LinkError> {
        let Request { call, slot, .. } = request;
        let Self { slots, calls, .. } = self;
        if call <= calls.last {
            let what = format!("call {call} comes after call {}: numbers only rise", calls.last);
            return Err(LinkError::Malformed(what));
        }
        calls.last = call;
        calls.served += 1;
        calls.generation = slots.generation();
        let begun = match slots.get(slot, out) {
            _ if self.overloaded => {
                let limit = calls.shared.limits.connections;
                Err(unavailable(format!("the server has {limit} connections, its limit")))
            }
            None => {
                let what = format!("slot {slot} is not bound");
                Err(Exception::refused(ExceptionType::MalformedMessage, what))
            }
            Some(Err(exception)) => Err(exception),
            Some(Ok(found)) => calls.begin(request, found, &mut values, out, work, cx),
        };
        if let Err(exception) = begun {
            calls.pressure.count_refusal(calls.turn.now);
            let remote = &calls.pressure.remote;
            if remote.logs() {
                tracing::warn!(event = "refused", peer = %remote, call, slot, exception = exception.for_log());
            }
            binary::put_exception(call, &exception, out);
        }
        Ok(())
    }
}

pub(super) fn unavailable(what: String) -> Exception {
    Exception::refused(ExceptionType::Unavailable, what)
}
