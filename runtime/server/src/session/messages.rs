//! What a session does with each message: a call begins, a deployment step, a ping; what is malformed is answered.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Finished, Session, State};
use crate::answer::{answer_call, deployment_answer};
use crate::deployment::DeploySession;
use crate::dispatch::{Call, dispatch};
use crate::engine::InFlight;
use deploy::message::{DeployError, DeployErrorKind, is_request_header};
use wire::exception::{Exception, ExceptionType};
use wire::json;
use wire::message::{self, AnswerId, Message, Request};

/// What this server can, in words for programs. Clients ask for these before they use what a server may not have.
const ABILITIES: &[&str] = &["text", "binary-1", "deploy-3"];

/// Pings and steps of a proof that a connection may begin with before they count as refused messages.
const FREE_PREFACE: u64 = 2;

/// Whether a malformed message has a header of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsOurs {
    Yes,
    No,
}

impl Session {
    pub(super) fn take_message(&mut self, bytes: &[u8]) {
        self.served += 1;
        self.take_any_message(bytes);
        if self.overloaded {
            self.state = State::Closing;
        }
    }

    fn take_any_message(&mut self, bytes: &[u8]) {
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
                Ok(request) => self.take_request(id, &request),
                Err(what) => self.answer_malformed(&null_if_absent(id), what, IsOurs::Yes),
            },
            "RPC-PING" if self.overloaded => self.answer_exception(&id, &self.too_many_connections()),
            "RPC-PING" => {
                self.put(&pong(&id));
                self.count_preface();
            }
            header if header.starts_with("INIT-") && (self.served > 1 || is_request_header(header)) => {
                if !self.may_deploy() {
                    self.count_preface();
                }
                self.take_deployment(id, header, bytes);
            }
            header => {
                let what = format!("there is no header `{}`", json::shortened(header));
                self.answer_malformed(&null_if_absent(id), what, IsOurs::No);
            }
        }
    }

    /// A ping, or a step of a proof. The first ones of a connection are what every tool begins with; more are a flood.
    fn count_preface(&mut self) {
        if self.served > FREE_PREFACE {
            self.count_refusal();
        }
    }

    /// Answers a malformed message. One that is none of this protocol ends a connection that begins with it; so do too
    /// many of any kind.
    fn answer_malformed(&mut self, id: &AnswerId, what: String, is_ours: IsOurs) {
        self.answer_exception(id, &Exception::refused(ExceptionType::MalformedMessage, what));
        self.count_refusal();
        let is_first = self.served == 1 && is_ours == IsOurs::No;
        if self.pressure.count_malformed() {
            self.state = State::Closing;
            self.end_reason = "too many malformed messages";
        } else if is_first {
            self.state = State::Closing;
            self.end_reason = "its first message is not of this protocol";
        }
    }

    fn take_request(&mut self, id: AnswerId, request: &Request<'_>) {
        let is_last = id == AnswerId::Absent;
        match self.begin_call(request) {
            Ok((call, in_flight, generation)) => {
                if let AnswerId::Json(id) = &id {
                    self.last_id = Some(id.clone());
                }
                let limit = self.shared.limits.frame_bytes;
                let remote = self.pressure.remote.clone();
                let held_bytes = call.arguments.len();
                self.held_bytes += held_bytes;
                let answer = async move {
                    let message = answer_call(call, generation, id, limit, in_flight, &remote).await;
                    Finished { held_bytes, is_last, ..Finished::new(message) }
                };
                self.calls.push(Box::pin(answer));
            }
            Err(exception) => {
                let remote = &self.pressure.remote;
                if remote.logs() {
                    let (service, rpc) = (json::shortened(&request.service), json::shortened(&request.rpc));
                    let exception = exception.for_log();
                    tracing::warn!(event = "refused", peer = %remote, service, rpc, exception);
                }
                let mut message = Vec::new();
                message::write_exception(&id, &exception, &mut message);
                self.collect_one(Finished { is_last, ..Finished::new(message) });
                self.count_refusal();
            }
        }
        if is_last {
            self.state = State::Closing;
        }
    }

    fn too_many_connections(&self) -> Exception {
        let limit = self.shared.limits.connections;
        let what = format!("the server has {limit} connections, its limit");
        Exception::refused(ExceptionType::Unavailable, what)
    }

    fn begin_call(&mut self, request: &Request<'_>) -> Result<(Call, InFlight, u64), Exception> {
        let unavailable = |what: String| Exception::refused(ExceptionType::Unavailable, what);
        let limits = &self.shared.limits;
        if self.overloaded {
            return Err(self.too_many_connections());
        }
        let registry = self.shared.registry.load();
        let call = dispatch(&registry, request, &self.pressure.remote, limits.deadline)?;
        let permit = Arc::clone(&self.shared.calls).try_acquire_owned().map_err(|_| {
            unavailable(format!("the server has {} calls in flight, its limit", limits.calls))
        })?;
        Ok((call, InFlight::new(permit, &self.pressure.load), registry.generation))
    }

    /// A step of a deployment runs to its end even if this connection does not, and after the step before it.
    fn take_deployment(&mut self, id: AnswerId, header: &str, bytes: &[u8]) {
        let (shared, deploy) = (Arc::clone(&self.shared), Arc::clone(self.deploy_session()));
        let (header, bytes) = (header.to_owned(), bytes.to_vec());
        let held_bytes = bytes.len();
        self.held_bytes += held_bytes;
        let (done, last_step) = oneshot::channel::<()>();
        let step_before = self.last_step.replace(last_step);
        let background = shared.background.clone();
        let (session, working) = (Arc::clone(&deploy), Arc::clone(&shared));
        let step = background.spawn(async move {
            if let Some(step_before) = step_before {
                // Its sender is dropped when that step is done, whatever became of it.
                let _ = step_before.await;
            }
            let answer = working.deployer.handle(&working.registry, &session, &header, &bytes).await;
            drop(done);
            answer
        });
        self.calls.push(Box::pin(async move {
            let failed = |error: tokio::task::JoinError| {
                Err(DeployError::new(DeployErrorKind::Failed, format!("the step broke off: {error}")))
            };
            let message = deployment_answer(&id, step.await.unwrap_or_else(failed));
            Finished { held_bytes, ends: deploy.is_over(), ..Finished::new(message) }
        }));
    }

    fn deploy_session(&mut self) -> &Arc<DeploySession> {
        self.deploy.get_or_insert_with(|| {
            // Where the system does not tell it, no proof can be right.
            let own = self.reader.local_addr().ok().into_iter().chain(self.shared.advertise);
            Arc::new(DeploySession::new(self.pressure.remote.clone(), own.collect()))
        })
    }
}

/// The answer to `RPC-PING`: which version this is, and what it can.
fn pong(id: &AnswerId) -> Vec<u8> {
    let mut message = Vec::new();
    message::write_pong(id, env!("CARGO_PKG_VERSION"), ABILITIES, &mut message);
    message
}

fn null_if_absent(id: AnswerId) -> AnswerId {
    if id == AnswerId::Absent { AnswerId::Null } else { id }
}
