//! A model of coordinators and participants together: two initializers race, servers and
//! initializers crash at any step, messages and answers are lost, and leases expire. The test plays
//! thousands of runs, each from a seed.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::coordinator::{Command, Coordinator, Event, ServerState};
use super::participant::{Begin, Live, Outcome, Participant};

const LEASE: Duration = Duration::from_secs(10);

/// Number of steps with faults. After them, no message is lost, and no program crashes.
const FAULTY_STEPS: usize = 40;

fn once_in(times: usize, random: &mut Rng) -> bool {
    random.usize(..times) == 0
}

/// A server. The participant is its memory; the other fields are its disk.
struct Server {
    participant: Participant,
    live: Live,
    /// The content of the previous generation.
    previous: String,
    prepared: Option<(Begin, String, u64)>,
    outcomes: Vec<(String, Outcome)>,
    /// Number of commits that were undone. The model counts them; no server does.
    rollbacks: usize,
}

impl Server {
    fn new() -> Self {
        let live = Live {
            generation: 1,
            content: "first".to_owned(),
        };
        let participant = Participant::new(live.clone());
        Self {
            participant,
            live,
            previous: String::new(),
            prepared: None,
            outcomes: Vec::new(),
            rollbacks: 0,
        }
    }

    /// Drops the memory, and restores it from the disk.
    fn crash(&mut self, now: Instant) {
        self.participant = Participant::new(self.live.clone());
        self.participant
            .restore_outcomes(self.outcomes.iter().cloned());
        if let Some((begin, _, token)) = self.prepared.clone()
            && !self.participant.resume(now, begin, token)
        {
            self.prepared = None;
        }
    }

    /// Executes a command of a transaction, as the server's deployment code does.
    fn execute(&mut self, now: Instant, command: Command, txn: &str, expected: &Live) -> Event {
        let refused = |refusal: super::participant::Refusal| Event::Refused(refusal.to_string());
        match command {
            Command::Prepare => {
                let begin = Begin {
                    txn: txn.to_owned(),
                    holder: txn.to_owned(),
                    lease: LEASE,
                    expected: expected.clone(),
                };
                match self.participant.begin(now, begin.clone()) {
                    Ok(token) => {
                        self.participant.preparing(txn).expect("it has the lease");
                        self.prepared = Some((begin, content_of(txn), token));
                        self.participant
                            .prepared(now, txn)
                            .expect("it has the lease");
                        Event::Done
                    }
                    Err(refusal) => refused(refusal),
                }
            }
            Command::Commit => match self.participant.commit(now, txn) {
                Ok(None) => Event::Done,
                Ok(Some(generation)) => {
                    let (_, content, _) = self
                        .prepared
                        .take()
                        .expect("the committed transaction was prepared");
                    assert_eq!(
                        content,
                        content_of(txn),
                        "the committed content is the prepared content"
                    );
                    assert_eq!(
                        self.live, *expected,
                        "the live content is the content that the plan was made for"
                    );
                    self.go_live(Live {
                        generation,
                        content,
                    });
                    self.participant.committed(txn, self.live.clone());
                    self.outcomes
                        .push((txn.to_owned(), Outcome::Committed { generation }));
                    Event::Done
                }
                Err(refusal) => refused(refusal),
            },
            Command::Abort => {
                let outcome = self.participant.abort(txn);
                self.outcomes.push((txn.to_owned(), outcome.clone()));
                Event::Outcome(outcome)
            }
            Command::AskOutcome => Event::Outcome(self.participant.outcome(txn)),
            Command::Probe if self.live.content == content_of(txn) => Event::Done,
            Command::Probe => Event::Refused("something else is live".to_owned()),
            Command::RollBack => match self.participant.roll_back(now, txn) {
                Ok(generation) => {
                    self.go_live(Live {
                        generation,
                        content: self.previous.clone(),
                    });
                    self.participant.rolled_back(txn, self.live.clone());
                    self.outcomes.push((txn.to_owned(), Outcome::Aborted));
                    self.rollbacks += 1;
                    Event::Done
                }
                Err(refusal) => refused(refusal),
            },
        }
    }

    fn go_live(&mut self, live: Live) {
        assert_eq!(
            live.generation,
            self.live.generation + 1,
            "a generation never goes back"
        );
        self.previous = std::mem::replace(&mut self.live, live).content;
    }
}

fn content_of(txn: &str) -> String {
    format!("content of {txn}")
}

/// An initializer.
struct Initializer {
    txn: String,
    expected: Vec<Live>,
    coordinator: Coordinator,
    pending: Vec<(usize, Command)>,
    /// Messages that seem to be lost, and arrive later.
    late: Vec<(usize, Command)>,
    /// A crashed initializer takes no further step.
    crashed: bool,
}

impl Initializer {
    fn new(txn: &str, servers: &[Server], gains: [bool; 2]) -> Self {
        let members = gains
            .iter()
            .enumerate()
            .map(|(index, gains)| (index.to_string(), *gains))
            .collect();
        let (coordinator, pending) = Coordinator::new(members);
        let expected = servers.iter().map(|server| server.live.clone()).collect();
        Self {
            txn: txn.to_owned(),
            expected,
            coordinator,
            pending,
            late: Vec::new(),
            crashed: false,
        }
    }

    fn is_finished(&self) -> bool {
        self.crashed || self.pending.is_empty()
    }

    /// Sends one pending command to its server. If `faulty`, the message or its answer may be lost.
    fn step(&mut self, now: Instant, servers: &mut [Server], random: &mut Rng, faulty: bool) {
        let (index, command) = self.pending.remove(random.usize(..self.pending.len()));
        let event = match random.usize(..if faulty { 8 } else { usize::MAX }) {
            0 => {
                if command == Command::Commit {
                    self.late.push((index, command));
                }
                Event::Lost("the message was lost".to_owned())
            }
            number => {
                let event = servers[index].execute(now, command, &self.txn, &self.expected[index]);
                if number == 1 {
                    Event::Lost("the answer was lost".to_owned())
                } else {
                    event
                }
            }
        };
        self.pending.extend(self.coordinator.on(index, event));
        if self.is_finished() {
            self.check(servers);
        }
    }

    /// Stops the apply, if it is not too late. A message under way may still arrive. Returns whether
    /// the apply was stopped.
    fn stop(&mut self, random: &mut Rng) -> bool {
        let Some(commands) = self.coordinator.cancel() else {
            return false;
        };
        let given_up = std::mem::replace(&mut self.pending, commands);
        self.late
            .extend(given_up.into_iter().filter(|_| once_in(2, random)));
        true
    }

    /// Delivers a message that seemed to be lost. Nobody waits for its answer.
    fn deliver_late(&mut self, now: Instant, servers: &mut [Server], random: &mut Rng) {
        let (index, command) = self.late.remove(random.usize(..self.late.len()));
        servers[index].execute(now, command, &self.txn, &self.expected[index]);
    }

    /// Checks that the initializer's report is true.
    fn check(&self, servers: &[Server]) {
        assert!(
            self.coordinator.is_done(),
            "stuck: {:?}",
            self.coordinator.members()
        );
        for (member, server) in self.coordinator.members().iter().zip(servers) {
            let is_live = server.live.content == content_of(&self.txn);
            match &member.standing {
                ServerState::Live if self.coordinator.is_live() => {
                    let later = server.live.generation > self.expected[0].generation + 1;
                    assert!(is_live || later, "{} was reported live", self.txn);
                }
                ServerState::Old(_) | ServerState::RolledBack(_) => {
                    assert!(!is_live, "{} was reported as changing nothing", self.txn);
                }
                _ => {}
            }
        }
    }
}

/// How often something happened in runs.
#[derive(Debug, Default)]
struct Counts {
    /// Initializers that reported success.
    live: usize,
    /// Initializers that crashed.
    crashed: usize,
    /// Initializers that were stopped in time.
    stopped: usize,
    /// Commits that a server undid.
    rollbacks: usize,
}

/// Plays one run, and adds to the counts what happened in it.
fn play(seed: u64, counts: &mut Counts) {
    let mut random = Rng::with_seed(seed);
    let mut now = Instant::now();
    let mut servers = [Server::new(), Server::new()];
    let gains = [[true, true], [true, false], [false, true]][random.usize(..3)];
    let mut initializers = vec![Initializer::new("a", &servers, gains)];
    let second_starts_at = random.usize(..FAULTY_STEPS);
    for step in 0.. {
        let faulty = step < FAULTY_STEPS;
        if step == second_starts_at {
            initializers.push(Initializer::new("b", &servers, gains));
        }
        let active: Vec<usize> = (0..initializers.len())
            .filter(|index| !initializers[*index].is_finished())
            .collect();
        if active.is_empty() && step > second_starts_at {
            break;
        }
        if active.is_empty() {
            continue;
        }
        assert!(step < 500, "seed {seed}: the run does not end");
        let late: Vec<usize> = (0..initializers.len())
            .filter(|index| !initializers[*index].late.is_empty())
            .collect();
        if !late.is_empty() && once_in(3, &mut random) {
            let index = late[random.usize(..late.len())];
            initializers[index].deliver_late(now, &mut servers, &mut random);
        } else if faulty && once_in(12, &mut random) {
            let crashed = random.usize(..2);
            servers[crashed].crash(now);
            // Messages to the crashed server are lost with its connections.
            for initializer in &mut initializers {
                initializer.late.retain(|(index, _)| *index != crashed);
            }
        } else if faulty && once_in(40, &mut random) {
            initializers[active[random.usize(..active.len())]].crashed = true;
        } else if faulty && once_in(35, &mut random) {
            let index = active[random.usize(..active.len())];
            counts.stopped += usize::from(initializers[index].stop(&mut random));
        } else if faulty && once_in(30, &mut random) {
            now += LEASE * 2;
            for server in &mut servers {
                server.participant.expire(now);
            }
        } else {
            let index = active[random.usize(..active.len())];
            initializers[index].step(now, &mut servers, &mut random, faulty);
        }
    }
    counts.live += initializers
        .iter()
        .filter(|initializer| !initializer.crashed && initializer.coordinator.is_live())
        .count();
    counts.crashed += initializers
        .iter()
        .filter(|initializer| initializer.crashed)
        .count();
    counts.rollbacks += servers.iter().map(|server| server.rollbacks).sum::<usize>();
    converge(now, &mut servers, &mut random);
}

/// Checks that the next apply succeeds on every server, whatever state the run left.
fn converge(mut now: Instant, servers: &mut [Server; 2], random: &mut Rng) {
    now += LEASE * 2;
    for server in servers.iter_mut() {
        server.crash(now);
        server.participant.expire(now + LEASE * 2);
    }
    now += LEASE * 2;
    let mut next = Initializer::new("c", &servers[..], [true, false]);
    while !next.is_finished() {
        next.step(now, servers, random, false);
    }
    assert!(
        next.coordinator.is_live(),
        "{:?}",
        next.coordinator.members()
    );
    assert!(
        servers
            .iter()
            .all(|server| server.live.content == content_of("c"))
    );
}

#[test]
fn reports_are_true_and_the_next_apply_succeeds_after_any_crash_loss_or_race() {
    let mut counts = Counts::default();
    for seed in 1..=20_000 {
        play(seed, &mut counts);
    }
    assert!(
        counts.live > 1_000
            && counts.crashed > 1_000
            && counts.stopped > 1_000
            && counts.rollbacks > 1_000,
        "{counts:?}: the runs have too few faults"
    );
}
