//! Who applies, and when.

use std::time::SystemTime;

use deploy::message::{MAX_ORIGIN_CHARS, Origin, StatusAnswer};

/// Who this is: the user and the machine.
fn whoami() -> String {
    let user = ["LOGNAME", "USER"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let user = user.unwrap_or_else(|| match rustix::process::getuid() {
        rustix::process::Uid::ROOT => "root".to_owned(),
        uid => format!("uid {}", uid.as_raw()),
    });
    let system = rustix::system::uname();
    let machine = system.nodename().to_string_lossy().into_owned();
    let text = if machine.is_empty() {
        user
    } else {
        format!("{user}@{machine}")
    };
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(100)
        .collect()
}

/// An apply of this moment, behind every apply that these servers know: by the time it says they
/// are in order, whatever the clocks of those who apply say (a hybrid logical clock: Kulkarni and
/// others, 2014).
pub(super) fn origin_after<'a>(
    known: impl IntoIterator<Item = &'a StatusAnswer>,
    note: &str,
) -> Origin {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let last = known
        .into_iter()
        .filter_map(|status| Some(status.applied.as_ref()?.origin.at))
        .max();
    let at = now.max(last.map_or(0, |last| last.saturating_add(1)));
    Origin {
        at,
        by: whoami(),
        note: note.chars().take(MAX_ORIGIN_CHARS).collect(),
    }
}
