//! The samples as Markdown tables.

use std::fmt::Write as _;

use crate::job::Measured;
use crate::placement::Placement;
use crate::ratio::{Race, Spread};
use crate::sample::{Machine, Samples};
use crate::work::Work;

/// Renders all samples.
pub fn render(samples: &Samples) -> String {
    let mut text = render_machine(&samples.machine);
    for placement in Placement::ALL {
        let of_memory = |race: &Race<'_>| race.work.is_memory();
        let (memory, rates): (Vec<_>, Vec<_>) = Race::all(samples, placement)
            .into_iter()
            .partition(of_memory);
        if !rates.is_empty() {
            text += &render_rates(placement, &rates);
        }
        if !memory.is_empty() {
            text += &render_memory(&memory);
        }
    }
    text
}

fn render_machine(machine: &Machine) -> String {
    let Machine {
        cpu,
        cores,
        kernel,
        rustc,
        python,
        window,
        versions,
        ..
    } = machine;
    let versions: Vec<_> = versions
        .iter()
        .map(|(package, version)| format!("{package} {version}"))
        .collect();
    let versions = versions.join(", ");
    format!(
        "{cpu}, {cores} cores; {kernel}; {rustc}; {python}. Measured for {window} each; medians (min–max), ratios \
         formed within rounds.\n{versions}.\n"
    )
}

const RATES_HEAD: &str = "\
| work | who | calls/s (1 MiB echoes: MiB/s) | of the limit | of bare tokio | p50 µs | p99 µs | CPU µs/call, client + server | server's memory, MiB: idle, peak |
|---|---|--:|--:|--:|--:|--:|--:|--:|
";

fn render_rates(placement: Placement, races: &[Race<'_>]) -> String {
    let mut text = format!("\n**{}**\n\n{RATES_HEAD}", placement.title());
    for race in races {
        for (index, (name, title)) in race.contestants().enumerate() {
            let work = if index == 0 { race.work.title() } else { "" };
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "| {work} | {title} | {} |",
                rate_cells(*race, name).join(" | ")
            );
        }
    }
    text
}

fn rate_cells(race: Race<'_>, name: &str) -> [String; 7] {
    let speed = race.spread(name, |measured| Some(measured.rate()));
    let ratio = |limit: Option<&&'static str>| {
        cell(
            limit
                .filter(|limit| **limit != name)
                .and_then(|limit| race.ratio(name, limit)),
            |value| format!("{value:.2}"),
        )
    };
    let limits = race.work.limits();
    let second = limits.iter().find(|limit| **limit == "bare-tokio");
    let median = |quantity: fn(&Measured) -> Option<f64>| {
        race.spread(name, quantity)
            .map_or_else(String::new, |spread| format!("{:.1}", spread.median))
    };
    let pair = |first: String, second: String, between: &str| {
        if first.is_empty() || second.is_empty() {
            String::new()
        } else {
            first + between + &second
        }
    };
    [
        cell(speed, unit),
        ratio(limits.first()),
        ratio(second),
        median(|measured| measured.p50_us),
        median(|measured| measured.p99_us),
        pair(
            median(|measured| measured.client_cpu_us),
            median(|measured| measured.server_cpu_us),
            " + ",
        ),
        pair(
            median(|measured| mib(measured.rss_before_kib)),
            median(|measured| mib(measured.rss_peak_kib)),
            ", ",
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^52 KiB")]
fn mib(kib: Option<u64>) -> Option<f64> {
    Some(kib? as f64 / 1024.0)
}

/// Returns a rate as text: calls per second, or MiB per second for the 1 MiB echoes. An echo counts
/// once, although its bytes are sent both ways.
pub fn rate(work: Work, rate: f64) -> String {
    match work {
        Work::Bytes | Work::Doubles => format!("{rate:.0} MiB/s"),
        _ => unit(rate) + "/s",
    }
}

fn unit(rate: f64) -> String {
    match rate {
        _ if rate >= 1e6 => format!("{:.2}M", rate / 1e6),
        _ if rate >= 1e4 => format!("{:.1}k", rate / 1e3),
        _ => format!("{rate:.0}"),
    }
}

fn cell(spread: Option<Spread>, print: impl Fn(f64) -> String) -> String {
    spread.map_or_else(String::new, |Spread { median, min, max }| {
        format!("{} ({}–{})", print(median), print(min), print(max))
    })
}

const MEMORY_HEAD: &str = "
**memory of the server**

| work | who | calls or sessions | before, MiB | after, MiB | KiB per session |
|---|---|--:|--:|--:|--:|
";

fn render_memory(races: &[Race<'_>]) -> String {
    let mut text = MEMORY_HEAD.to_owned();
    for race in races {
        for (name, title) in race.contestants() {
            for sample in race.samples_of(name) {
                let Measured {
                    calls,
                    rss_before_kib,
                    rss_after_kib,
                    ..
                } = sample.measured;
                let [before, after] =
                    [rss_before_kib, rss_after_kib].map(|kib| mib(kib).unwrap_or_default());
                let each = if race.work == Work::Idle {
                    per_session(&sample.measured)
                } else {
                    String::new()
                };
                let work = race.work.title();
                let _ = writeln!(
                    text,
                    "| {work} | {title} | {calls} | {before:.1} | {after:.1} | {each} |"
                );
            }
        }
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^52 KiB")]
fn per_session(measured: &Measured) -> String {
    let grown = measured.rss_after_kib.zip(measured.rss_before_kib);
    let grown = grown.map(|(after, before)| after.saturating_sub(before));
    grown.map_or_else(String::new, |kib| {
        format!("{:.1}", kib as f64 / measured.calls as f64)
    })
}
