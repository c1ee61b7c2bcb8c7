//! The applies that servers keep, and the plan of a rollback to one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use crate::connection::Connection;
use crate::desired::{DesiredServer, declared_servers};
use crate::error::{InitializerError, RequestError, Unreachable};
use crate::initializer::Initializer;
use crate::join::{all_or_unreachable, join_all};
use crate::options::InitializerOptions;
use crate::origin;
use crate::plan::Plan;
use crate::saved::moved_message;
use crate::survey::{ask_all, fetch_history, fetch_manifest};
use deploy::manifest::{Changes, Manifest};
use deploy::message::{KeptGeneration, Origin};

/// Minimum number of digits that name an apply: the first digits of its id.
const MIN_ID_DIGITS: usize = 4;

/// Checks that the first digits of an id are enough to name an apply.
pub(crate) fn check_id_digits(digits: &str) -> Result<(), String> {
    if digits.len() < MIN_ID_DIGITS {
        return Err(format!(
            "the id of an apply must be given with at least {MIN_ID_DIGITS} digits"
        ));
    }
    Ok(())
}

/// The applies that the servers of a network keep.
#[derive(Debug)]
#[non_exhaustive]
pub struct Applies {
    /// The applies, newest first.
    pub applies: Vec<PastApply>,
    /// The servers that could not be asked.
    pub unreachable: Vec<Unreachable>,
}

/// An apply that servers keep.
#[derive(Debug)]
#[non_exhaustive]
pub struct PastApply {
    /// The id of the apply.
    pub id: String,
    /// Who applied it, when and why.
    pub origin: Origin,
    /// The address of the initializer.
    pub from: String,
    /// The servers that it changed and that still keep it.
    pub servers: Vec<PastServer>,
}

/// A server that an apply changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct PastServer {
    /// The server's name.
    pub name: String,
    /// The generation that the apply made on this server.
    pub generation: u64,
    /// Whether that generation is live.
    pub live: bool,
    /// How many procedures the apply changed.
    pub changes: Changes,
    /// Why the server cannot go back to the generation; empty if it can.
    pub damaged: String,
}

/// A server's name and address, and the generations that it keeps, newest first.
type ServerHistory = (String, SocketAddr, Vec<KeptGeneration>);

impl Applies {
    /// Asks every server of the file.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn ask(init: &Path, options: &InitializerOptions) -> Result<Self, InitializerError> {
        let mut merged: BTreeMap<(u64, String), PastApply> = BTreeMap::new();
        let mut unreachable = Vec::new();
        for history in ask_history(init, options).await? {
            match history {
                Ok((name, _, pasts)) => merge(&mut merged, &name, pasts),
                Err(error) => unreachable.push(error),
            }
        }
        Ok(Self {
            applies: merged.into_values().rev().collect(),
            unreachable,
        })
    }
}

/// Adds the generations of a server to the applies, by time and id.
fn merge(
    applies: &mut BTreeMap<(u64, String), PastApply>,
    server: &str,
    pasts: Vec<KeptGeneration>,
) {
    for (index, past) in pasts.into_iter().enumerate() {
        let KeptGeneration {
            generation,
            apply,
            origin,
            from,
            changes,
            damaged,
            ..
        } = past;
        let key = (origin.at, apply.clone());
        let entry = applies.entry(key).or_insert_with(|| PastApply {
            id: apply,
            origin,
            from,
            servers: Vec::new(),
        });
        entry.servers.push(PastServer {
            name: server.to_owned(),
            generation,
            live: index == 0,
            changes,
            damaged,
        });
    }
}

/// Asks every server of the file for the generations that it keeps.
async fn ask_history(
    init: &Path,
    options: &InitializerOptions,
) -> Result<Vec<Result<ServerHistory, Unreachable>>, InitializerError> {
    let servers = declared_servers(init, options)?;
    let until = options.wait.map(|wait| Instant::now() + wait);
    Ok(
        join_all(servers.into_iter().map(|(name, address)| async move {
            match fetch_history(&name, address, options, until).await {
                Ok(pasts) => Ok((name, address, pasts)),
                Err(error) => Err(Unreachable::new(&name, address, error)),
            }
        }))
        .await,
    )
}

impl Initializer {
    /// Plans a rollback of every server to what it ran right after the apply `to`. `to` is the id
    /// of the apply, or the first digits of the id. `None` means the apply before the last one. No
    /// source is sent, since servers keep what they ran.
    ///
    /// # Errors
    /// [`InitializerError::Rollback`] if a server cannot go back. Nothing has changed on any
    /// server.
    pub async fn rollback(
        init: &Path,
        to: Option<&str>,
        options: InitializerOptions,
    ) -> Result<Self, InitializerError> {
        let histories = all_or_unreachable(ask_history(init, &options).await?)?;
        let (id, at) = find_target(&histories, to).map_err(InitializerError::Rollback)?;
        let notes = note_on_rollback(&histories, to, &id);
        let mut servers = Vec::new();
        for (name, address, pasts) in &histories {
            let Some(newest) = pasts.first() else {
                continue;
            };
            let target = past_at(name, pasts, at).map_err(InitializerError::Rollback)?;
            let manifest = fetch_past_manifest(name, *address, newest, target, &options).await;
            let manifest = manifest.map_err(|error| {
                InitializerError::Unreachable(vec![Unreachable::new(name, *address, error)])
            })?;
            servers.push(DesiredServer::new(name, *address, manifest));
        }
        let seen = ask_all(&servers, &options).await?;
        let moved: Vec<String> = histories
            .iter()
            .filter_map(|(name, _, pasts)| Some((name, pasts.first()?.generation)))
            .zip(&seen)
            .filter(|((_, planned), seen)| seen.status.live.generation != *planned)
            .map(|((name, planned), seen)| {
                moved_message(name, planned, seen.status.live.generation)
            })
            .collect();
        if !moved.is_empty() {
            return Err(InitializerError::Moved(moved));
        }
        let plan = Plan {
            notes,
            ..Plan::new(&servers, &seen, BTreeMap::new())
        };
        let note = match options.only.as_slice() {
            [] => format!("rollback to {id}"),
            only => format!("rollback to {id}, only {}", only.join(", ")),
        };
        let origin = Origin {
            rollback_to: id,
            ..origin::origin_after(seen.iter().map(|seen| &seen.status), &note)
        };
        Ok(Self {
            options,
            origin,
            servers,
            seen,
            plan,
            files: BTreeMap::new(),
            packed: BTreeMap::new(),
            paths: Vec::new(),
        })
    }
}

/// Returns a note for a rollback that undoes another rollback.
fn note_on_rollback(histories: &[ServerHistory], to: Option<&str>, id: &str) -> Vec<String> {
    let newest = histories.iter().filter_map(|(_, _, pasts)| pasts.first());
    let last = newest.max_by_key(|past| past.origin.at);
    let undone = last.filter(|last| to.is_none() && !last.origin.rollback_to.is_empty());
    undone
        .map(|last| {
            format!(
                "the last apply, {}, was a {}: this undoes it, and returns to {id}; `--to` goes back further",
                last.apply, last.origin.note
            )
        })
        .into_iter()
        .collect()
}

/// Returns the manifest of the generation `target`. For `None`, the server ran nothing at that
/// time: returns its newest manifest without services.
async fn fetch_past_manifest(
    name: &str,
    address: SocketAddr,
    newest: &KeptGeneration,
    target: Option<&KeptGeneration>,
    options: &InitializerOptions,
) -> Result<Manifest, RequestError> {
    let mut connection = Connection::open(name, address, options).await?;
    let generation = target.unwrap_or(newest).generation;
    let manifest = fetch_manifest(&mut connection, Some(generation)).await?;
    Ok(if target.is_some() {
        manifest
    } else {
        manifest.emptied()
    })
}

/// Returns the id and the time of the apply to go back to.
fn find_target(histories: &[ServerHistory], to: Option<&str>) -> Result<(String, u64), String> {
    let pasts = || {
        histories
            .iter()
            .flat_map(|(_, _, pasts)| pasts)
            .filter(|past| !past.apply.is_empty())
    };
    let undone: BTreeSet<&str> = pasts()
        .map(|past| past.undid.as_str())
        .filter(|id| !id.is_empty())
        .collect();
    let took_place =
        |past: &&KeptGeneration| past.undid.is_empty() && !undone.contains(past.apply.as_str());
    let known: BTreeSet<(u64, &str, &str)> = pasts()
        .filter(took_place)
        .map(|past| (past.origin.at, &*past.apply, &*past.origin.watch))
        .collect();
    if let Some(id) = undone
        .iter()
        .find(|id| to.is_some_and(|to| check_id_digits(to).is_ok() && id.starts_with(to)))
    {
        return Err(format!(
            "apply {id} failed and was undone, so no network ever ran it"
        ));
    }
    let Some(to) = to else {
        let (_, last, watch) = known.last().ok_or("there is no apply to go back from")?;
        let is_earlier = |(_, id, other): &&(u64, &str, &str)| {
            id != last && (watch.is_empty() || other != watch)
        };
        let before = known.iter().rev().find(is_earlier);
        let (at, id, _) = before.ok_or("there is no earlier apply to go back to")?;
        return Ok(((*id).to_owned(), *at));
    };
    check_id_digits(to)?;
    let found: Vec<_> = known
        .iter()
        .filter(|(_, id, _)| id.starts_with(to))
        .collect();
    match found.as_slice() {
        [(at, id, _)] => Ok(((*id).to_owned(), *at)),
        [] => Err(format!(
            "no server keeps an apply `{to}`; run `initializer history` to list the applies that are kept"
        )),
        _ => Err(format!(
            "more than one apply begins with `{to}`; give more digits of the id"
        )),
    }
}

/// Returns the generation that was live on a server at a time; `None` if the server had no
/// generation yet.
fn past_at<'a>(
    server: &str,
    pasts: &'a [KeptGeneration],
    at: u64,
) -> Result<Option<&'a KeptGeneration>, String> {
    let refusal = |past: &KeptGeneration| {
        let KeptGeneration {
            generation,
            damaged,
            ..
        } = past;
        format!("server `{server}` cannot go back to generation {generation}: {damaged}")
    };
    let undone: BTreeSet<&str> = pasts
        .iter()
        .map(|past| past.undid.as_str())
        .filter(|id| !id.is_empty())
        .collect();
    for past in pasts {
        // The time of an unreadable generation is unknown, so it may be the generation in question.
        if past.apply.is_empty() {
            return Err(refusal(past));
        }
        if past.origin.at > at || (past.undid.is_empty() && undone.contains(past.apply.as_str())) {
            continue;
        }
        return if past.damaged.is_empty() {
            Ok(Some(past))
        } else {
            Err(refusal(past))
        };
    }
    match pasts.last() {
        Some(oldest) if oldest.generation > 1 => Err(format!(
            "server `{server}` no longer keeps what it ran then; its --history limits what it keeps"
        )),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(generation: u64, at: u64) -> KeptGeneration {
        KeptGeneration {
            generation,
            apply: format!("{at:04}id"),
            origin: Origin {
                at,
                ..Origin::default()
            },
            from: String::new(),
            changes: Changes::default(),
            undid: String::new(),
            damaged: String::new(),
        }
    }

    fn history(name: &str, pasts: &[(u64, u64)]) -> ServerHistory {
        let pasts = pasts
            .iter()
            .map(|(generation, at)| past(*generation, *at))
            .collect();
        (
            name.to_owned(),
            SocketAddr::from(([127, 0, 0, 1], 1)),
            pasts,
        )
    }

    #[test]
    fn an_apply_is_named_by_its_first_digits_or_is_the_one_before_the_last() {
        let histories = [
            history("one", &[(3, 1230), (2, 1229), (1, 10)]),
            history("two", &[(1, 1229)]),
        ];
        let target = |to| find_target(&histories, to).map(|(_, at)| at);
        assert_eq!(target(None), Ok(1229));
        assert_eq!(target(Some("1230")), Ok(1230));
        assert_eq!(target(Some("0010id")), Ok(10));
        assert!(
            target(Some("12"))
                .expect_err("short")
                .contains("at least 4")
        );
        assert!(
            target(Some("9999"))
                .expect_err("unknown")
                .contains("no server keeps")
        );
        assert!(find_target(&histories[1..], None).is_err());
    }

    #[test]
    fn an_apply_that_failed_and_was_undone_is_never_a_target() {
        let mut one = history("one", &[(4, 5000), (3, 4000), (2, 3000), (1, 2000)]);
        // Generation 3 failed on another server. Generation 4 has the content of generation 2
        // again.
        one.2[0].undid = "4000id".to_owned();
        one.2[0].apply = "3000id".to_owned();
        let two = history("two", &[(1, 2000)]);
        let target = |to| find_target(&[one.clone(), two.clone()], to).map(|(_, at)| at);
        assert_eq!(
            target(None),
            Ok(2000),
            "the apply before the last one that took place"
        );
        assert!(
            target(Some("4000"))
                .expect_err("undone")
                .contains("failed and was undone")
        );
        assert_eq!(target(Some("3000")), Ok(3000));
        assert_eq!(
            past_at("one", &one.2, 3000).map(|past| past.map(|past| past.generation)),
            Ok(Some(2))
        );
    }

    #[test]
    fn each_server_goes_back_to_what_it_ran_then() {
        let at = |pasts: &[KeptGeneration], at| {
            past_at("one", pasts, at).map(|past| past.map(|past| past.generation))
        };
        let pasts = [past(4, 40), past(3, 30), past(2, 20)];
        assert_eq!(at(&pasts, 40), Ok(Some(4)));
        assert_eq!(
            at(&pasts, 35),
            Ok(Some(3)),
            "an apply at that time did not change this server"
        );
        assert!(
            at(&pasts, 10)
                .expect_err("gone")
                .contains("no longer keeps")
        );
        assert_eq!(at(&[past(1, 50)], 10), Ok(None), "the server joined later");
        let damaged = [KeptGeneration {
            damaged: "a file is missing".to_owned(),
            ..past(2, 20)
        }];
        assert!(
            at(&damaged, 30)
                .expect_err("damaged")
                .contains("a file is missing")
        );
        let unreadable = KeptGeneration {
            damaged: "it is damaged".to_owned(),
            apply: String::new(),
            ..past(2, 0)
        };
        for pasts in [
            [past(3, 40), unreadable.clone(), past(1, 20)],
            [past(4, 50), past(3, 40), unreadable],
        ] {
            assert!(
                at(&pasts, 30)
                    .expect_err("it may be the target")
                    .contains("generation 2: it is damaged")
            );
            assert!(at(&pasts, 45).is_ok());
        }
    }
}
