//! [`FrameHandler`]: handles the frames of a session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::binary::{self, Bind, Frame, Hello, Request};
use wire::block::BlockPlace;
use wire::exception::{Exception, ExceptionType};
use wire::link::LinkError;
use wire::outbox::Outbox;
use wire::value::Reader;

use super::running_calls::{Results, RunningCalls};
use super::slots::Slots;
use crate::calls::answer::too_many_connections;
use crate::connection::admission::Admission;
use crate::connection::pressure::Pressure;
use crate::shared::Shared;

/// Handles the frames of a session.
#[derive(Debug)]
pub(super) struct FrameHandler {
    has_greeted: bool,
    admission: Admission,
    slots: Slots,
    pub(super) calls: RunningCalls,
}

impl FrameHandler {
    pub(super) fn new(pressure: Pressure, shared: Arc<Shared>, admission: Admission) -> Self {
        Self {
            has_greeted: false,
            admission,
            slots: Slots::new(pressure.remote.clone(), shared.registry.load_full()),
            calls: RunningCalls::new(pressure, shared),
        }
    }

    pub(super) fn begin_turn(&mut self, now: Instant) {
        let live = self.calls.shared.registry.load();
        let before = self.slots.refresh(&live);
        drop(live);
        if let Some(before) = before {
            self.drop_in_background(before);
        }
        self.calls.turn.begin(now);
    }

    /// Drops the handlers of earlier registries, so that their workers can end.
    pub(super) fn forget_stale(&mut self) {
        self.calls.observers.flush();
        let stale = self.slots.forget_stale();
        self.drop_in_background(stale);
    }

    /// Drops something that may be the last owner of a generation's workers. The drop waits for the
    /// end of the workers and removes their files, which must not hold up a lane.
    fn drop_in_background(&self, stale: impl Send + 'static) {
        self.calls
            .shared
            .background
            .spawn(async move { drop(stale) });
    }

    pub(super) fn end_turn(&mut self) {
        self.calls.observers.flush();
    }

    pub(super) fn has_greeted(&self) -> bool {
        self.has_greeted
    }

    /// Returns whether the session is one too many and its peer has been told so.
    pub(super) fn has_turned_away(&self) -> bool {
        self.admission.exceeded().is_some() && self.calls.incoming.accepted() > 0
    }

    pub(super) fn find_block(&mut self, head: &[u8]) -> Option<BlockPlace> {
        self.slots.find_block(head)
    }

    /// Answers a HELLO. Returns after which time without a call the session is closed.
    ///
    /// # Errors
    /// Returns an error if the client does not speak the version of this server.
    pub(super) fn greet(
        &mut self,
        hello: &Hello<'_>,
        out: &mut Outbox,
    ) -> Result<Duration, LinkError> {
        let limits = &self.calls.shared.limits;
        if hello.lowest > binary::VERSION || hello.highest < binary::VERSION {
            let Hello {
                lowest, highest, ..
            } = hello;
            let what = format!(
                "this server speaks version {}, not {lowest} to {highest}",
                binary::VERSION
            );
            return Err(LinkError::Malformed(what));
        }
        let asked = Duration::from_millis(hello.idle_timeout_ms.into());
        let idle_timeout = if asked.is_zero() {
            limits.idle_timeout
        } else {
            limits.idle_timeout.min(asked)
        };
        let answer = Hello {
            lowest: binary::VERSION,
            highest: binary::VERSION,
            max_frame: u32::try_from(limits.frame_bytes).unwrap_or(u32::MAX),
            idle_timeout_ms: u32::try_from(idle_timeout.as_millis()).unwrap_or(u32::MAX),
            name: self.slots.registry().server(),
        };
        binary::put_hello(&answer, out);
        self.calls.max_answer = limits.frame_bytes.min(hello.max_frame as usize);
        self.slots.set_client(hello.name);
        self.has_greeted = true;
        Ok(idle_timeout)
    }

    /// Handles a frame.
    ///
    /// # Errors
    /// Returns why the session cannot continue.
    pub(super) fn handle(
        &mut self,
        frame: Frame<'_>,
        values: Reader<'_>,
        results: &mut Results<'_, '_>,
    ) -> Result<(), LinkError> {
        let left = self.calls.turn.left();
        let handled = match frame {
            Frame::Request(request) => self.handle_request(request, values, results),
            Frame::Bind(bind) => self.handle_bind(&bind),
            Frame::Cancel(call) => {
                if let Some(control) = self.calls.incoming.control(call) {
                    control.cancel();
                }
                Ok(())
            }
            Frame::Pong(_) => Ok(()),
            other => Err(LinkError::Malformed(format!(
                "a client must not send {}",
                other.name()
            ))),
        };
        if self.calls.turn.left() == left {
            self.calls.turn.count_other();
        }
        handled
    }

    fn handle_bind(&mut self, bind: &Bind<'_>) -> Result<(), LinkError> {
        self.slots.bind(bind).map_err(LinkError::Malformed)?;
        let limit = self.calls.shared.limits.bound_bytes;
        if self.slots.bytes > limit {
            return Err(LinkError::Malformed(format!(
                "more than {limit} bytes of signatures are bound (--max-bound)"
            )));
        }
        Ok(())
    }

    fn handle_request(
        &mut self,
        request: Request,
        mut values: Reader<'_>,
        results: &mut Results<'_, '_>,
    ) -> Result<(), LinkError> {
        let Request { call, slot, .. } = request;
        let Self {
            slots,
            calls,
            admission,
            ..
        } = self;
        calls.incoming.accept(call).map_err(LinkError::Malformed)?;
        calls.generation = slots.generation();
        let begun = match (admission.exceeded(), slots.get(slot, results.out)) {
            (Some(limit), _) => Err(too_many_connections(limit)),
            (None, None) => {
                let what = format!("slot {slot} is not bound");
                Err(Exception::refused(ExceptionType::MalformedMessage, what))
            }
            (None, Some(Err(exception))) => Err(exception),
            (None, Some(Ok(grant))) => calls.begin(request, grant, &mut values, results),
        };
        if let Err(exception) = begun {
            calls.pressure.count_refusal(calls.turn.now);
            let remote = &calls.pressure.remote;
            if remote.logs() {
                tracing::warn!(event = "refused", peer = %remote, call, slot, exception = exception.for_log());
            }
            binary::put_exception(call, &exception, results.out);
        }
        Ok(())
    }
}
