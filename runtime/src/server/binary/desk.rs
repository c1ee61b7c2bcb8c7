//! [`Desk`]: where a session's frames are dealt with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::slots::Slots;
use super::work::{Answer, LONGEST_CALL, Work};
use super::{CALLS_PER_TURN, TURN};
use crate::engine::InFlight;
use crate::engine::native::{self, NativeMethod, Running};
use crate::native::Call;
use crate::server::Shared;
use crate::server::answer::{check_length, expired_at_once, log_call};
use crate::server::dispatch::{Found, not_its_arguments, time_allowed};
use crate::wire::binary::{self, Frame, Hello, Request};
use crate::wire::check;
use crate::wire::exception::{Exception, ExceptionType};
use crate::wire::link::LinkError;
use crate::wire::outbox::Outbox;
use crate::wire::value::Reader;

/// The clock is read once for so many calls that are answered in place.
const CALLS_PER_LOOK: u32 = 8;

/// A session's calls, on their way from frame to answer.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    /// The last call that was taken on.
    pub(super) last_call: u64,
    /// How many calls came.
    pub(super) served: u64,
    pub(super) idle_timeout: Duration,
    greeted: bool,
    /// Over the limit of connections: calls are refused.
    overloaded: bool,
    slots: Slots,
    /// How many calls are in flight, with those whose answers nobody awaits.
    in_flight: Arc<AtomicUsize>,
    /// Bytes of arguments of the calls under way.
    held_bytes: usize,
    /// The longest answer that may be sent.
    max_answer: usize,
    turn: Turn,
}

/// A wake-up and what is left of it.
#[derive(Debug)]
struct Turn {
    began: Instant,
    /// When the clock was last read.
    looked: Instant,
    /// How many more calls may be answered in place.
    left: u32,
    /// How many more calls are timed one by one, to find a slow one.
    timed: u32,
}

impl Desk {
    pub(super) fn new(peer: SocketAddr, shared: Arc<Shared>, overloaded: bool) -> Self {
        let now = Instant::now();
        Self {
            peer,
            last_call: 0,
            served: 0,
            idle_timeout: shared.limits.idle_timeout,
            greeted: false,
            overloaded,
            slots: Slots::new(peer, shared.registry.load_full()),
            in_flight: Arc::default(),
            held_bytes: 0,
            max_answer: shared.limits.frame_bytes,
            turn: Turn { began: now, looked: now, left: CALLS_PER_TURN, timed: 0 },
            shared,
        }
    }

    pub(super) fn begin_turn(&mut self, now: Instant) {
        self.turn = Turn { began: now, looked: now, left: CALLS_PER_TURN, timed: self.turn.timed };
        let live = self.shared.registry.load();
        self.slots.refresh(&live);
    }

    pub(super) fn turn_is_over(&self) -> bool {
        self.turn.left == 0
    }

    /// What time it is, or was lately.
    pub(super) fn now(&self) -> Instant {
        self.turn.looked
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.greeted
    }

    pub(super) fn find_block(&self, head: &[u8]) -> Option<usize> {
        self.slots.find_block(head)
    }

    /// Whether calls that nobody awaits any more still run.
    pub(super) fn has_strays(&self, awaited: usize) -> bool {
        self.in_flight.load(Ordering::Relaxed) > awaited
    }

    /// Whether the limits leave room for another call.
    pub(super) fn takes_more(&self) -> bool {
        let limits = &self.shared.limits;
        self.in_flight.load(Ordering::Relaxed) < limits.session_calls
            && self.held_bytes < limits.queued_bytes
    }

    /// Answers a HELLO.
    pub(super) fn greet(&mut self, hello: &Hello<'_>, out: &mut Outbox) -> Result<(), LinkError> {
        let limits = &self.shared.limits;
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
        self.max_answer = limits.frame_bytes.min(hello.max_frame as usize);
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
        match frame {
            Frame::Request(request) => self.take_request(request, values, out, work, cx),
            Frame::Bind(bind) => {
                self.slots.bind(&bind).map_err(LinkError::Malformed)?;
                let limit = self.shared.limits.bound_bytes;
                if self.slots.bytes > limit {
                    let what = format!("more than {limit} bytes of signatures are bound");
                    return Err(LinkError::Malformed(what));
                }
                Ok(())
            }
            Frame::Cancel(call) => {
                work.cancel(call);
                Ok(())
            }
            Frame::Pong(_) => Ok(()),
            other => Err(LinkError::Malformed(format!("a client sends no {}", other.name()))),
        }
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
        if call <= self.last_call {
            let what = format!("call {call} comes after call {}: numbers only rise", self.last_call);
            return Err(LinkError::Malformed(what));
        }
        self.last_call = call;
        self.served += 1;
        let found = match self.slots.get(slot) {
            _ if self.overloaded => {
                let limit = self.shared.limits.connections;
                Err(unavailable(format!("the server has {limit} connections, its limit")))
            }
            None => {
                let what = format!("slot {slot} is not bound");
                Err(Exception::refused(ExceptionType::MalformedMessage, what))
            }
            Some(Err(exception)) => Err(exception.clone()),
            Some(Ok(_)) if request.deadline_ms == Some(0) => Err(expired_at_once()),
            Some(Ok(found)) => Ok(found.clone()),
        };
        let begun = found.and_then(|found| match found.handler.native() {
            Some(method) => self.call_native(request, method, &found, &mut values, out, work, cx),
            None => self.call_engine(request, found, &mut values, work),
        });
        if let Err(exception) = begun {
            tracing::warn!(event = "refused", peer = %self.peer, call, slot, exception = %exception);
            binary::put_exception(call, &exception, out);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a session's parts, borrowed one by one")]
    fn call_native(
        &mut self,
        request: Request,
        method: &Arc<NativeMethod>,
        found: &Found,
        values: &mut Reader<'_>,
        out: &mut Outbox,
        work: &mut Work,
        cx: &mut Context<'_>,
    ) -> Result<(), Exception> {
        let time = self.time_allowed(request, found);
        let call = Call::new(Arc::clone(&found.client), self.now() + time);
        let mut running = method
            .start(call, values)
            .map_err(|error| not_its_arguments(self.slots.registry(), &found.handler, &error))?;
        if !method.runs_in_place() {
            return self.wait_for(request, Arc::clone(method), found.clone(), running, time, work);
        }
        self.slots.tell(request.slot, found, self.slots.generation(), out);
        let mark = binary::begin_result(request.call, out);
        let polled = native::poll(running.as_mut(), cx, out);
        self.look_at_clock(method);
        match polled {
            Poll::Pending => {
                out.take_back(mark);
                return self.wait_for(request, Arc::clone(method), found.clone(), running, time, work);
            }
            Poll::Ready(result) => {
                let length = out.frame_len(mark);
                let result =
                    result.and_then(|()| check_length(length, self.max_answer, &found.handler.key));
                match &result {
                    Ok(()) => out.end_frame(mark),
                    Err(exception) => {
                        out.take_back(mark);
                        binary::put_exception(request.call, exception, out);
                    }
                }
                self.log(found, self.slots.generation(), self.turn.looked, result.as_ref().map(|()| ()));
            }
        }
        Ok(())
    }

    /// Waits for a native call that is not answered in place.
    fn wait_for(
        &mut self,
        request: Request,
        method: Arc<NativeMethod>,
        found: Found,
        running: Running,
        time: Duration,
        work: &mut Work,
    ) -> Result<(), Exception> {
        let (in_flight, _) = self.count_call()?;
        let (deadline, counted) = ((self.now() + time).into(), in_flight.clone());
        let result = method.finish(running, deadline, counted);
        self.begin(request, found, 0, in_flight, result, work);
        Ok(())
    }

    /// Hands a call to an engine.
    fn call_engine(
        &mut self,
        request: Request,
        found: Found,
        values: &mut Reader<'_>,
        work: &mut Work,
    ) -> Result<(), Exception> {
        let mut arguments = values.rest().to_vec();
        arguments.extend(values.take_block().unwrap_or_default());
        let time = self.time_allowed(request, &found);
        check::check(&found.handler.signature.arguments, &arguments)
            .map_err(|error| not_its_arguments(self.slots.registry(), &found.handler, &error))?;
        let (in_flight, alone) = self.count_call()?;
        let deadline = (self.now() + time).into();
        let held_bytes = arguments.len();
        let (called, counted) = (found.clone(), in_flight.clone());
        let result = async move {
            called.handler.call(&arguments, &called.client, deadline, alone, counted).await
        };
        self.begin(request, found, held_bytes, in_flight, result, work);
        Ok(())
    }

    fn begin(
        &mut self,
        request: Request,
        found: Found,
        held_bytes: usize,
        in_flight: InFlight,
        result: impl Future<Output = Result<Vec<u8>, Exception>> + Send + 'static,
        work: &mut Work,
    ) {
        self.held_bytes += held_bytes;
        let Request { call, slot, .. } = request;
        let (generation, began) = (self.slots.generation(), self.now());
        work.begin(call, in_flight, result, move |result| Answer {
            call,
            slot,
            found,
            generation,
            began,
            held_bytes,
            result,
        });
    }

    /// Puts the answer of a call that was waited for.
    pub(super) fn finish(&mut self, answer: Answer, out: &mut Outbox, work: &mut Work) {
        let Answer { call, slot, found, generation, began, held_bytes, result } = answer;
        work.end(call);
        self.held_bytes -= held_bytes;
        let result = result.and_then(|values| {
            check_length(values.len() + binary::RESULT_HEAD, self.max_answer, &found.handler.key)?;
            self.slots.tell(slot, &found, generation, out);
            let mark = binary::begin_result(call, out);
            out.push_block(values);
            out.end_frame(mark);
            Ok(())
        });
        if let Err(exception) = &result {
            binary::put_exception(call, exception, out);
        }
        self.log(&found, generation, began, result.as_ref().map(|()| ()));
    }

    /// Counts a call against the limits; also, whether it is the only one.
    fn count_call(&self) -> Result<(InFlight, bool), Exception> {
        let limit = self.shared.limits.calls;
        let permit = Arc::clone(&self.shared.calls).try_acquire_owned().map_err(|_| {
            unavailable(format!("the server has {limit} calls in flight, its limit"))
        })?;
        let alone = self.shared.calls.available_permits() + 1 == limit;
        Ok((InFlight::new(permit, &self.in_flight), alone))
    }

    fn time_allowed(&self, request: Request, found: &Found) -> Duration {
        let asked = request.deadline_ms.map(u64::from);
        time_allowed(&found.handler, self.shared.limits.deadline, asked).min(LONGEST_CALL)
    }

    /// Looks at the clock now and then, and whenever a slow method is searched.
    fn look_at_clock(&mut self, method: &NativeMethod) {
        let turn = &mut self.turn;
        turn.left -= 1;
        if turn.timed == 0 && turn.left % CALLS_PER_LOOK != 0 {
            return;
        }
        let now = Instant::now();
        let took = now - turn.looked;
        turn.looked = now;
        if turn.timed > 0 {
            turn.timed -= 1;
            method.took(took);
        } else if took > native::SLOW {
            turn.timed = CALLS_PER_TURN;
        }
        if now - turn.began > TURN {
            turn.left = 0;
        }
    }

    fn log(&self, found: &Found, generation: u64, began: Instant, outcome: Result<(), &Exception>) {
        let now = self.turn.looked;
        if found.handler.meter.admit(now) || outcome.is_err() {
            log_call(&found.handler, &found.client, generation, began.elapsed(), outcome);
        }
    }
}

fn unavailable(what: String) -> Exception {
    Exception::refused(ExceptionType::Unavailable, what)
}
