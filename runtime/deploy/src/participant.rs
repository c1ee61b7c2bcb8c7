//! [`Participant`]: one server's side of the transaction, as a pure state machine.
//!
//! ```text
//!          begin            prepared            commit -> committed
//!   idle --------> staging ----------> prepared -----------------> idle, generation + 1
//!    ^                |                    |
//!    +----------------+--------------------+   abort, or the lease expired
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Maximum number of ended transactions that a server remembers.
pub const MAX_OUTCOMES: usize = 64;

/// Maximum length of a lease. A longer lease that an initializer asks for is shortened to it.
pub const MAX_LEASE: Duration = Duration::from_mins(5);

/// Number of fencing tokens reserved for each generation. The first token of a generation follows
/// from its number, so that tokens rise even across restarts.
const TOKENS_PER_GENERATION: u64 = 1 << 16;

/// What is live on a server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Live {
    /// The generation; 0 before the first apply.
    pub generation: u64,
    /// The manifest's content hash; empty before the first apply.
    pub content: String,
}

/// The outcome of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Outcome {
    /// The transaction became a generation.
    Committed {
        /// The generation that it became.
        generation: u64,
    },
    /// The transaction changed nothing.
    Aborted,
    /// The transaction is under way.
    InProgress,
    /// This server does not remember the transaction: it never began here, or ended long ago.
    Unknown,
}

/// Why a step is refused. A refused step changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another transaction holds the lease.
    #[error("another apply is under way: {} holds the lease for {} ms more", .0.holder, .0.left_ms)]
    Busy(Lease),
    /// The live content is not the content that the plan was made for.
    #[error(
        "the server moved on: the plan is for generation {planned}, and generation {found} is live"
    )]
    Moved {
        /// The generation of the plan.
        planned: u64,
        /// The generation that is live.
        found: u64,
    },
    /// The step belongs to a transaction that is not under way.
    #[error("transaction {0} is not under way here: its lease ran out, or it never began")]
    NotUnderWay(String),
    /// The step is a commit, and the transaction is not prepared.
    #[error("transaction {0} is not prepared")]
    NotPrepared(String),
    /// The step belongs to an earlier beginning of the transaction.
    #[error(
        "the step belongs to an earlier beginning of transaction {txn}: its token is {token}, and the token of the lease is {held}"
    )]
    Fenced {
        /// The transaction.
        txn: String,
        /// The step's token.
        token: u64,
        /// The token of the lease.
        held: u64,
    },
    /// The step is a rollback of a transaction that is not live.
    #[error("transaction {0} is not live here, so it cannot be rolled back")]
    NotLive(String),
}

/// The lease of a transaction under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// The transaction's id.
    pub txn: String,
    /// Who applies, in words.
    pub holder: String,
    /// How long the lease still lasts if nothing renews it, in milliseconds.
    pub left_ms: u64,
}

/// One server's side of the transaction.
#[derive(Debug, Default)]
pub struct Participant {
    live: Live,
    /// The transaction under way, which holds the lease.
    current: Option<ActiveTransaction>,
    /// The highest fencing token so far. Each lease gets a higher token.
    last_token: u64,
    /// `outcomes.len() <= MAX_OUTCOMES`, oldest first.
    outcomes: VecDeque<(String, Outcome)>,
}

#[derive(Debug)]
struct ActiveTransaction {
    txn: String,
    token: u64,
    holder: String,
    lease: Duration,
    lease_ends_at: Instant,
    /// Whether the server checks and loads. The lease does not expire meanwhile.
    preparing: bool,
    prepared: bool,
}

impl ActiveTransaction {
    fn lease(&self, now: Instant) -> Lease {
        let left = self
            .lease_ends_at
            .saturating_duration_since(now)
            .as_millis();
        Lease {
            txn: self.txn.clone(),
            holder: self.holder.clone(),
            left_ms: u64::try_from(left).unwrap_or(u64::MAX),
        }
    }
}

/// A step of a transaction: its id, and the token that came with the step.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The id of the transaction.
    pub txn: &'a str,
    /// The fencing token that [`Participant::begin`] returned; `None` for a step of the server
    /// itself.
    pub token: Option<u64>,
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(txn: &'a str) -> Self {
        Self { txn, token: None }
    }
}

/// The first step of a transaction.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The id of the transaction.
    pub txn: String,
    /// Who applies, in words. Others see it when the lease is taken.
    pub holder: String,
    /// How long the server waits for the next step.
    pub lease: Duration,
    /// What was live when the plan was made.
    pub expected: Live,
}

impl Participant {
    /// Creates the state of a server on which `live` is live.
    pub fn new(live: Live) -> Self {
        Self {
            live,
            ..Self::default()
        }
    }

    /// Returns what is live.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Returns the id of the transaction under way.
    pub fn current(&self) -> Option<&str> {
        self.current.as_ref().map(|current| current.txn.as_str())
    }

    /// Ends the transaction under way if its lease has expired. Returns the id of the transaction
    /// that ended.
    pub fn expire(&mut self, now: Instant) -> Option<String> {
        let expired = self
            .current
            .take_if(|current| now >= current.lease_ends_at && !current.preparing)?;
        self.remember(&expired.txn, Outcome::Aborted);
        Some(expired.txn)
    }

    /// Takes the lease for a transaction, and returns the fencing token of the lease. The
    /// transaction that holds the lease may begin again.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::Moved`].
    pub fn begin(&mut self, now: Instant, begin: Begin) -> Result<u64, Refusal> {
        self.expire(now);
        if let Some(current) = self
            .current
            .as_ref()
            .filter(|current| current.txn != begin.txn)
        {
            return Err(Refusal::Busy(current.lease(now)));
        }
        if begin.expected != self.live {
            return Err(Refusal::Moved {
                planned: begin.expected.generation,
                found: self.live.generation,
            });
        }
        self.last_token = self
            .last_token
            .max(self.live.generation.saturating_mul(TOKENS_PER_GENERATION))
            .saturating_add(1);
        self.start_lease(now, begin, self.last_token);
        Ok(self.last_token)
    }

    fn start_lease(&mut self, now: Instant, begin: Begin, token: u64) {
        let lease = begin.lease.min(MAX_LEASE);
        let Begin { txn, holder, .. } = begin;
        self.current = Some(ActiveTransaction {
            txn,
            token,
            holder,
            lease,
            lease_ends_at: now + lease,
            preparing: false,
            prepared: false,
        });
    }

    /// Resumes a transaction that was prepared when the server last stopped; its lease starts
    /// again. Returns whether the transaction still fits: its expected content is live, and it has
    /// not ended.
    pub fn resume(&mut self, now: Instant, begin: Begin, token: u64) -> bool {
        let fits = begin.expected == self.live && self.outcome(&begin.txn) == Outcome::Unknown;
        if fits {
            self.last_token = self.last_token.max(token);
            self.start_lease(now, begin, token);
            self.current
                .iter_mut()
                .for_each(|current| current.prepared = true);
        }
        fits
    }

    /// Records that a step of the transaction under way arrived: its lease starts again.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`].
    pub fn step<'a>(&mut self, now: Instant, step: impl Into<Step<'a>>) -> Result<(), Refusal> {
        self.expire(now);
        let current = self.under_way(step.into())?;
        current.lease_ends_at = now + current.lease;
        Ok(())
    }

    /// Records that the server begins to check and load. [`prepared`](Self::prepared) or
    /// [`abort`](Self::abort) must follow.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`].
    pub fn preparing<'a>(&mut self, step: impl Into<Step<'a>>) -> Result<(), Refusal> {
        self.under_way(step.into())?.preparing = true;
        Ok(())
    }

    /// Records that everything of the transaction is checked, loaded and durable.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`].
    pub fn prepared<'a>(&mut self, now: Instant, step: impl Into<Step<'a>>) -> Result<(), Refusal> {
        let step = step.into();
        self.step(now, step)?;
        let current = self.under_way(step)?;
        current.preparing = false;
        current.prepared = true;
        Ok(())
    }

    /// Checks whether a transaction may be made live. Returns the number of its generation;
    /// [`committed`](Self::committed) or [`abort`](Self::abort) must follow. Returns `None` if the
    /// transaction has already committed.
    ///
    /// # Errors
    /// [`Refusal::NotUnderWay`], [`Refusal::NotPrepared`].
    pub fn commit<'a>(
        &mut self,
        now: Instant,
        step: impl Into<Step<'a>>,
    ) -> Result<Option<u64>, Refusal> {
        let step = step.into();
        if let Outcome::Committed { .. } = self.outcome(step.txn) {
            return Ok(None);
        }
        self.step(now, step)?;
        if !self.under_way(step)?.prepared {
            return Err(Refusal::NotPrepared(step.txn.to_owned()));
        }
        Ok(Some(self.live.generation + 1))
    }

    /// Records that a transaction is live and durable.
    pub fn committed(&mut self, txn: &str, live: Live) {
        self.current.take_if(|current| current.txn == txn);
        self.remember(
            txn,
            Outcome::Committed {
                generation: live.generation,
            },
        );
        self.live = live;
    }

    /// Ends a transaction without a change, and returns its outcome. A committed transaction stays
    /// committed.
    pub fn abort(&mut self, txn: &str) -> Outcome {
        let outcome = self.outcome(txn);
        if let Outcome::Committed { .. } = outcome {
            return outcome;
        }
        self.current.take_if(|current| current.txn == txn);
        self.remember(txn, Outcome::Aborted);
        Outcome::Aborted
    }

    /// Checks whether a committed transaction may be undone. Returns the number of the generation
    /// that gets the previous content.
    ///
    /// # Errors
    /// [`Refusal::NotLive`] if the transaction is not live, [`Refusal::Busy`] if another apply is
    /// under way.
    pub fn roll_back(&mut self, now: Instant, txn: &str) -> Result<u64, Refusal> {
        self.expire(now);
        if let Some(current) = &self.current {
            return Err(Refusal::Busy(current.lease(now)));
        }
        match self.outcome(txn) {
            Outcome::Committed { generation } if generation == self.live.generation => {
                Ok(generation + 1)
            }
            _ => Err(Refusal::NotLive(txn.to_owned())),
        }
    }

    /// Records that a transaction is undone: `live` has the previous content.
    pub fn rolled_back(&mut self, txn: &str, live: Live) {
        self.remember(txn, Outcome::Aborted);
        self.live = live;
    }

    /// Returns the outcome of a transaction.
    pub fn outcome(&self, txn: &str) -> Outcome {
        if self.current() == Some(txn) {
            return Outcome::InProgress;
        }
        let found = self.outcomes.iter().rev().find(|(id, _)| id == txn);
        found.map_or(Outcome::Unknown, |(_, outcome)| outcome.clone())
    }

    /// Returns the transaction under way, if the step belongs to it and has its token.
    fn under_way(&mut self, step: Step<'_>) -> Result<&mut ActiveTransaction, Refusal> {
        let Step { txn, token } = step;
        let current = self.current.as_mut().filter(|current| current.txn == txn);
        let current = current.ok_or_else(|| Refusal::NotUnderWay(txn.to_owned()))?;
        match token.filter(|token| *token != current.token) {
            Some(token) => Err(Refusal::Fenced {
                txn: txn.to_owned(),
                token,
                held: current.token,
            }),
            None => Ok(current),
        }
    }

    /// Returns the last transactions that ended and their outcomes, oldest first.
    pub fn outcomes(&self) -> impl Iterator<Item = &(String, Outcome)> {
        self.outcomes.iter()
    }

    /// Restores the outcomes that were known when the server last stopped.
    pub fn restore_outcomes(&mut self, outcomes: impl IntoIterator<Item = (String, Outcome)>) {
        for (txn, outcome) in outcomes {
            self.remember(&txn, outcome);
        }
    }

    /// Returns the lease of the transaction under way.
    pub fn lease(&self, now: Instant) -> Option<Lease> {
        self.current.as_ref().map(|current| current.lease(now))
    }

    fn remember(&mut self, txn: &str, outcome: Outcome) {
        self.outcomes.retain(|(id, _)| id != txn);
        if self.outcomes.len() == MAX_OUTCOMES {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((txn.to_owned(), outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn live(generation: u64) -> Live {
        Live {
            generation,
            content: format!("content {generation}"),
        }
    }

    fn begin(txn: &str, generation: u64) -> Begin {
        let expected = live(generation);
        Begin {
            txn: txn.to_owned(),
            holder: format!("holder of {txn}"),
            lease: LEASE,
            expected,
        }
    }

    fn prepared(txn: &str) -> (Participant, Instant) {
        let mut server = Participant::new(live(3));
        let now = Instant::now();
        server.begin(now, begin(txn, 3)).expect("idle");
        server.prepared(now, txn).expect("under way");
        (server, now)
    }

    #[test]
    fn a_transaction_becomes_the_next_generation() {
        let (mut server, now) = prepared("t");
        assert_eq!(server.outcome("t"), Outcome::InProgress);
        assert_eq!(server.commit(now, "t"), Ok(Some(4)));
        server.committed("t", live(4));
        assert_eq!((server.live(), server.current()), (&live(4), None));
        assert_eq!(server.outcome("t"), Outcome::Committed { generation: 4 });
    }

    #[test]
    fn commit_and_abort_may_be_repeated() {
        let (mut server, now) = prepared("t");
        server.commit(now, "t").expect("prepared");
        server.committed("t", live(4));
        assert_eq!(server.commit(now, "t"), Ok(None));
        assert_eq!(server.abort("t"), Outcome::Committed { generation: 4 });
        assert_eq!(server.abort("u"), Outcome::Aborted);
        assert_eq!(server.abort("u"), Outcome::Aborted);
        assert_eq!(
            server.commit(now, "u"),
            Err(Refusal::NotUnderWay("u".to_owned()))
        );
        assert_eq!(server.live(), &live(4));
    }

    #[test]
    fn a_commit_before_prepare_is_refused() {
        let mut server = Participant::new(live(3));
        let now = Instant::now();
        assert_eq!(
            server.commit(now, "t"),
            Err(Refusal::NotUnderWay("t".to_owned()))
        );
        server.begin(now, begin("t", 3)).expect("idle");
        assert_eq!(
            server.commit(now, "t"),
            Err(Refusal::NotPrepared("t".to_owned()))
        );
    }

    #[test]
    fn a_refused_transaction_learns_who_holds_the_lease() {
        let (mut server, now) = prepared("t");
        let busy = Refusal::Busy(Lease {
            txn: "t".to_owned(),
            holder: "holder of t".to_owned(),
            left_ms: 10_000,
        });
        assert_eq!(server.begin(now, begin("u", 3)), Err(busy.clone()));
        assert_eq!(
            server.prepared(now, "u"),
            Err(Refusal::NotUnderWay("u".to_owned()))
        );
        assert_eq!(server.roll_back(now, "t"), Err(busy));
        let first = server.current.as_ref().expect("a lease").token;
        let again = server
            .begin(now, begin("t", 3))
            .expect("the holder may begin again");
        assert!(again > first);
        let stale = Step {
            txn: "t",
            token: Some(first),
        };
        assert_eq!(
            server.step(now, stale),
            Err(Refusal::Fenced {
                txn: "t".to_owned(),
                token: first,
                held: again
            })
        );
        assert_eq!(
            server.step(
                now,
                Step {
                    token: Some(again),
                    ..stale
                }
            ),
            Ok(())
        );
    }

    #[test]
    fn a_lease_expires_unless_steps_keep_coming() {
        let (mut server, now) = prepared("t");
        server.step(now + LEASE / 2, "t").expect("under way");
        assert_eq!(server.expire(now + LEASE), None);
        assert_eq!(server.expire(now + LEASE * 3 / 2), Some("t".to_owned()));
        assert_eq!(
            server.commit(now + LEASE * 2, "t"),
            Err(Refusal::NotUnderWay("t".to_owned()))
        );
        assert_eq!(server.outcome("t"), Outcome::Aborted);
        server
            .begin(now + LEASE * 2, begin("u", 3))
            .expect("free again");
    }

    #[test]
    fn a_lease_is_not_longer_than_the_maximum() {
        for (asked, given) in [
            (MAX_LEASE, MAX_LEASE),
            (MAX_LEASE + Duration::from_millis(1), MAX_LEASE),
            (Duration::MAX, MAX_LEASE),
        ] {
            let mut server = Participant::new(live(3));
            let now = Instant::now();
            let begin = Begin {
                lease: asked,
                ..begin("t", 3)
            };
            server.begin(now, begin).expect("idle");
            assert_eq!(server.expire(now + given * 99 / 100), None);
            assert_eq!(server.expire(now + given), Some("t".to_owned()));
        }
    }

    #[test]
    fn a_lease_does_not_expire_while_the_server_itself_prepares() {
        let mut server = Participant::new(live(3));
        let now = Instant::now();
        server.begin(now, begin("t", 3)).expect("idle");
        server.preparing("t").expect("under way");
        assert_eq!(server.expire(now + LEASE * 2), None);
        server.prepared(now + LEASE * 2, "t").expect("under way");
        assert_eq!(server.expire(now + LEASE * 2), None);
        assert_eq!(server.expire(now + LEASE * 3), Some("t".to_owned()));
    }

    #[test]
    fn a_plan_for_another_generation_or_content_is_refused() {
        let mut server = Participant::new(live(3));
        let now = Instant::now();
        assert_eq!(
            server.begin(now, begin("t", 2)),
            Err(Refusal::Moved {
                planned: 2,
                found: 3
            })
        );
        let other = Live {
            content: "other".to_owned(),
            ..live(3)
        };
        let refused = server.begin(
            now,
            Begin {
                expected: other,
                ..begin("t", 3)
            },
        );
        assert_eq!(
            refused,
            Err(Refusal::Moved {
                planned: 3,
                found: 3
            })
        );
        assert_eq!(server.current(), None);
    }

    #[test]
    fn only_the_live_transaction_can_be_rolled_back() {
        let (mut server, now) = prepared("t");
        server.commit(now, "t").expect("prepared");
        server.committed("t", live(4));
        assert_eq!(server.roll_back(now, "t"), Ok(5));
        server.rolled_back(
            "t",
            Live {
                generation: 5,
                ..live(3)
            },
        );
        assert_eq!(server.outcome("t"), Outcome::Aborted);
        assert_eq!(
            server.roll_back(now, "t"),
            Err(Refusal::NotLive("t".to_owned()))
        );
        assert_eq!(
            server.roll_back(now, "never"),
            Err(Refusal::NotLive("never".to_owned()))
        );
    }

    #[test]
    fn a_transaction_prepared_before_a_restart_can_be_committed_after_it() {
        let mut server = Participant::new(live(3));
        let now = Instant::now();
        assert!(server.resume(now, begin("t", 3), 7));
        assert_eq!(
            server.commit(
                now,
                Step {
                    txn: "t",
                    token: Some(7)
                }
            ),
            Ok(Some(4))
        );
        let mut moved = Participant::new(live(4));
        assert!(
            !moved.resume(now, begin("t", 3), 7),
            "something else is live"
        );
        let mut settled = Participant::new(live(3));
        settled.restore_outcomes([("t".to_owned(), Outcome::Aborted)]);
        assert!(!settled.resume(now, begin("t", 3), 7), "it was aborted");
        assert_eq!((moved.current(), settled.current()), (None, None));
    }

    #[test]
    fn the_oldest_outcome_is_forgotten_at_the_limit() {
        let mut server = Participant::default();
        for index in 0..=MAX_OUTCOMES {
            server.abort(&index.to_string());
        }
        assert_eq!(server.outcome("0"), Outcome::Unknown);
        assert_eq!(server.outcome("1"), Outcome::Aborted);
    }

    #[test]
    fn no_order_of_steps_makes_an_unprepared_transaction_live() {
        let steps: [fn(&mut Participant, Instant, &str); 6] = [
            |server, now, txn| drop(server.begin(now, begin(txn, server.live().generation))),
            |server, now, txn| drop(server.prepared(now, txn)),
            |server, now, txn| {
                let was_prepared = server
                    .current
                    .as_ref()
                    .is_some_and(|current| current.prepared);
                if let Ok(Some(generation)) = server.commit(now, txn) {
                    assert!(was_prepared && server.current() == Some(txn));
                    assert_eq!(generation, server.live().generation + 1);
                    server.committed(txn, live(generation));
                }
            },
            |server, _, txn| {
                server.abort(txn);
            },
            |server, now, _| drop(server.expire(now + LEASE)),
            |server, now, txn| {
                if let Ok(generation) = server.roll_back(now, txn) {
                    server.rolled_back(txn, live(generation));
                }
            },
        ];
        let now = Instant::now();
        let choices = steps.len() * 2;
        for order in 0..choices.pow(5) {
            let mut server = Participant::new(live(3));
            let mut rest = order;
            for _ in 0..5 {
                let before = server.live().generation;
                let step = steps[rest % choices / 2];
                let txn = ["t", "u"][rest % 2];
                step(&mut server, now, txn);
                assert!(
                    server.live().generation >= before,
                    "a generation never goes back"
                );
                rest /= choices;
            }
        }
    }
}
