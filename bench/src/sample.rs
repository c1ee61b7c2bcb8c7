//! Raw samples as JSON lines: the machine first, then a line for each measurement.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::job::Measured;
use crate::placement::Placement;
use crate::work::Work;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The work.
    pub work: Work,
    /// Where client and server ran.
    pub placement: Placement,
    /// Ratios are formed within a round.
    pub round: u32,
    /// Who was measured.
    pub contestant: String,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// What the samples were taken on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// As the kernel names it.
    pub cpu: String,
    /// How many this program may use.
    pub cores: usize,
    /// The kernel and its release.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// The interpreter of the Python rows.
    pub python: String,
    /// Seconds of a measurement, as text.
    pub window: String,
    /// Versions of what was measured, by package.
    pub versions: BTreeMap<String, String>,
    /// What each contestant is called in tables, in their order.
    pub titles: Vec<(String, String)>,
}

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Line {
    Machine(Machine),
    Sample(Sample),
}

/// All samples of a run.
#[derive(Debug, Clone)]
pub struct Samples {
    /// What they were taken on.
    pub machine: Machine,
    /// In the order in which they were taken.
    pub samples: Vec<Sample>,
}

impl Samples {
    /// Reads them from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (mut machine, mut samples) = (None, Vec::new());
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), index + 1);
            match serde_json::from_str(line).with_context(place)? {
                Line::Machine(read) => machine = Some(read),
                Line::Sample(sample) => samples.push(sample),
            }
        }
        let Some(machine) = machine else {
            bail!("{} does not describe a machine", path.display())
        };
        Ok(Self { machine, samples })
    }

    /// Writes them to a file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        let mut text = Vec::new();
        let machine = Line::Machine(self.machine.clone());
        for line in [machine]
            .into_iter()
            .chain(self.samples.iter().cloned().map(Line::Sample))
        {
            serde_json::to_writer(&mut text, &line)?;
            text.write_all(b"\n")?;
        }
        fs::write(path, text).with_context(failed)
    }
}

#[cfg(test)]
impl Samples {
    /// Samples of `add-1` on two cores: who, in which round, at which rate.
    pub fn of(rates: &[(&str, u32, u64)]) -> Self {
        let [cpu, kernel, rustc, python, window] = std::array::from_fn(|_| String::new());
        let titles = rates
            .iter()
            .map(|(name, ..)| ((*name).to_owned(), format!("<{name}>")));
        let titles: BTreeMap<_, _> = titles.collect();
        let machine = Machine {
            cpu,
            cores: 2,
            kernel,
            rustc,
            python,
            window,
            versions: BTreeMap::new(),
            titles: titles.into_iter().collect(),
        };
        let sample = |&(name, round, calls): &(&str, u32, u64)| Sample {
            work: Work::Add1,
            placement: Placement::TwoCores,
            round,
            contestant: name.to_owned(),
            measured: Measured {
                calls,
                seconds: 1.0,
                ..Measured::default()
            },
        };
        Self {
            machine,
            samples: rates.iter().map(sample).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("results/some.jsonl");
        let samples = Samples::of(&[("bare-blocking", 0, 100), ("tarpc", 0, 30)]);
        samples.write(&path).expect("written");
        let read = Samples::read(&path).expect("read");
        assert_eq!(
            (read.machine, read.samples),
            (samples.machine, samples.samples)
        );
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("some.jsonl");
        fs::write(&path, "{\"kind\":\"sample\"}\n").expect("written");
        let error = format!("{:#}", Samples::read(&path).expect_err("no sample"));
        assert!(error.contains("some.jsonl:1"), "{error}");
    }
}
