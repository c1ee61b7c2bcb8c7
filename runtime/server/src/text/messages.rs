//! Handles the messages of a session: requests, deployment steps and pings. A malformed message is
//! answered with an exception.

use std::sync::Arc;

use deploy::message::{DeployError, DeployErrorKind, is_request_header};
use tokio::sync::oneshot;
use wire::exception::{Exception, ExceptionType};
use wire::json;
use wire::message::{self, AnswerId, Message, Request};

use super::answers::{FinishedAnswer, answer_call, write_deployment_answer};
use super::{Phase, TextSession};
use crate::calls::answer::too_many_connections;
use crate::calls::dispatch::{AcceptedCall, dispatch};
use crate::connection::end::EndReason;
use crate::deployment::DeploySession;
use crate::engine::InFlight;

/// The abilities of this server. Clients ask for them before they use something that a server may
/// lack.
const ABILITIES: &[&str] = &["text", "binary-1", "deploy-3"];

/// Pings and steps of a proof that a connection may begin with before they count as refused
/// messages.
const FREE_PREFACE: u64 = 2;

/// Whether a malformed message has a header of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsOurs {
    Yes,
    No,
}

impl TextSession {
    pub(super) fn handle_message(&mut self, bytes: &[u8]) {
        self.served += 1;
        self.handle_any_message(bytes);
        if self.turned_away().is_some() {
            self.phase = Phase::Closing;
        }
    }

    fn handle_any_message(&mut self, bytes: &[u8]) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(malformed) => {
                let id = malformed.id.map_or(AnswerId::Null, |id| Some(id).into());
                return self.answer_malformed(&id, malformed.message, IsOurs::No);
            }
        };
        let id = AnswerId::from(message.id);
        match &*message.header {
            "RPC-REQ" => match Request::parse(&message.value) {
                Ok(request) => self.handle_request(id, &request),
                Err(what) => self.answer_malformed(&null_if_absent(id), what, IsOurs::Yes),
            },
            "RPC-PING" => {
                if let Some(limit) = self.turned_away() {
                    return self.answer_exception(&id, &too_many_connections(limit));
                }
                self.put(pong(&id));
                self.count_preface();
            }
            header
                if header.starts_with("INIT-")
                    && (self.served > 1 || is_request_header(header)) =>
            {
                if !self.may_deploy() {
                    self.count_preface();
                }
                self.handle_deployment(id, header, message.value_text);
            }
            header => {
                let what = format!("there is no header `{}`", json::shortened(header));
                self.answer_malformed(&null_if_absent(id), what, IsOurs::No);
            }
        }
    }

    /// Counts a ping or a step of a proof. Every tool begins a connection with a few of them; more
    /// count as refused messages.
    fn count_preface(&mut self) {
        if self.served > FREE_PREFACE {
            self.count_refusal();
        }
    }

    /// Answers a malformed message. If the first message of a connection is not of this protocol,
    /// the connection ends. It also ends after too many malformed messages.
    fn answer_malformed(&mut self, id: &AnswerId, what: String, is_ours: IsOurs) {
        self.answer_exception(
            id,
            &Exception::refused(ExceptionType::MalformedMessage, what),
        );
        self.count_refusal();
        let is_first = self.served == 1 && is_ours == IsOurs::No;
        if self.pressure.count_malformed() {
            self.phase = Phase::Closing;
            self.end_reason = EndReason::Malformed;
        } else if is_first {
            self.phase = Phase::Closing;
            self.end_reason = EndReason::NotThisProtocol;
        }
    }

    fn handle_request(&mut self, id: AnswerId, request: &Request<'_>) {
        let is_last = id == AnswerId::Absent;
        match self.begin_call(request) {
            Ok((call, in_flight, generation)) => {
                if let AnswerId::Json(id) = &id {
                    self.last_id = Some(id.clone());
                }
                let limit = self.shared.limits.frame_bytes;
                self.held_bytes += call.arguments.len();
                self.calls.push(Box::pin(answer_call(
                    call, generation, id, limit, in_flight,
                )));
            }
            Err(exception) => {
                let remote = &self.pressure.remote;
                if remote.logs() {
                    let service = json::shortened(&request.service);
                    let rpc = json::shortened(&request.rpc);
                    let exception = exception.for_log();
                    tracing::warn!(event = "refused", peer = %remote, service, rpc, exception);
                }
                let mut message = Vec::new();
                message::write_exception(&id, &exception, &mut message);
                self.collect_one(FinishedAnswer {
                    is_last,
                    ..FinishedAnswer::new(message)
                });
                self.count_refusal();
            }
        }
        if is_last {
            self.phase = Phase::Closing;
        }
    }

    fn begin_call(
        &mut self,
        request: &Request<'_>,
    ) -> Result<(AcceptedCall, InFlight, u64), Exception> {
        let limits = &self.shared.limits;
        if let Some(limit) = self.turned_away() {
            return Err(too_many_connections(limit));
        }
        let registry = self.shared.registry.load();
        let call = dispatch(&registry, request, &self.pressure.remote, limits.deadline)?;
        let in_flight = self.pressure.count_call(call.arguments.len())?;
        Ok((call, in_flight, registry.generation))
    }

    /// Begins a step of a deployment. It runs after the step before it, and it runs to its end even
    /// if the connection ends before.
    fn handle_deployment(&mut self, id: AnswerId, header: &str, value: &str) {
        let shared = Arc::clone(&self.shared);
        let deploy = Arc::clone(self.deploy_session());
        let header = header.to_owned();
        let value = value.to_owned();
        let held_bytes = value.len();
        self.held_bytes += held_bytes;
        let (done, last_step) = oneshot::channel::<()>();
        let step_before = self.last_step.replace(last_step);
        let background = shared.background.clone();
        let session = Arc::clone(&deploy);
        let step = background.spawn(async move {
            if let Some(step_before) = step_before {
                // Waits until the sender is dropped, which happens when that step ends, even if it
                // fails.
                let _ = step_before.await;
            }
            let answer = shared
                .deployer
                .handle(&shared.registry, &session, &header, &value)
                .await;
            drop(done);
            answer
        });
        self.calls.push(Box::pin(async move {
            let failed = |error: tokio::task::JoinError| {
                Err(DeployError::new(
                    DeployErrorKind::Failed,
                    format!("the step did not run to its end: {error}"),
                ))
            };
            let message = write_deployment_answer(&id, step.await.unwrap_or_else(failed));
            FinishedAnswer {
                held_bytes,
                ends_session: deploy.is_over(),
                ..FinishedAnswer::new(message)
            }
        }));
    }

    fn deploy_session(&mut self) -> &Arc<DeploySession> {
        self.deploy.get_or_insert_with(|| {
            if let Some(identity) = &self.pressure.remote.identity {
                let may_deploy = self.shared.registry.load().identity().may_deploy(identity);
                let remote = self.pressure.remote.clone();
                return Arc::new(DeploySession::over_tls(remote, may_deploy));
            }
            // Without the local address, only a proof for the advertised address can be right.
            let own_addresses = self
                .stream
                .socket()
                .local_addr()
                .ok()
                .into_iter()
                .chain(self.shared.advertise);
            Arc::new(DeploySession::new(
                self.pressure.remote.clone(),
                own_addresses.collect(),
            ))
        })
    }
}

/// Returns the answer to `RPC-PING`: the version and the abilities of this server.
fn pong(id: &AnswerId) -> Vec<u8> {
    let mut message = Vec::new();
    message::write_pong(id, env!("CARGO_PKG_VERSION"), ABILITIES, &mut message);
    message
}

fn null_if_absent(id: AnswerId) -> AnswerId {
    if id == AnswerId::Absent {
        AnswerId::Null
    } else {
        id
    }
}
