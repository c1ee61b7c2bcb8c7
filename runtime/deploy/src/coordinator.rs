//! [`Coordinator`]: the initializer's side of the transaction, as a pure state machine.
//!
//! ```text
//!   preparing --all prepared--> committing wave 1, then wave 2 --all committed--> probing --all well--> done: live
//!      |                             |                                              |
//!      | one refused or lost         | one refused or lost                          | one is not well
//!      v                             v                                              |
//!   aborting --> done: nothing    asking its outcome, rolling back what is committed, <-+
//!                changed          aborting the rest --> done: each server's state is reported
//! ```

use super::participant::Outcome;

/// What the initializer must do next with one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Send it the manifest, what it lacks, and have it checked.
    Prepare,
    /// Make it live.
    Commit,
    /// Drop it.
    Abort,
    /// Ask what became of the transaction; the connection was lost at a commit.
    AskOutcome,
    /// Look whether it runs what it committed, and well.
    Probe,
    /// Make the content before the transaction live again.
    RollBack,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It did what it was told.
    Done,
    /// It says no, and nothing has changed there.
    Refused(String),
    /// It was not heard from, so that what it did is not known.
    Lost(String),
    /// The answer to [`Command::AskOutcome`].
    Outcome(Outcome),
}

/// Where a server stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has not answered to prepare.
    Preparing,
    /// It can be made live.
    Prepared,
    /// It is being made live.
    Committing,
    /// It has committed.
    Committed,
    /// It is being looked at.
    Probing,
    /// It runs what it should.
    Live,
    /// It has committed, and was not heard from since; why.
    Silent(String),
    /// The connection was lost at its commit, and it is being asked.
    Asking(String),
    /// It is being rolled back; why, where this server was the reason.
    RollingBack(Option<String>),
    /// It is being told to drop it.
    Aborting(Option<String>),
    /// It is being told to drop it while its commit may still be on its way; why.
    Revoking(String),
    /// Nothing has changed there; why, where this server was the reason.
    Old(Option<String>),
    /// It was live, and the content before it is live again; why, where this server was the reason.
    RolledBack(Option<String>),
    /// It cannot be told; why.
    Unknown(String),
}

/// A server of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The server's name.
    pub name: String,
    /// Whether it gains services, so that it commits in the first wave.
    pub gains: bool,
    /// Where it stands.
    pub standing: Standing,
}

/// The initializer's side of the transaction.
#[derive(Debug)]
pub struct Coordinator {
    members: Vec<Member>,
    failing: bool,
}

impl Coordinator {
    /// A transaction over these servers (name, whether it gains services). The commands begin it.
    pub fn new(servers: Vec<(String, bool)>) -> (Self, Vec<(usize, Command)>) {
        let members: Vec<_> = servers
            .into_iter()
            .map(|(name, gains)| Member {
                name,
                gains,
                standing: Standing::Preparing,
            })
            .collect();
        let commands = (0..members.len())
            .map(|index| (index, Command::Prepare))
            .collect();
        (
            Self {
                members,
                failing: false,
            },
            commands,
        )
    }

    /// The servers, in the order given.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether nothing more will happen.
    pub fn is_done(&self) -> bool {
        self.members.iter().all(|member| {
            use Standing::{Live, Old, RolledBack, Silent, Unknown};
            matches!(
                member.standing,
                Live | Silent(_) | Old(_) | RolledBack(_) | Unknown(_)
            )
        })
    }

    /// Whether every server runs the new generation, and well.
    pub fn is_live(&self) -> bool {
        self.members
            .iter()
            .all(|member| member.standing == Standing::Live)
    }

    /// What server `index` did about the command it was given last. The answer: the commands that
    /// follow from it.
    pub fn on(&mut self, index: usize, event: Event) -> Vec<(usize, Command)> {
        let Some(member) = self.members.get_mut(index) else {
            return Vec::new();
        };
        member.standing = next(&member.standing, event);
        let standing = member.standing.clone();
        self.failing |= is_failure(&standing);
        let mut commands = match standing {
            Standing::Asking(_) => vec![(index, Command::AskOutcome)],
            Standing::Aborting(_) | Standing::Revoking(_) => vec![(index, Command::Abort)],
            Standing::RollingBack(Some(_)) => vec![(index, Command::RollBack)],
            _ => Vec::new(),
        };
        commands.extend(if self.failing {
            self.undo()
        } else {
            self.advance()
        });
        commands
    }

    /// Nothing has failed: the next wave, once the one before it is through.
    fn advance(&mut self) -> Vec<(usize, Command)> {
        use Standing::{Committed, Committing, Prepared, Probing};
        if self
            .members
            .iter()
            .all(|member| member.standing == Committed)
        {
            return self.command(Command::Probe, |_| Some(Probing));
        }
        if !self
            .members
            .iter()
            .all(|member| matches!(member.standing, Prepared | Committed))
        {
            return Vec::new();
        }
        let gainers_wait = self
            .members
            .iter()
            .any(|member| member.gains && member.standing == Prepared);
        self.command(Command::Commit, |member| {
            (member.standing == Prepared && member.gains == gainers_wait).then_some(Committing)
        })
    }

    /// Something failed: what is prepared is dropped, and what is live goes back, once nothing is
    /// in the air.
    fn undo(&mut self) -> Vec<(usize, Command)> {
        use Standing::{
            Asking, Committed, Committing, Live, Probing, Revoking, RollingBack, Silent,
        };
        let mut commands = self.command(Command::Abort, |member| {
            (member.standing == Standing::Prepared).then_some(Standing::Aborting(None))
        });
        let in_the_air = |member: &Member| {
            matches!(
                member.standing,
                Committing | Asking(_) | Revoking(_) | Probing
            )
        };
        if !self.members.iter().any(in_the_air) {
            commands.extend(self.command(Command::RollBack, |member| {
                matches!(member.standing, Committed | Live | Silent(_)).then_some(RollingBack(None))
            }));
        }
        commands
    }

    fn command(
        &mut self,
        command: Command,
        moves_to: impl Fn(&Member) -> Option<Standing>,
    ) -> Vec<(usize, Command)> {
        let mut commands = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            if let Some(standing) = moves_to(member) {
                member.standing = standing;
                commands.push((index, command));
            }
        }
        commands
    }
}

/// Where a server stands after an event.
fn next(standing: &Standing, event: Event) -> Standing {
    use Standing::{
        Aborting, Asking, Committed, Committing, Live, Old, Prepared, Preparing, Probing, Revoking,
        RolledBack, RollingBack, Silent, Unknown,
    };
    match (standing, event) {
        (Preparing, Event::Done) => Prepared,
        // It may hold what it got so far, and the lease.
        (Preparing | Committing, Event::Refused(why)) | (Preparing, Event::Lost(why)) => {
            Aborting(Some(why))
        }
        (Committing, Event::Done)
        | (Asking(_) | Revoking(_), Event::Outcome(Outcome::Committed { .. })) => Committed,
        (Committing, Event::Lost(why)) => Asking(why),
        (Asking(why), Event::Outcome(Outcome::Aborted | Outcome::Unknown))
        | (Revoking(why), Event::Done | Event::Outcome(_)) => Old(Some(why.clone())),
        (Asking(why), Event::Outcome(Outcome::InProgress)) => Revoking(why.clone()),
        (Probing, Event::Done) => Live,
        (Probing, Event::Refused(why)) => RollingBack(Some(why)),
        (Probing, Event::Lost(why)) => Silent(why),
        (Asking(_) | Revoking(_) | RollingBack(_), Event::Lost(why) | Event::Refused(why)) => {
            Unknown(why)
        }
        // A server that cannot be told drops the transaction when its lease runs out.
        (Aborting(why), _) => Old(why.clone()),
        (RollingBack(why), Event::Done) => RolledBack(why.clone()),
        (settled, _) => settled.clone(),
    }
}

fn is_failure(standing: &Standing) -> bool {
    use Standing::{Aborting, Old, Revoking, RolledBack, RollingBack, Unknown};
    matches!(
        standing,
        Aborting(_) | Revoking(_) | Old(_) | RollingBack(_) | RolledBack(_) | Unknown(_)
    )
}

#[cfg(test)]
mod tests {
    use super::Command::{Abort, AskOutcome, Commit, Prepare, Probe, RollBack};
    use super::*;

    /// What a server did, and the commands that must follow.
    type Line<'a> = (usize, Event, &'a [(usize, Command)]);

    /// Plays a dialogue: each line is an event and the commands that must follow.
    fn play(gains: &[bool], dialogue: &[Line<'_>]) -> Coordinator {
        let servers = gains
            .iter()
            .enumerate()
            .map(|(index, gains)| (format!("server{index}"), *gains))
            .collect();
        let (mut coordinator, commands) = Coordinator::new(servers);
        assert!(
            commands.iter().all(|(_, command)| *command == Prepare)
                && commands.len() == gains.len()
        );
        for (line, (index, event, expected)) in dialogue.iter().enumerate() {
            assert_eq!(
                coordinator.on(*index, event.clone()),
                *expected,
                "line {line}"
            );
        }
        assert!(coordinator.is_done(), "{:?}", coordinator.members());
        coordinator
    }

    fn standings(coordinator: &Coordinator) -> Vec<&Standing> {
        coordinator
            .members()
            .iter()
            .map(|member| &member.standing)
            .collect()
    }

    fn refused() -> Event {
        Event::Refused("no".to_owned())
    }

    fn lost() -> Event {
        Event::Lost("gone".to_owned())
    }

    fn old(why: &str) -> Standing {
        Standing::Old(Some(why.to_owned()))
    }

    #[test]
    fn servers_that_gain_services_commit_first() {
        let end = play(
            &[false, true],
            &[
                (1, Event::Done, &[]),
                (0, Event::Done, &[(1, Commit)]),
                (1, Event::Done, &[(0, Commit)]),
                (0, Event::Done, &[(0, Probe), (1, Probe)]),
                (1, Event::Done, &[]),
                (0, Event::Done, &[]),
            ],
        );
        assert!(end.is_live());
    }

    #[test]
    fn a_server_that_is_not_well_after_its_commit_takes_all_back() {
        let committed = [
            (0, Event::Done, &[][..]),
            (1, Event::Done, &[(0, Commit), (1, Commit)]),
            (0, Event::Done, &[]),
            (1, Event::Done, &[(0, Probe), (1, Probe)]),
        ];
        let sick: [Line<'_>; 4] = [
            (0, refused(), &[(0, RollBack)]),
            (1, Event::Done, &[(1, RollBack)]),
            (1, Event::Done, &[]),
            (0, Event::Done, &[]),
        ];
        let end = play(&[true, true], &[&committed[..], &sick].concat());
        let why = Standing::RolledBack(Some("no".to_owned()));
        assert_eq!(standings(&end), [&why, &Standing::RolledBack(None)]);
        let silent: [Line<'_>; 2] = [(0, lost(), &[]), (1, Event::Done, &[])];
        let end = play(&[true, true], &[&committed[..], &silent].concat());
        assert_eq!(
            standings(&end),
            [&Standing::Silent("gone".to_owned()), &Standing::Live]
        );
        assert!(!end.is_live());
    }

    #[test]
    fn one_refusal_in_prepare_aborts_all() {
        let end = play(
            &[true, true, true],
            &[
                (0, Event::Done, &[]),
                (1, refused(), &[(1, Abort), (0, Abort)]),
                (0, Event::Done, &[]),
                (1, Event::Done, &[]),
                (2, Event::Done, &[(2, Abort)]),
                (2, lost(), &[]),
            ],
        );
        assert_eq!(
            standings(&end),
            [&Standing::Old(None), &old("no"), &Standing::Old(None)]
        );
        assert!(!end.is_live());
    }

    #[test]
    fn a_server_lost_in_prepare_aborts_all() {
        let end = play(
            &[true, true],
            &[
                (0, lost(), &[(0, Abort)]),
                (1, Event::Done, &[(1, Abort)]),
                (0, lost(), &[]),
                (1, Event::Done, &[]),
            ],
        );
        assert_eq!(standings(&end), [&old("gone"), &Standing::Old(None)]);
    }

    #[test]
    fn a_commit_that_fails_elsewhere_rolls_back_what_is_live() {
        let end = play(
            &[true, false],
            &[
                (0, Event::Done, &[]),
                (1, Event::Done, &[(0, Commit)]),
                (0, Event::Done, &[(1, Commit)]),
                (1, lost(), &[(1, AskOutcome)]),
                (1, Event::Outcome(Outcome::Unknown), &[(0, RollBack)]),
                (0, Event::Done, &[]),
            ],
        );
        assert_eq!(standings(&end), [&Standing::RolledBack(None), &old("gone")]);
    }

    #[test]
    fn a_commit_whose_answer_was_lost_counts_when_it_took_place() {
        let end = play(
            &[true, false],
            &[
                (0, Event::Done, &[]),
                (1, Event::Done, &[(0, Commit)]),
                (0, lost(), &[(0, AskOutcome)]),
                (
                    0,
                    Event::Outcome(Outcome::Committed { generation: 4 }),
                    &[(1, Commit)],
                ),
                (1, Event::Done, &[(0, Probe), (1, Probe)]),
                (0, Event::Done, &[]),
                (1, Event::Done, &[]),
            ],
        );
        assert!(end.is_live());
    }

    #[test]
    fn nothing_is_rolled_back_while_a_commit_is_in_the_air() {
        let end = play(
            &[true, true],
            &[
                (0, Event::Done, &[]),
                (1, Event::Done, &[(0, Commit), (1, Commit)]),
                (0, refused(), &[(0, Abort)]),
                (1, Event::Done, &[(1, RollBack)]),
                (1, refused(), &[]),
                (0, Event::Done, &[]),
            ],
        );
        assert_eq!(
            standings(&end),
            [&old("no"), &Standing::Unknown("no".to_owned())]
        );
    }

    #[test]
    fn a_commit_that_overtakes_its_abort_is_rolled_back_or_told() {
        let asked = [
            (0, Event::Done, &[][..]),
            (1, Event::Done, &[(0, Commit), (1, Commit)]),
            (1, Event::Done, &[]),
            (0, lost(), &[(0, AskOutcome)]),
            (0, Event::Outcome(Outcome::InProgress), &[(0, Abort)]),
        ];
        let committed: [Line<'_>; 3] = [
            (
                0,
                Event::Outcome(Outcome::Committed { generation: 4 }),
                &[(0, RollBack), (1, RollBack)],
            ),
            (1, Event::Done, &[]),
            (0, Event::Done, &[]),
        ];
        let end = play(&[true, true], &[&asked[..], &committed].concat());
        assert_eq!(
            standings(&end),
            [&Standing::RolledBack(None), &Standing::RolledBack(None)]
        );
        let silent: [Line<'_>; 2] = [(0, lost(), &[(1, RollBack)]), (1, Event::Done, &[])];
        let end = play(&[true, true], &[&asked[..], &silent].concat());
        assert_eq!(
            standings(&end),
            [
                &Standing::Unknown("gone".to_owned()),
                &Standing::RolledBack(None)
            ]
        );
    }

    #[test]
    fn a_server_that_stays_lost_is_named_as_unknown() {
        let end = play(
            &[true],
            &[
                (0, Event::Done, &[(0, Commit)]),
                (0, lost(), &[(0, AskOutcome)]),
                (0, lost(), &[]),
            ],
        );
        assert_eq!(standings(&end), [&Standing::Unknown("gone".to_owned())]);
    }

    /// Every event at every step, for two servers: it always ends, and never with a server
    /// half-way.
    #[test]
    fn every_course_of_events_ends_with_each_server_old_or_new_or_named() {
        let mut courses = 0;
        for gains in [[true, true], [true, false], [false, true]] {
            let servers = gains
                .iter()
                .enumerate()
                .map(|(index, gains)| (index.to_string(), *gains))
                .collect();
            let (coordinator, commands) = Coordinator::new(servers);
            explore(&coordinator, &commands, &mut courses, 0);
        }
        assert!(courses > 100, "{courses}");
    }

    fn explore(at: &Coordinator, pending: &[(usize, Command)], courses: &mut usize, depth: usize) {
        use Standing::{Live, Old, RolledBack, Silent, Unknown};
        assert!(depth < 24, "a course that does not end: {:?}", at.members());
        if pending.is_empty() {
            *courses += 1;
            assert!(at.is_done(), "stuck: {:?}", at.members());
            let any =
                |is: fn(&Standing) -> bool| at.members().iter().any(|member| is(&member.standing));
            let new = any(|standing| matches!(standing, Live | Silent(_)));
            assert!(
                !new || !any(|standing| matches!(standing, Old(_) | RolledBack(_))),
                "{:?}",
                at.members()
            );
            let reason =
                any(|standing| matches!(standing, Old(Some(_)) | RolledBack(_) | Unknown(_)));
            assert!(!any(|standing| matches!(standing, RolledBack(_))) || reason);
            return;
        }
        for (place, (index, command)) in pending.iter().enumerate() {
            let mut events = vec![Event::Done, refused(), lost()];
            if *command == Abort {
                events.push(Event::Outcome(Outcome::Aborted));
                events.push(Event::Outcome(Outcome::Committed { generation: 2 }));
            }
            if *command == AskOutcome {
                events = vec![
                    lost(),
                    Event::Outcome(Outcome::Unknown),
                    Event::Outcome(Outcome::Aborted),
                    Event::Outcome(Outcome::InProgress),
                    Event::Outcome(Outcome::Committed { generation: 2 }),
                ];
            }
            for event in events {
                let mut next = Coordinator {
                    members: at.members.clone(),
                    failing: at.failing,
                };
                let mut rest = pending.to_vec();
                rest.remove(place);
                rest.extend(next.on(*index, event));
                explore(&next, &rest, courses, depth + 1);
            }
        }
    }
}
