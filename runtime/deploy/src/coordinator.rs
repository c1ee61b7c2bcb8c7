//! [`Coordinator`]: the initializer's side of the transaction, as a pure state machine.
//!
//! ```text
//!   preparing --all prepared--> committing wave 1, then wave 2 --all committed--> probing --all healthy--> done: live
//!      |                             |                                              |
//!      | one refused or lost         | one refused or lost                          | one unhealthy
//!      v                             v                                              v
//!   aborting                      undoing: each lost server is asked for the outcome,
//!      |                          committed servers roll back, prepared servers abort
//!      v                             |
//!   done: nothing changed            v
//!                                 done: the standing of each server is reported
//! ```

use super::participant::Outcome;

/// What the initializer must do next with one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Send the manifest and the missing files, and ask the server to check them.
    Prepare,
    /// Ask the server to make the prepared content live.
    Commit,
    /// Ask the server to drop the transaction.
    Abort,
    /// Ask for the outcome of the transaction, since the connection was lost during a commit.
    AskOutcome,
    /// Ask whether the server runs the committed content without errors.
    Probe,
    /// Ask the server to make the previous content live again.
    RollBack,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server carried out the command.
    Done,
    /// The server refused the command, for this reason. Nothing has changed on the server.
    Refused(String),
    /// No answer came, for this reason. Whether the server carried out the command is unknown.
    Lost(String),
    /// The outcome of the transaction: the answer to [`Command::AskOutcome`] and to
    /// [`Command::Abort`].
    Outcome(Outcome),
}

/// The state of a server in the transaction.
///
/// A `String` is a reason. An `Option<String>` is the reason if this server caused the failure, and
/// `None` if another server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerState {
    /// The server has not answered [`Command::Prepare`] yet.
    Preparing,
    /// The server has prepared the transaction, and can commit it.
    Prepared,
    /// The server has not answered [`Command::Commit`] yet.
    Committing,
    /// The server has committed.
    Committed,
    /// The server has committed, and has not answered [`Command::Probe`] yet.
    Probing,
    /// The server runs the committed content without errors.
    Live,
    /// The server has committed, and has not answered since.
    Silent(String),
    /// The connection was lost during the commit, and the server is asked for the outcome.
    Asking(String),
    /// The server makes the previous content live again.
    RollingBack(Option<String>),
    /// The server is asked to drop the transaction.
    Aborting(Option<String>),
    /// The server is asked to drop the transaction, while a commit may still arrive there.
    Revoking(String),
    /// Nothing has changed on the server.
    Old(Option<String>),
    /// The server had committed, and the previous content is live again.
    RolledBack(Option<String>),
    /// Which content is live on the server is unknown.
    Unknown(String),
}

/// A server of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The server's name.
    pub name: String,
    /// Whether the server gains services. Such a server commits in the first wave.
    pub gains: bool,
    /// The server's state in the transaction.
    pub standing: ServerState,
}

/// The initializer's side of the transaction.
#[derive(Debug)]
pub struct Coordinator {
    members: Vec<Member>,
    /// Whether a server has failed, so that the transaction is undone.
    failing: bool,
}

impl Coordinator {
    /// Creates a transaction over servers: each a name, and whether the server gains services.
    /// Returns also the first commands, each with the index of its server.
    pub fn new(servers: Vec<(String, bool)>) -> (Self, Vec<(usize, Command)>) {
        let members: Vec<_> = servers
            .into_iter()
            .map(|(name, gains)| Member {
                name,
                gains,
                standing: ServerState::Preparing,
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

    /// Returns the servers, in the order in which [`new`](Self::new) got them.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns whether the transaction is over.
    pub fn is_done(&self) -> bool {
        self.members.iter().all(|member| {
            use ServerState::{Live, Old, RolledBack, Silent, Unknown};
            matches!(
                member.standing,
                Live | Silent(_) | Old(_) | RolledBack(_) | Unknown(_)
            )
        })
    }

    /// Returns whether every server runs the new generation without errors.
    pub fn is_live(&self) -> bool {
        self.members
            .iter()
            .all(|member| member.standing == ServerState::Live)
    }

    /// Takes the result of the last command of server `index`. Returns the commands that follow,
    /// each with the index of its server.
    pub fn on(&mut self, index: usize, event: Event) -> Vec<(usize, Command)> {
        let Some(member) = self.members.get_mut(index) else {
            return Vec::new();
        };
        member.standing = next_standing(&member.standing, event);
        let standing = member.standing.clone();
        self.failing |= is_failure(&standing);
        let mut commands = match standing {
            ServerState::Asking(_) => vec![(index, Command::AskOutcome)],
            ServerState::Aborting(_) | ServerState::Revoking(_) => vec![(index, Command::Abort)],
            ServerState::RollingBack(Some(_)) => vec![(index, Command::RollBack)],
            _ => Vec::new(),
        };
        commands.extend(if self.failing {
            self.undo()
        } else {
            self.advance()
        });
        commands
    }

    /// Ends the transaction without a change, unless a server was asked to commit. Returns the
    /// commands that follow, or `None` if it is too late. No result of an earlier command may be
    /// given to [`on`](Self::on) after that.
    pub fn cancel(&mut self) -> Option<Vec<(usize, Command)>> {
        use ServerState::{Aborting, Old, Prepared, Preparing};
        let is_early = |member: &Member| {
            matches!(member.standing, Preparing | Prepared | Aborting(_) | Old(_))
        };
        if !self.members.iter().all(is_early) {
            return None;
        }
        self.failing = true;
        Some(
            self.send_to_members(Command::Abort, |member| match &member.standing {
                Preparing | Prepared => Some(Aborting(None)),
                Aborting(why) => Some(Aborting(why.clone())),
                _ => None,
            }),
        )
    }

    /// Returns the commands of the next wave, once the wave before it has ended. Nothing has
    /// failed.
    fn advance(&mut self) -> Vec<(usize, Command)> {
        use ServerState::{Committed, Committing, Prepared, Probing};
        if self
            .members
            .iter()
            .all(|member| member.standing == Committed)
        {
            return self.send_to_members(Command::Probe, |_| Some(Probing));
        }
        if !self
            .members
            .iter()
            .all(|member| matches!(member.standing, Prepared | Committed))
        {
            return Vec::new();
        }
        let gaining_members_wait = self
            .members
            .iter()
            .any(|member| member.gains && member.standing == Prepared);
        self.send_to_members(Command::Commit, |member| {
            (member.standing == Prepared && member.gains == gaining_members_wait)
                .then_some(Committing)
        })
    }

    /// Returns the commands that undo the transaction after a failure. A prepared server aborts. A
    /// committed server rolls back, once no commit and no probe is pending.
    fn undo(&mut self) -> Vec<(usize, Command)> {
        use ServerState::{
            Asking, Committed, Committing, Live, Probing, Revoking, RollingBack, Silent,
        };
        let mut commands = self.send_to_members(Command::Abort, |member| {
            (member.standing == ServerState::Prepared).then_some(ServerState::Aborting(None))
        });
        let is_pending = |member: &Member| {
            matches!(
                member.standing,
                Committing | Asking(_) | Revoking(_) | Probing
            )
        };
        if !self.members.iter().any(is_pending) {
            commands.extend(self.send_to_members(Command::RollBack, |member| {
                matches!(member.standing, Committed | Live | Silent(_)).then_some(RollingBack(None))
            }));
        }
        commands
    }

    /// Returns the command for each server for which `next_standing` returns a standing, and sets
    /// that standing.
    fn send_to_members(
        &mut self,
        command: Command,
        next_standing: impl Fn(&Member) -> Option<ServerState>,
    ) -> Vec<(usize, Command)> {
        let mut commands = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            if let Some(standing) = next_standing(member) {
                member.standing = standing;
                commands.push((index, command));
            }
        }
        commands
    }
}

/// Returns the standing of a server after an event.
fn next_standing(standing: &ServerState, event: Event) -> ServerState {
    use ServerState::{
        Aborting, Asking, Committed, Committing, Live, Old, Prepared, Preparing, Probing, Revoking,
        RolledBack, RollingBack, Silent, Unknown,
    };
    match (standing, event) {
        (Preparing, Event::Done) => Prepared,
        // The server may still hold the lease and the files that it received.
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
        // A server that cannot be reached drops the transaction when its lease expires.
        (Aborting(why), _) => Old(why.clone()),
        (RollingBack(why), Event::Done) => RolledBack(why.clone()),
        (settled, _) => settled.clone(),
    }
}

fn is_failure(standing: &ServerState) -> bool {
    use ServerState::{Aborting, Old, Revoking, RolledBack, RollingBack, Unknown};
    matches!(
        standing,
        Aborting(_) | Revoking(_) | Old(_) | RollingBack(_) | RolledBack(_) | Unknown(_)
    )
}

#[cfg(test)]
mod tests {
    use super::Command::{Abort, AskOutcome, Commit, Prepare, Probe, RollBack};
    use super::*;

    /// The index of a server, its event, and the commands that must follow.
    type Line<'a> = (usize, Event, &'a [(usize, Command)]);

    /// Plays a dialogue, and checks the commands that follow each event.
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

    fn standings(coordinator: &Coordinator) -> Vec<&ServerState> {
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

    fn old(why: &str) -> ServerState {
        ServerState::Old(Some(why.to_owned()))
    }

    #[test]
    fn a_transaction_can_be_cancelled_until_the_first_commit() {
        let servers = || vec![("server1".to_owned(), true), ("server2".to_owned(), false)];
        let (mut early, _) = Coordinator::new(servers());
        assert_eq!(early.on(1, Event::Done), []);
        assert_eq!(early.cancel(), Some(vec![(0, Abort), (1, Abort)]));
        assert_eq!(early.on(0, Event::Outcome(Outcome::Aborted)), []);
        assert_eq!(early.on(1, lost()), []);
        assert_eq!(
            standings(&early),
            [&ServerState::Old(None), &ServerState::Old(None)]
        );
        let (mut failed, _) = Coordinator::new(servers());
        assert_eq!(failed.on(0, refused()), [(0, Abort)]);
        assert_eq!(failed.cancel(), Some(vec![(0, Abort), (1, Abort)]));
        assert_eq!(failed.on(0, Event::Outcome(Outcome::Aborted)), []);
        assert_eq!(failed.on(1, Event::Outcome(Outcome::Aborted)), []);
        assert_eq!(standings(&failed), [&old("no"), &ServerState::Old(None)]);
        let (mut late, _) = Coordinator::new(servers());
        late.on(0, Event::Done);
        assert_eq!(late.on(1, Event::Done), [(0, Commit)]);
        assert_eq!(late.cancel(), None);
        assert_eq!(late.on(0, Event::Done), [(1, Commit)]);
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
    fn an_unhealthy_server_after_the_commit_rolls_all_servers_back() {
        let committed = [
            (0, Event::Done, &[][..]),
            (1, Event::Done, &[(0, Commit), (1, Commit)]),
            (0, Event::Done, &[]),
            (1, Event::Done, &[(0, Probe), (1, Probe)]),
        ];
        let unhealthy: [Line<'_>; 4] = [
            (0, refused(), &[(0, RollBack)]),
            (1, Event::Done, &[(1, RollBack)]),
            (1, Event::Done, &[]),
            (0, Event::Done, &[]),
        ];
        let end = play(&[true, true], &[&committed[..], &unhealthy].concat());
        let why = ServerState::RolledBack(Some("no".to_owned()));
        assert_eq!(standings(&end), [&why, &ServerState::RolledBack(None)]);
        let silent: [Line<'_>; 2] = [(0, lost(), &[]), (1, Event::Done, &[])];
        let end = play(&[true, true], &[&committed[..], &silent].concat());
        assert_eq!(
            standings(&end),
            [&ServerState::Silent("gone".to_owned()), &ServerState::Live]
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
            [&ServerState::Old(None), &old("no"), &ServerState::Old(None)]
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
        assert_eq!(standings(&end), [&old("gone"), &ServerState::Old(None)]);
    }

    #[test]
    fn a_failed_commit_rolls_back_the_servers_that_committed() {
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
        assert_eq!(
            standings(&end),
            [&ServerState::RolledBack(None), &old("gone")]
        );
    }

    #[test]
    fn a_commit_that_took_place_counts_even_if_its_answer_was_lost() {
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
    fn no_server_is_rolled_back_while_a_commit_is_pending() {
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
            [&old("no"), &ServerState::Unknown("no".to_owned())]
        );
    }

    #[test]
    fn a_commit_that_arrives_before_its_abort_is_rolled_back_or_reported() {
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
            [
                &ServerState::RolledBack(None),
                &ServerState::RolledBack(None)
            ]
        );
        let silent: [Line<'_>; 2] = [(0, lost(), &[(1, RollBack)]), (1, Event::Done, &[])];
        let end = play(&[true, true], &[&asked[..], &silent].concat());
        assert_eq!(
            standings(&end),
            [
                &ServerState::Unknown("gone".to_owned()),
                &ServerState::RolledBack(None)
            ]
        );
    }

    #[test]
    fn a_server_that_stays_lost_is_reported_as_unknown() {
        let end = play(
            &[true],
            &[
                (0, Event::Done, &[(0, Commit)]),
                (0, lost(), &[(0, AskOutcome)]),
                (0, lost(), &[]),
            ],
        );
        assert_eq!(standings(&end), [&ServerState::Unknown("gone".to_owned())]);
    }

    /// Tries every event at every step, for two servers. The transaction always ends, and no server
    /// ends half-way.
    #[test]
    fn every_sequence_of_events_ends_with_each_server_old_or_new_or_reported() {
        let mut sequences = 0;
        for gains in [[true, true], [true, false], [false, true]] {
            let servers = gains
                .iter()
                .enumerate()
                .map(|(index, gains)| (index.to_string(), *gains))
                .collect();
            let (coordinator, commands) = Coordinator::new(servers);
            explore(&coordinator, &commands, &mut sequences, 0);
        }
        assert!(sequences > 100, "{sequences}");
    }

    fn explore(
        coordinator: &Coordinator,
        pending: &[(usize, Command)],
        sequences: &mut usize,
        depth: usize,
    ) {
        use ServerState::{Live, Old, RolledBack, Silent, Unknown};
        assert!(depth < 24, "endless: {:?}", coordinator.members());
        if pending.is_empty() {
            *sequences += 1;
            assert!(coordinator.is_done(), "stuck: {:?}", coordinator.members());
            let any = |is: fn(&ServerState) -> bool| {
                let mut members = coordinator.members().iter();
                members.any(|member| is(&member.standing))
            };
            let new = any(|standing| matches!(standing, Live | Silent(_)));
            assert!(
                !new || !any(|standing| matches!(standing, Old(_) | RolledBack(_))),
                "old and new: {:?}",
                coordinator.members()
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
                    members: coordinator.members.clone(),
                    failing: coordinator.failing,
                };
                let mut next_pending = pending.to_vec();
                next_pending.remove(place);
                next_pending.extend(next.on(*index, event));
                explore(&next, &next_pending, sequences, depth + 1);
            }
        }
    }
}
