//! [`Calls`]: a session's calls, on their way from request to answer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::desk::unavailable;
use super::turn::Turn;
use super::work::{Answer, LONGEST_CALL, Work};
use crate::Shared;
use crate::answer::{check_length, expired_at_once, log_call};
use crate::dispatch::{Found, not_its_arguments, time_allowed};
use crate::engine::InFlight;
use crate::engine::native::{self, NativeMethod};
use crate::pressure::Pressure;
use handler::{Call, RunningCall};
use wire::binary::{self, Request};
use wire::block::Block;
use wire::check;
use wire::exception::{Exception, Executed};
use wire::outbox::Outbox;
use wire::value::{DecodeError, Reader};

/// A session's calls.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) shared: Arc<Shared>,
    pub(super) pressure: Pressure,
    /// The number of the last one that was taken on.
    pub(super) last: u64,
    /// How many came.
    pub(super) served: u64,
    /// The generation that answers.
    pub(super) generation: u64,
    /// The longest answer that may be sent.
    pub(super) max_answer: usize,
    pub(super) turn: Turn,
    /// Bytes of arguments of those under way.
    held_bytes: usize,
}

impl Calls {
    pub(super) fn new(pressure: Pressure, shared: Arc<Shared>) -> Self {
        Self {
            pressure,
            last: 0,
            served: 0,
            generation: 0,
            max_answer: shared.limits.frame_bytes,
            turn: Turn::new(Instant::now()),
            held_bytes: 0,
            shared,
        }
    }

    /// Whether some still run that nobody awaits any more.
    pub(super) fn has_strays(&self, awaited: usize) -> bool {
        self.pressure.load.in_flight() > awaited
    }

    /// Whether the limits leave room for another one.
    pub(super) fn takes_more(&self) -> bool {
        let limits = &self.shared.limits;
        self.pressure.load.in_flight() < limits.session_calls && self.held_bytes < limits.queued_bytes
    }

    /// Answers a call in place, or begins it.
    ///
    /// # Errors
    /// The exception that answers it.
    pub(super) fn begin(
        &mut self,
        request: Request,
        found: &Found,
        values: &mut Reader<'_>,
        out: &mut Outbox,
        work: &mut Work,
        cx: &mut Context<'_>,
    ) -> Result<(), Exception> {
        let Some(method) = found.handler.native() else {
            return self.begin_engine(request, found, values, work);
        };
        let time = self.time_allowed(request, found);
        let call = Call::new(Arc::clone(&found.client), self.turn.now + time);
        let mut running = method.start(call, values).map_err(|error| self.bad_arguments(found, &error))?;
        has_time(request)?;
        let in_place = method.runs_in_place();
        if in_place && self.answer_in_place(request, method, found, &mut running, out, cx) {
            return Ok(());
        }
        // One that was polled has begun.
        let executed = if in_place { Executed::Unknown } else { Executed::No };
        let in_flight = self.count().map_err(|exception| Exception { executed, ..exception })?;
        if in_place {
            in_flight.begin();
        }
        let deadline = (self.turn.now + time).into();
        let (method, client, working) = (Arc::clone(method), Arc::clone(&found.client), in_flight.clone());
        let result = async move { method.finish(running, &client, deadline, working).await };
        self.wait_for(request, found.clone(), 0, in_flight, result, work);
        Ok(())
    }

    /// Whether a native call was answered at once.
    fn answer_in_place(
        &mut self,
        request: Request,
        method: &NativeMethod,
        found: &Found,
        running: &mut RunningCall,
        out: &mut Outbox,
        cx: &mut Context<'_>,
    ) -> bool {
        let mark = binary::begin_result(request.call, out);
        let polled = native::poll(running.as_mut(), cx, out);
        let began = self.turn.now;
        self.turn.count(method);
        let Poll::Ready(result) = polled else {
            out.take_back(mark);
            return false;
        };
        let length = out.frame_len(mark);
        let result = result.and_then(|()| check_length(length, self.max_answer, &found.handler.key));
        match &result {
            Ok(()) => out.end_frame(mark),
            Err(exception) => {
                out.take_back(mark);
                binary::put_exception(request.call, exception, out);
            }
        }
        self.log(found, self.generation, began, result.as_ref().err());
        true
    }

    /// Hands a call to an engine.
    fn begin_engine(
        &mut self,
        request: Request,
        found: &Found,
        values: &mut Reader<'_>,
        work: &mut Work,
    ) -> Result<(), Exception> {
        let mut arguments = values.rest().to_vec();
        arguments.extend(values.take_block().map_or_else(Vec::new, Block::into_bytes));
        check::check(&found.handler.signature.arguments, &arguments)
            .map_err(|error| self.bad_arguments(found, &error))?;
        has_time(request)?;
        let in_flight = self.count()?;
        let deadline = (self.turn.now + self.time_allowed(request, found)).into();
        let held_bytes = arguments.len();
        let (called, counted) = (found.clone(), in_flight.clone());
        let result = async move {
            let values = called.handler.call(&arguments, &called.client, deadline, counted).await?;
            let mut out = Outbox::default();
            out.push(Block::Bytes(values));
            Ok(out)
        };
        self.wait_for(request, found.clone(), held_bytes, in_flight, result, work);
        Ok(())
    }

    fn wait_for(
        &mut self,
        request: Request,
        found: Found,
        held_bytes: usize,
        in_flight: InFlight,
        result: impl Future<Output = Result<Outbox, Exception>> + Send + 'static,
        work: &mut Work,
    ) {
        self.held_bytes += held_bytes;
        let (call, generation, began) = (request.call, self.generation, self.turn.now);
        work.begin(call, in_flight, result, move |result| Answer {
            call,
            found,
            generation,
            began,
            held_bytes,
            result,
        });
    }

    /// Puts the answer of a call that was waited for.
    pub(super) fn finish(&mut self, answer: Answer, out: &mut Outbox, work: &mut Work) {
        let Answer { call, found, generation, began, held_bytes, result } = answer;
        work.end(call);
        self.turn.count_waited();
        self.held_bytes -= held_bytes;
        let result = result.and_then(|values| {
            check_length(values.len() + binary::RESULT_HEAD, self.max_answer, &found.handler.key)?;
            let mark = binary::begin_result(call, out);
            out.append(values);
            out.end_frame(mark);
            Ok(())
        });
        if let Err(exception) = &result {
            binary::put_exception(call, exception, out);
        }
        self.log(&found, generation, began, result.as_ref().err());
    }

    /// Counts a call against the limits.
    fn count(&self) -> Result<InFlight, Exception> {
        let limit = self.shared.limits.calls;
        let permit = Arc::clone(&self.shared.calls)
            .try_acquire_owned()
            .map_err(|_| unavailable(format!("the server has {limit} calls in flight, its limit")))?;
        Ok(InFlight::new(permit, &self.pressure.load))
    }

    fn bad_arguments(&self, found: &Found, error: &DecodeError) -> Exception {
        not_its_arguments(&self.shared.registry.load(), &found.handler, error)
    }

    fn time_allowed(&self, request: Request, found: &Found) -> Duration {
        let asked = request.deadline_ms.map(u64::from);
        time_allowed(&found.handler, self.shared.limits.deadline, asked).min(LONGEST_CALL)
    }

    fn log(&mut self, found: &Found, generation: u64, began: Instant, exception: Option<&Exception>) {
        let logs =
            if exception.is_some() { self.pressure.remote.logs() } else { self.turn.logs(&found.handler) };
        if logs {
            log_call(&found.handler, &found.client, generation, began.elapsed(), exception);
        }
    }
}

/// A call that comes without time is refused, after everything that may be wrong with it.
fn has_time(request: Request) -> Result<(), Exception> {
    if request.deadline_ms == Some(0) { Err(expired_at_once()) } else { Ok(()) }
}
