//! A summary of the samples as Markdown, for the project's `README.md`: a line for each work.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::contestant::{CONTESTANTS, Kind};
use crate::flavour::Flavour;
use crate::placement::Placement;
use crate::ratio::Race;
use crate::sample::Samples;
use crate::table;
use crate::work::Work;

/// The marker lines around the summary.
const BEGIN: &str = "<!-- bench summary: written by `-- summary`, not by hand -->\n";
const END: &str = "<!-- end of the bench summary -->\n";

const HEAD: &str = "\
| work | of the limit: ours | best Rust peer | tonic | ours, calls/s | on one core, of the limit: ours | best Rust peer |
|---|--:|--:|--:|--:|--:|--:|
";

/// Renders a line for each work that has a rate.
pub fn render(samples: &Samples) -> String {
    let mut text = HEAD.to_owned();
    for race in Race::all(samples, Placement::TwoCores) {
        if race.work.is_memory() {
            continue;
        }
        let on_one_core = Race {
            placement: Placement::OneCore,
            ..race
        };
        let ours = best(race, Kind::Ours);
        let speed = ours.and_then(|name| race.spread(name, |measured| Some(measured.rate())));
        let speed = speed.map_or_else(String::new, |speed| table::rate(race.work, speed.median));
        let cells = [
            ratio(race, ours, false),
            ratio(race, best(race, Kind::Peer), true),
            ratio(race, Some("tonic"), false),
            speed,
            ratio(on_one_core, best(on_one_core, Kind::Ours), false),
            ratio(on_one_core, best(on_one_core, Kind::Peer), true),
        ];
        // Writing into a string does not fail.
        let _ = writeln!(text, "| {} | {} |", race.work.title(), cells.join(" | "));
    }
    text
}

/// Writes the summary into a file, between its marker lines.
pub fn write_into(samples: &Samples, file: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let missing = || {
        format!(
            "{} does not have the marker lines of a summary:\n{}{}",
            file.display(),
            BEGIN,
            END
        )
    };
    let (before, rest) = text.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    let text = format!("{before}{BEGIN}{}{END}{after}", render(samples));
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Returns the fastest contestant of a side. Only the work in Python compares peers in Python; the
/// other works compare peers in Rust.
fn best(race: Race<'_>, kind: Kind) -> Option<&'static str> {
    let is_python = |flavour| flavour == Flavour::Python;
    let names = CONTESTANTS
        .iter()
        .filter(|contestant| contestant.kind == kind)
        .filter(|contestant| {
            kind == Kind::Ours || is_python(contestant.flavour) == (race.work == Work::Python)
        })
        .map(|contestant| contestant.name);
    let speed = |name: &str| {
        race.spread(name, |measured| Some(measured.rate()))
            .map(|speed| speed.median)
    };
    let rated = names.filter_map(|name| Some((name, speed(name)?)));
    rated
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(name, _)| name)
}

/// Returns a contestant's rate as a share of the limit, with the contestant's name if `is_named`.
fn ratio(race: Race<'_>, name: Option<&str>, is_named: bool) -> String {
    let limit = race.work.limits().first();
    let ratio = name
        .zip(limit)
        .and_then(|(name, limit)| race.ratio(name, limit));
    let suffix = name
        .filter(|_| is_named)
        .map_or_else(String::new, |name| format!(" ({name})"));
    ratio.map_or_else(String::new, |ratio| format!("{:.2}{suffix}", ratio.median))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_replaces_the_previous_summary() {
        let samples = Samples::of(&[
            ("bare-blocking", 0, 100),
            ("ours-blocking", 0, 90),
            ("tarpc", 0, 50),
        ]);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("README.md");
        std::fs::write(&file, format!("before\n{BEGIN}old\n{END}after\n")).expect("written");
        for _ in 0..2 {
            write_into(&samples, &file).expect("a summary");
        }
        let text = std::fs::read_to_string(&file).expect("the file");
        assert!(
            text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("old"),
            "{text}"
        );
        assert!(text.contains("| 0.90 | 0.50 (tarpc) |"), "{text}");
    }
}
