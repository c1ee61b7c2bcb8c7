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
    /// The cores of client and server.
    pub placement: Placement,
    /// Number of the round. Ratios compare samples of the same round.
    pub round: u32,
    /// Name of the contestant.
    pub contestant: String,
    /// The result.
    #[serde(flatten)]
    pub measured: Measured,
}

/// The machine, the tools and the contestants of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, from the kernel.
    pub cpu: String,
    /// Number of cores that this program may use.
    pub cores: usize,
    /// The kernel and its release.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// The interpreter of the contestants in Python.
    pub python: String,
    /// Duration of a measurement, as text.
    pub window: String,
    /// Versions of the measured packages.
    pub versions: BTreeMap<String, String>,
    /// Name and title of each contestant, in the order of tables.
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
    /// The machine of the run.
    pub machine: Machine,
    /// The samples, in the order of their measurement.
    pub samples: Vec<Sample>,
}

impl Samples {
    /// Reads samples from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut machine = None;
        let mut samples = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), index + 1);
            match serde_json::from_str(line).with_context(place)? {
                Line::Machine(read) => machine = Some(read),
                Line::Sample(sample) => samples.push(sample),
            }
        }
        let Some(machine) = machine else {
            bail!("{} has no line about the machine", path.display())
        };
        Ok(Self { machine, samples })
    }

    /// Writes the samples to a file.
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
    /// Returns samples of `add-1` on two cores, from tuples of contestant, round and rate.
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
    fn samples_are_read_back_as_written() {
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
