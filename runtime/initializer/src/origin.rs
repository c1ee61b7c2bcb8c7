//! The origin of an apply: who applies, and when.

use std::time::SystemTime;

use deploy::message::{MAX_ORIGIN_CHARS, Origin, StatusAnswer};

/// Returns the user and the machine, such as `user@machine`.
fn user_at_machine() -> String {
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

/// Returns the origin of an apply at this moment. Its time is later than the time of every apply
/// that the given servers know. So applies are in order even if clocks are wrong: it is a hybrid
/// logical clock (Kulkarni and others, 2014).
pub(super) fn origin_after<'a>(
    known: impl IntoIterator<Item = &'a StatusAnswer>,
    note: &str,
) -> Origin {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let last = known
        .into_iter()
        .filter_map(|status| Some(status.applied.as_ref()?.origin.at))
        .max();
    let at = now.max(last.map_or(0, |last| last.saturating_add(1)));
    Origin {
        at,
        by: user_at_machine(),
        note: note.chars().take(MAX_ORIGIN_CHARS).collect(),
        watch: String::new(),
        rollback_to: String::new(),
    }
}
