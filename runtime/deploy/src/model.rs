//! Coordinators and participants together, as a model: two initializers that race, servers and
//! initializers that crash at any step, messages and answers that are lost, leases that run out.
//! Thousands of courses are played, each from a seed.

use std::time::{Duration, Instant};

use super::coordinator::{Command, Coordinator, Event, Standing};
use super::participant::{Begin, Live, Outcome, Participant};

const LEASE: Duration = Duration::from_secs(10);

/// Steps after which nothing is lost any more and nobody crashes.
const WILD_STEPS: usize = 40;

/// xorshift64*, Vigna 2014.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A server: what its memory has, and what its disk has.
struct Server {
    participant: Participant,
    live: Live,
    /// The content before what is live.
    previous: String,
    prepared: Option<(Begin, String, u64)>,
    outcomes: Vec<(String, Outcome)>,
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
        }
    }

    /// Memory is lost, and made again of what the disk has.
    fn crash(&mut self, now: Instant) {
        self.participant = Participant::new(self.live.clone());
        self.participant.recall(self.outcomes.iter().cloned());
        if let Some((begin, _, token)) = self.prepared.clone()
            && !self.participant.resume(now, begin, token)
        {
            self.prepared = None;
        }
    }

    /// What a server does about a command of that transaction, as its deployer does.
    fn obey(&mut self, now: Instant, command: Command, txn: &str, expected: &Live) -> Event {
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
                        .expect("what is committed was prepared");
                    assert_eq!(
                        content,
                        content_of(txn),
                        "what is committed is what was prepared"
                    );
                    assert_eq!(
                        self.live, *expected,
                        "what is live is what the plan was made for"
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

/// An initializer; it is gone when it has crashed.
struct Initializer {
    txn: String,
    expected: Vec<Live>,
    coordinator: Coordinator,
    pending: Vec<(usize, Command)>,
    /// Messages that seem to be lost, and are late.
    late: Vec<(usize, Command)>,
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

    fn is_over(&self) -> bool {
        self.crashed || self.pending.is_empty()
    }

    /// One of its commands reaches its server, or does not.
    fn step(&mut self, now: Instant, servers: &mut [Server], chance: &mut Chance, wild: bool) {
        let (index, command) = self.pending.remove(chance.below(self.pending.len()));
        let event = match chance.below(if wild { 8 } else { usize::MAX }) {
            0 => {
                if command == Command::Commit {
                    self.late.push((index, command));
                }
                Event::Lost("the message was lost".to_owned())
            }
            one => {
                let event = servers[index].obey(now, command, &self.txn, &self.expected[index]);
                if one == 1 {
                    Event::Lost("the answer was lost".to_owned())
                } else {
                    event
                }
            }
        };
        self.pending.extend(self.coordinator.on(index, event));
        if self.is_over() {
            self.check(servers);
        }
    }

    /// A message arrives that seemed to be lost; nobody waits for its answer.
    fn arrive(&mut self, now: Instant, servers: &mut [Server], chance: &mut Chance) {
        let (index, command) = self.late.remove(chance.below(self.late.len()));
        servers[index].obey(now, command, &self.txn, &self.expected[index]);
    }

    /// What it reports at its end is true.
    fn check(&self, servers: &[Server]) {
        assert!(
            self.coordinator.is_done(),
            "stuck: {:?}",
            self.coordinator.members()
        );
        for (member, server) in self.coordinator.members().iter().zip(servers) {
            let is_live = server.live.content == content_of(&self.txn);
            match &member.standing {
                Standing::Live if self.coordinator.is_live() => {
                    let later = server.live.generation > self.expected[0].generation + 1;
                    assert!(is_live || later, "{} was reported live", self.txn);
                }
                Standing::Old(_) | Standing::RolledBack(_) => {
                    assert!(!is_live, "{} was reported as changing nothing", self.txn);
                }
                _ => {}
            }
        }
    }
}

fn play(seed: u64) -> [usize; 3] {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut now = Instant::now();
    let mut servers = [Server::new(), Server::new()];
    let gains = [[true, true], [true, false], [false, true]][chance.below(3)];
    let mut initializers = vec![Initializer::new("a", &servers, gains)];
    let second = chance.below(WILD_STEPS);
    for step in 0.. {
        let wild = step < WILD_STEPS;
        if step == second {
            initializers.push(Initializer::new("b", &servers, gains));
        }
        let at_work: Vec<usize> = (0..initializers.len())
            .filter(|index| !initializers[*index].is_over())
            .collect();
        if at_work.is_empty() && step > second {
            break;
        }
        if at_work.is_empty() {
            continue;
        }
        assert!(step < 500, "seed {seed}: it does not end");
        let late: Vec<usize> = (0..initializers.len())
            .filter(|index| !initializers[*index].late.is_empty())
            .collect();
        if !late.is_empty() && chance.once_in(3) {
            initializers[late[chance.below(late.len())]].arrive(now, &mut servers, &mut chance);
        } else if wild && chance.once_in(12) {
            let crashed = chance.below(2);
            servers[crashed].crash(now);
            // What was on its way to it goes with its connections.
            for initializer in &mut initializers {
                initializer.late.retain(|(index, _)| *index != crashed);
            }
        } else if wild && chance.once_in(40) {
            initializers[at_work[chance.below(at_work.len())]].crashed = true;
        } else if wild && chance.once_in(30) {
            now += LEASE * 2;
            for server in &mut servers {
                server.participant.expire(now);
            }
        } else {
            let index = at_work[chance.below(at_work.len())];
            initializers[index].step(now, &mut servers, &mut chance, wild);
        }
    }
    let live = initializers
        .iter()
        .filter(|one| !one.crashed && one.coordinator.is_live())
        .count();
    let crashed = initializers.iter().filter(|one| one.crashed).count();
    converge(now, &mut servers, &mut chance);
    [live, crashed, usize::from(servers[0].live.generation > 3)]
}

/// Whatever was left, the next apply brings every server to what it should run.
fn converge(mut now: Instant, servers: &mut [Server; 2], chance: &mut Chance) {
    now += LEASE * 2;
    for server in servers.iter_mut() {
        server.crash(now);
        server.participant.expire(now + LEASE * 2);
    }
    now += LEASE * 2;
    let mut next = Initializer::new("c", &servers[..], [true, false]);
    while !next.is_over() {
        next.step(now, servers, chance, false);
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
fn whatever_crashes_is_lost_or_races_reports_are_true_and_the_next_apply_converges() {
    let mut sums = [0; 3];
    for seed in 1..=20_000 {
        for (sum, count) in sums.iter_mut().zip(play(seed)) {
            *sum += count;
        }
    }
    let [live, crashed, rolled_back] = sums;
    assert!(
        live > 1_000 && crashed > 1_000 && rolled_back > 100,
        "{sums:?}: the courses are too tame"
    );
}
