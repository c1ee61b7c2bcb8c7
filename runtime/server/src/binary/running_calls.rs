//! [`RunningCalls`]: a session's calls, on their way from request to answer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use handler::{Call, RunningCall};
use wire::binary::{self, Request};
use wire::block::Block;
use wire::calls::incoming::Incoming;
use wire::check;
use wire::exception::{Exception, Executed};
use wire::outbox::Outbox;
use wire::value::{DecodeError, Reader};

use super::turn::Turn;
use super::work::{CallControl, EndedCall, Work};
use crate::calls::answer::{check_length, expired_at_once};
use crate::calls::dispatch::{Grant, time_allowed, undecodable_arguments};
use crate::calls::record::{CallRecord, Observers};
use crate::connection::pressure::Pressure;
use crate::engine::InFlight;
use crate::engine::native::{self, NativeMethod};
use crate::shared::Shared;

/// A session's calls.
#[derive(Debug)]
pub(super) struct RunningCalls {
    pub(super) shared: Arc<Shared>,
    pub(super) pressure: Pressure,
    /// The calls that the peer has begun.
    pub(super) incoming: Incoming<CallControl>,
    /// The generation that is called.
    pub(super) generation: u64,
    /// Maximum length of an answer in bytes.
    pub(super) max_answer: usize,
    pub(super) turn: Turn,
    pub(super) observers: Observers,
}

/// Where the results of handling a frame go.
pub(super) struct Results<'a, 'cx> {
    /// Takes answers that are ready.
    pub(super) out: &'a mut Outbox,
    /// Takes calls that are waited for.
    pub(super) work: &'a mut Work,
    pub(super) cx: &'a mut Context<'cx>,
}

impl RunningCalls {
    pub(super) fn new(pressure: Pressure, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            pressure,
            incoming: Incoming::default(),
            generation: 0,
            max_answer: shared.limits.frame_bytes,
            turn: Turn::new(now),
            observers: Observers::new(now),
            shared,
        }
    }

    /// Returns whether calls that were given up still run.
    pub(super) fn has_abandoned(&self) -> bool {
        self.pressure.load.in_flight() > self.incoming.len()
    }

    /// Returns whether the limits leave room for another call.
    pub(super) fn takes_more(&self) -> bool {
        let limits = &self.shared.limits;
        self.pressure.load.in_flight() < limits.session_calls
            && self.incoming.held_bytes() < limits.queued_bytes
    }

    /// Answers a call in place, or begins it.
    ///
    /// # Errors
    /// Returns the exception that answers the call.
    pub(super) fn begin(
        &mut self,
        request: Request,
        grant: &Grant,
        values: &mut Reader<'_>,
        results: &mut Results<'_, '_>,
    ) -> Result<(), Exception> {
        let Some(method) = grant.handler.native() else {
            return self.begin_in_engine(request, grant, values, results.work);
        };
        let time = self.time_allowed(request, grant);
        let call = Call::new(Arc::clone(&grant.client), self.turn.now + time);
        let arguments = values.remaining();
        let mut running = method
            .start(call, values)
            .map_err(|error| self.bad_arguments(grant, &error))?;
        check_has_time(request)?;
        let in_place = method.runs_in_place();
        if in_place && self.answer_in_place(request, method, grant, &mut running, results) {
            return Ok(());
        }
        // A call that was polled has begun.
        let executed = if in_place {
            Executed::Unknown
        } else {
            Executed::No
        };
        let in_flight = self.pressure.count_call(arguments);
        let in_flight = in_flight.map_err(|exception| Exception {
            executed,
            ..exception
        })?;
        if in_place {
            in_flight.begin();
        }
        let deadline = (self.turn.now + time).into();
        let method = Arc::clone(method);
        let client = Arc::clone(&grant.client);
        let counted = in_flight.clone();
        let result = async move { Ok(method.finish(running, &client, deadline, counted).await?) };
        self.wait_for(request, grant, 0, in_flight, result, results.work);
        Ok(())
    }

    /// Polls a native call once. Returns whether it was answered.
    fn answer_in_place(
        &mut self,
        request: Request,
        method: &NativeMethod,
        grant: &Grant,
        running: &mut RunningCall,
        results: &mut Results<'_, '_>,
    ) -> bool {
        let out = &mut *results.out;
        let mark = binary::begin_result(request.call, out);
        let polled = native::poll(running.as_mut(), results.cx, out);
        let began_at = self.turn.now;
        self.turn.count(method);
        let Poll::Ready(result) = polled else {
            out.discard_frame(mark);
            return false;
        };
        let length = out.frame_len(mark);
        let result = result.map_err(Exception::from);
        let result =
            result.and_then(|()| check_length(length, self.max_answer, &grant.handler.key));
        match &result {
            Ok(()) => out.end_frame(mark),
            Err(exception) => {
                out.discard_frame(mark);
                binary::put_exception(request.call, exception, out);
            }
        }
        self.tell_observers(grant, self.generation, began_at, result.as_ref().err());
        true
    }

    /// Hands a call to the engine of its service.
    fn begin_in_engine(
        &mut self,
        request: Request,
        grant: &Grant,
        values: &mut Reader<'_>,
        work: &mut Work,
    ) -> Result<(), Exception> {
        let mut arguments = values.rest().to_vec();
        arguments.extend(values.take_block().map_or_else(Vec::new, Block::into_bytes));
        check::check(&grant.handler.signature.arguments, &arguments)
            .map_err(|error| self.bad_arguments(grant, &error))?;
        check_has_time(request)?;
        let in_flight = self.pressure.count_call(arguments.len())?;
        let deadline = (self.turn.now + self.time_allowed(request, grant)).into();
        let held_bytes = arguments.len();
        let called = grant.clone();
        let counted = in_flight.clone();
        let result = async move {
            let values = called
                .handler
                .call(&arguments, &called.client, deadline, counted)
                .await?;
            let mut out = Outbox::default();
            out.push(Block::Bytes(values));
            Ok(out)
        };
        self.wait_for(request, grant, held_bytes, in_flight, result, work);
        Ok(())
    }

    fn wait_for(
        &mut self,
        request: Request,
        grant: &Grant,
        held_bytes: usize,
        in_flight: InFlight,
        result: impl Future<Output = Result<Outbox, Exception>> + Send + 'static,
        work: &mut Work,
    ) {
        let call = request.call;
        let grant = grant.clone();
        let generation = self.generation;
        let began_at = self.turn.now;
        let ended = move |result| EndedCall {
            call,
            grant,
            generation,
            began_at,
            result,
        };
        let control = work.wait_for(in_flight, result, ended);
        self.incoming.start(call, held_bytes, control);
    }

    /// Puts the answer of a call that was waited for.
    pub(super) fn finish(&mut self, ended: EndedCall, out: &mut Outbox) {
        let EndedCall {
            call,
            grant,
            generation,
            began_at,
            result,
        } = ended;
        self.incoming.finish(call);
        self.turn.count_waited();
        let result = result.and_then(|values| {
            check_length(
                values.len() + binary::RESULT_HEAD,
                self.max_answer,
                &grant.handler.key,
            )?;
            let mark = binary::begin_result(call, out);
            out.append(values);
            out.end_frame(mark);
            Ok(())
        });
        if let Err(exception) = &result {
            binary::put_exception(call, exception, out);
        }
        self.tell_observers(&grant, generation, began_at, result.as_ref().err());
    }

    fn bad_arguments(&self, grant: &Grant, error: &DecodeError) -> Exception {
        undecodable_arguments(&self.shared.registry.load(), &grant.handler, error)
    }

    fn time_allowed(&self, request: Request, grant: &Grant) -> Duration {
        let asked = request.deadline_ms.map(u64::from);
        time_allowed(&grant.handler, self.shared.limits.deadline, asked)
    }

    fn tell_observers(
        &mut self,
        grant: &Grant,
        generation: u64,
        began_at: Instant,
        exception: Option<&Exception>,
    ) {
        self.observers.set_now(self.turn.now);
        self.observers.call_ended(&CallRecord {
            handler: &grant.handler,
            client: &grant.client,
            remote: &self.pressure.remote,
            generation,
            began_at,
            exception,
        });
    }
}

/// Refuses a call whose deadline has passed when it comes. Other errors of the call come first.
fn check_has_time(request: Request) -> Result<(), Exception> {
    if request.deadline_ms == Some(0) {
        Err(expired_at_once())
    } else {
        Ok(())
    }
}
