//! The applies that servers keep, and going back to one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use super::connection::{Connection, RequestError};
use super::plan::Plan;
use super::saved::moved_words;
use super::survey::{ask_all, fetch_history, fetch_manifest};
use super::{
    DesiredServer, Initializer, InitializerError, InitializerOptions, Unreachable,
    all_or_unreachable, join_all, origin,
};
use deploy::manifest::Manifest;
use deploy::message::{Changes, Origin, Past};

/// So many of an id's first digits name it.
const MIN_ID_DIGITS: usize = 4;

/// The applies that the servers of a network keep.
#[derive(Debug)]
pub struct Applies {
    /// Each apply, newest first.
    pub applies: Vec<PastApply>,
    /// Servers that could not be asked.
    pub unreachable: Vec<Unreachable>,
}

/// An apply that servers keep.
#[derive(Debug)]
pub struct PastApply {
    /// Its id.
    pub id: String,
    /// Who applied it, when and why.
    pub origin: Origin,
    /// The address it came from.
    pub from: String,
    /// The servers that it changed and that keep it.
    pub servers: Vec<PastServer>,
}

/// A server that an apply changed.
#[derive(Debug)]
pub struct PastServer {
    /// Its name.
    pub name: String,
    /// The generation that it became.
    pub generation: u64,
    /// Whether that is live.
    pub live: bool,
    /// What it changed.
    pub changes: Changes,
    /// Why it cannot be gone back to; empty where it can.
    pub damaged: String,
}

/// A server, and the generations that it keeps, newest first.
type Kept = (String, SocketAddr, Vec<Past>);

impl Applies {
    /// Asks every server of the file.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn ask(init: &Path, options: &InitializerOptions) -> Result<Self, InitializerError> {
        let mut merged: BTreeMap<(u64, String), PastApply> = BTreeMap::new();
        let mut unreachable = Vec::new();
        for kept in ask_history(init, options).await? {
            match kept {
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

fn merge(applies: &mut BTreeMap<(u64, String), PastApply>, server: &str, pasts: Vec<Past>) {
    for (place, past) in pasts.into_iter().enumerate() {
        let Past {
            generation,
            apply,
            origin,
            from,
            changes,
            damaged,
            ..
        } = past;
        let key = (origin.at, apply.clone());
        let servers = Vec::new();
        let entry = applies.entry(key).or_insert_with(|| PastApply {
            id: apply,
            origin,
            from,
            servers,
        });
        let (name, live) = (server.to_owned(), place == 0);
        entry.servers.push(PastServer {
            name,
            generation,
            live,
            changes,
            damaged,
        });
    }
}

async fn ask_history(
    init: &Path,
    options: &InitializerOptions,
) -> Result<Vec<Result<Kept, Unreachable>>, InitializerError> {
    let document =
        rpc_schema::load(init).map_err(|report| InitializerError::File(Box::new(report)))?;
    let mut servers = Vec::new();
    for server in &document.schema.network.servers {
        let name = server.name.to_string();
        let address = options.address_of(&name, server.address)?;
        servers.push((name, address));
    }
    if let Some(unknown) = options
        .servers
        .keys()
        .find(|name| servers.iter().all(|(known, _)| known != *name))
    {
        return Err(InitializerError::UnknownServer(unknown.clone()));
    }
    let until = options.wait.map(|wait| Instant::now() + wait);
    Ok(
        join_all(servers.into_iter().map(|(name, address)| async move {
            match fetch_history(address, options, until).await {
                Ok(pasts) => Ok((name, address, pasts)),
                Err(error) => Err(Unreachable::new(&name, address, error)),
            }
        }))
        .await,
    )
}

impl Initializer {
    /// Plans to bring every server back to what it ran right after an apply, or where none is
    /// named, before the last one. It is named by its id or the first digits of it. No source
    /// travels: servers keep what they ran.
    ///
    /// # Errors
    /// [`InitializerError::Rollback`] where that cannot be gone back to; nothing has changed
    /// anywhere.
    pub async fn rollback(
        init: &Path,
        to: Option<&str>,
        options: InitializerOptions,
    ) -> Result<Self, InitializerError> {
        let kept = all_or_unreachable(ask_history(init, &options).await?)?;
        let (id, at) = find_target(&kept, to).map_err(InitializerError::Rollback)?;
        let mut servers = Vec::new();
        for (name, address, pasts) in &kept {
            let Some(newest) = pasts.first() else {
                continue;
            };
            let then = content_at(name, pasts, at).map_err(InitializerError::Rollback)?;
            let manifest = fetch(*address, newest, then, &options).await;
            let manifest = manifest.map_err(|error| {
                InitializerError::Unreachable(vec![Unreachable::new(name, *address, error)])
            })?;
            servers.push(DesiredServer::new(name, *address, manifest));
        }
        let seen = ask_all(&servers, &options).await?;
        let moved: Vec<String> = kept
            .iter()
            .filter_map(|(name, _, pasts)| Some((name, pasts.first()?.generation)))
            .zip(&seen)
            .filter(|((_, planned), seen)| seen.status.live.generation != *planned)
            .map(|((name, planned), seen)| moved_words(name, planned, seen.status.live.generation))
            .collect();
        if !moved.is_empty() {
            return Err(InitializerError::Moved(moved));
        }
        let plan = Plan::new(&servers, &seen, BTreeMap::new());
        let origin = origin::origin_after(
            seen.iter().map(|seen| &seen.status),
            &format!("rollback to {id}"),
        );
        let (files, packed, paths) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Ok(Self {
            options,
            origin,
            servers,
            seen,
            plan,
            files,
            packed,
            paths,
        })
    }
}

/// What a server ran then; nothing where it had nothing to run.
async fn fetch(
    address: SocketAddr,
    newest: &Past,
    then: Option<&Past>,
    options: &InitializerOptions,
) -> Result<Manifest, RequestError> {
    let mut connection = Connection::open(address, options).await?;
    let generation = then.unwrap_or(newest).generation;
    let manifest = fetch_manifest(&mut connection, Some(generation)).await?;
    Ok(if then.is_some() {
        manifest
    } else {
        manifest.emptied()
    })
}

/// The apply that is meant, and when it was.
fn find_target(kept: &[Kept], to: Option<&str>) -> Result<(String, u64), String> {
    let pasts = || {
        kept.iter()
            .flat_map(|(_, _, pasts)| pasts)
            .filter(|past| !past.apply.is_empty())
    };
    let undone: BTreeSet<&str> = pasts()
        .map(|past| past.undid.as_str())
        .filter(|id| !id.is_empty())
        .collect();
    let counts = |past: &&Past| past.undid.is_empty() && !undone.contains(past.apply.as_str());
    let known: BTreeSet<(u64, &str)> = pasts()
        .filter(counts)
        .map(|past| (past.origin.at, past.apply.as_str()))
        .collect();
    if let Some(id) = undone
        .iter()
        .find(|id| to.is_some_and(|to| to.len() >= MIN_ID_DIGITS && id.starts_with(to)))
    {
        return Err(format!(
            "apply {id} failed and was undone: no network ever ran it"
        ));
    }
    let Some(to) = to else {
        let before = known.iter().rev().nth(1);
        let (at, id) = before.ok_or("there is no apply before the last one to go back to")?;
        return Ok(((*id).to_owned(), *at));
    };
    if to.len() < MIN_ID_DIGITS {
        return Err(format!(
            "name at least {MIN_ID_DIGITS} digits of an apply's id"
        ));
    }
    let found: Vec<_> = known.iter().filter(|(_, id)| id.starts_with(to)).collect();
    match found.as_slice() {
        [(at, id)] => Ok(((*id).to_owned(), *at)),
        [] => Err(format!(
            "no server keeps an apply `{to}`; `initializer history` lists those that are kept"
        )),
        _ => Err(format!(
            "more than one apply begins with `{to}`; name more of its digits"
        )),
    }
}

/// What a server ran at that time; `None` where it had never been applied to.
fn content_at<'a>(server: &str, pasts: &'a [Past], at: u64) -> Result<Option<&'a Past>, String> {
    let cannot = |past: &Past| {
        let Past {
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
        // When one that cannot be read came, nobody knows: it may be the one.
        if past.apply.is_empty() {
            return Err(cannot(past));
        }
        if past.origin.at > at || (past.undid.is_empty() && undone.contains(past.apply.as_str())) {
            continue;
        }
        return if past.damaged.is_empty() {
            Ok(Some(past))
        } else {
            Err(cannot(past))
        };
    }
    match pasts.last() {
        Some(oldest) if oldest.generation > 1 => Err(format!(
            "server `{server}` no longer keeps what it ran then; see its --history"
        )),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(generation: u64, at: u64) -> Past {
        Past {
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

    fn kept(name: &str, pasts: &[(u64, u64)]) -> Kept {
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
        let kept = [
            kept("one", &[(3, 1230), (2, 1229), (1, 10)]),
            kept("two", &[(1, 1229)]),
        ];
        let target = |to| find_target(&kept, to).map(|(_, at)| at);
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
        assert!(find_target(&kept[1..], None).is_err());
    }

    #[test]
    fn an_apply_that_failed_and_was_undone_is_none_to_go_back_to() {
        let mut one = kept("one", &[(4, 5000), (3, 4000), (2, 3000), (1, 2000)]);
        // The third failed elsewhere, and the fourth has what was before it.
        one.2[0].undid = "4000id".to_owned();
        one.2[0].apply = "3000id".to_owned();
        let two = kept("two", &[(1, 2000)]);
        let target = |to| find_target(&[one.clone(), two.clone()], to).map(|(_, at)| at);
        assert_eq!(
            target(None),
            Ok(2000),
            "what ran before the last apply that took place"
        );
        assert!(
            target(Some("4000"))
                .expect_err("undone")
                .contains("failed and was undone")
        );
        assert_eq!(target(Some("3000")), Ok(3000));
        assert_eq!(
            content_at("one", &one.2, 3000).map(|past| past.map(|past| past.generation)),
            Ok(Some(2))
        );
    }

    #[test]
    fn each_server_goes_back_to_what_it_ran_then() {
        let at = |pasts: &[Past], at| {
            content_at("one", pasts, at).map(|past| past.map(|past| past.generation))
        };
        let pasts = [past(4, 40), past(3, 30), past(2, 20)];
        assert_eq!(at(&pasts, 40), Ok(Some(4)));
        assert_eq!(
            at(&pasts, 35),
            Ok(Some(3)),
            "an apply that did not touch it"
        );
        assert!(
            at(&pasts, 10)
                .expect_err("gone")
                .contains("no longer keeps")
        );
        assert_eq!(at(&[past(1, 50)], 10), Ok(None), "it came later");
        let damaged = [Past {
            damaged: "a file is missing".to_owned(),
            ..past(2, 20)
        }];
        assert!(
            at(&damaged, 30)
                .expect_err("damaged")
                .contains("a file is missing")
        );
        let unread = Past {
            damaged: "it is damaged".to_owned(),
            apply: String::new(),
            ..past(2, 0)
        };
        for pasts in [
            [past(3, 40), unread.clone(), past(1, 20)],
            [past(4, 50), past(3, 40), unread],
        ] {
            assert!(
                at(&pasts, 30)
                    .expect_err("it may be the one")
                    .contains("generation 2: it is damaged")
            );
            assert!(at(&pasts, 45).is_ok());
        }
    }
}
