//! Describes the machine and the versions of the contestants.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::contestant::{Contestant, Program};
use crate::placement::available_cores;
use crate::sample::Machine;

const LOCK: &str = include_str!("../Cargo.lock");

/// Describes the machine, its tools and the contestants.
pub fn describe(contestants: &[&'static Contestant], window: Duration) -> Machine {
    let uname = rustix::system::uname();
    let kernel = [uname.sysname(), uname.release()].map(|part| part.to_string_lossy().into_owned());
    let titled = |contestant: &&Contestant| (contestant.name.to_owned(), contestant.title());
    Machine {
        cpu: cpu_model(),
        cores: available_cores().len(),
        kernel: kernel.join(" "),
        rustc: first_line(Command::new("rustc").arg("--version")),
        python: first_line(Command::new(crate::python::interpreter()).arg("--version")),
        window: format!("{window:?}"),
        versions: versions(contestants),
        titles: contestants.iter().map(titled).collect(),
    }
}

fn cpu_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, model)| model).to_owned()
}

fn first_line(command: &mut Command) -> String {
    let output = command
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    output
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

fn versions(contestants: &[&'static Contestant]) -> BTreeMap<String, String> {
    let version = |contestant: &&Contestant| {
        let version = match contestant.program {
            Program::Rust { .. } => locked_version(contestant.package)?,
            Program::Python { .. } => crate::python::version(contestant.package)?,
        };
        Some((contestant.package.to_owned(), version))
    };
    contestants.iter().filter_map(version).collect()
}

/// Returns the version of a package in `Cargo.lock`.
fn locked_version(package: &str) -> Option<String> {
    let entry = LOCK
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("\nname = \"{package}\"\n")))?;
    let version = entry
        .lines()
        .find_map(|line| line.strip_prefix("version = \""))?;
    Some(version.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_locked_package_is_found() {
        assert_eq!(
            locked_version("rpc-bench").as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(locked_version("no-such-package"), None);
    }
}
