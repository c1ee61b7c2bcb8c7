//! The printed tables.

use super::attacker::Activity;
use super::honest::Served;
use super::kinds::Kind;
use super::{Sample, UnderAttack};
use crate::median;

/// Minimum share of an honest caller's rate that should remain under a flood.
const GOAL: f64 = 0.8;

const SESSIONS: [&str; 2] = ["binary", "text"];

/// The samples of each kind.
pub struct Report(Vec<(Kind, Vec<Sample>)>);

impl Report {
    pub fn new(kinds: &[Kind]) -> Self {
        Self(kinds.iter().map(|&kind| (kind, Vec::new())).collect())
    }

    pub fn add(&mut self, kind: Kind, sample: Sample) {
        if let Some((_, samples)) = self.0.iter_mut().find(|(known, _)| *known == kind) {
            samples.push(sample);
        }
    }

    pub fn print(&self) {
        self.print_rates();
        self.print_noise();
        self.print_times();
        self.print_server();
        self.print_attacker();
    }

    fn print_rates(&self) {
        println!(
            "`of sink` and `of quiet` are ratios within a round: the median, the least and the greatest."
        );
        println!();
        println!(
            "{:<11}{:<8}{:>9}{:>9}{:>9}   {:<20}{:<20}",
            "flood", "session", "quiet/s", "sink/s", "flood/s", "of sink", "of quiet"
        );
        let mut missed = Vec::new();
        for (kind, samples) in &self.0 {
            for (index, session) in SESSIONS.into_iter().enumerate() {
                let quiet = |sample: &Sample| sample.quiet[index].rate;
                let sink = |sample: &Sample| sample.at_sink.served[index].rate;
                let flood = |sample: &Sample| sample.at_server.served[index].rate;
                let of_sink = Spread::of(samples, |sample| flood(sample) / sink(sample));
                println!(
                    "{:<11}{:<8}{:>9.0}{:>9.0}{:>9.0}   {:<20}{:<20}",
                    label(*kind, index),
                    session,
                    Spread::of(samples, quiet).median,
                    Spread::of(samples, sink).median,
                    Spread::of(samples, flood).median,
                    of_sink.text(),
                    Spread::of(samples, |sample| flood(sample) / quiet(sample)).text(),
                );
                if of_sink.median < GOAL {
                    missed.push(format!("{} ({session})", kind.name()));
                }
            }
        }
        println!();
        let missed = if missed.is_empty() {
            "none".to_owned()
        } else {
            missed.join(", ")
        };
        println!("Below {GOAL} of the rate while the sink is flooded: {missed}.");
    }

    /// Prints the spread of the quiet rate. No flood affects this rate: its spread shows the noise
    /// of the machine.
    fn print_noise(&self) {
        let samples = || self.0.iter().flat_map(|(_, samples)| samples);
        for (index, session) in SESSIONS.into_iter().enumerate() {
            let quiet = Spread::of(samples(), |sample| sample.quiet[index].rate);
            println!(
                "Noise: the {session} session's quiet rate was from {:.0} to {:.0} calls per second.",
                quiet.min, quiet.max
            );
        }
    }

    /// Prints the p99 of calls, and the rate from a second after the attack.
    fn print_times(&self) {
        println!();
        println!(
            "p99 of a call in ms, the same over the p99 while the sink is flooded, and the rate from 1 s after the flood over the quiet rate:"
        );
        println!();
        println!(
            "{:<11}{:<8}{:>9}{:>9}{:>9}   {:<20}{:<20}",
            "flood", "session", "quiet", "sink", "flood", "of sink", "recovered"
        );
        for (kind, samples) in &self.0 {
            for (index, session) in SESSIONS.into_iter().enumerate() {
                let ms = |served: &[Served; 2]| served[index].p99.as_secs_f64() * 1e3;
                let sink = |sample: &Sample| ms(&sample.at_sink.served);
                let flood = |sample: &Sample| ms(&sample.at_server.served);
                let recovered =
                    |sample: &Sample| sample.recovered[index].rate / sample.quiet[index].rate;
                println!(
                    "{:<11}{:<8}{:>9.2}{:>9.2}{:>9.2}   {:<20}{:<20}",
                    label(*kind, index),
                    session,
                    Spread::of(samples, |sample| ms(&sample.quiet)).median,
                    Spread::of(samples, sink).median,
                    Spread::of(samples, flood).median,
                    Spread::of(samples, |sample| flood(sample) / sink(sample)).text(),
                    Spread::of(samples, recovered).text(),
                );
            }
        }
    }

    fn print_server(&self) {
        println!();
        println!(
            "{:<11}{:>12}{:>18}{:>18}",
            "flood", "log, byte/s", "server, MiB (max)", "growth, MiB (max)"
        );
        for (kind, samples) in &self.0 {
            let log = Spread::of(samples, |sample| sample.log_growth);
            let resident = Spread::of(samples, |sample| sample.resident_mib);
            let resident = format!("{:.0} ({:.0})", resident.median, resident.max);
            let growth = Spread::of(samples, |sample| sample.resident_growth_mib);
            let growth = format!("{:.0} ({:.0})", growth.median, growth.max);
            println!(
                "{:<11}{:>12.0}{resident:>18}{growth:>18}",
                kind.name(),
                log.median
            );
        }
    }

    fn print_attacker(&self) {
        println!();
        println!(
            "The attacker at the sink and at the server: new connections and MB per second, cores used."
        );
        println!();
        println!(
            "{:<11}{:<8}{:>9}{:>9}{:>9}{:>9}",
            "flood", "at", "conn./s", "MB/s out", "MB/s in", "cores"
        );
        for (kind, samples) in &self.0 {
            print_activity(&kind.name(), "sink", samples, |sample| &sample.at_sink);
            print_activity("", "server", samples, |sample| &sample.at_server);
        }
    }
}

/// Returns what the row of a session begins with: the name of the flood in its first row.
fn label(kind: Kind, index: usize) -> String {
    if index == 0 {
        kind.name()
    } else {
        String::new()
    }
}

fn print_activity(kind: &str, at: &str, samples: &[Sample], of: impl Fn(&Sample) -> &UnderAttack) {
    let figure = |figure: fn(&Activity) -> f64| {
        Spread::of(samples, |sample| figure(&of(sample).attacker)).median
    };
    println!(
        "{kind:<11}{at:<8}{:>9.0}{:>9.1}{:>9.1}{:>9.2}",
        figure(|activity| activity.connections),
        figure(|activity| activity.sent / 1e6),
        figure(|activity| activity.read / 1e6),
        figure(|activity| activity.cores),
    );
}

/// The median, the least and the greatest of several figures.
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of<'a>(
        samples: impl IntoIterator<Item = &'a Sample>,
        figure: impl Fn(&Sample) -> f64,
    ) -> Self {
        let figures: Vec<f64> = samples.into_iter().map(figure).collect();
        Self {
            min: figures.iter().copied().fold(f64::INFINITY, f64::min),
            max: figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            median: median(figures),
        }
    }

    fn text(&self) -> String {
        format!("{:.2} ({:.2}-{:.2})", self.median, self.min, self.max)
    }
}
