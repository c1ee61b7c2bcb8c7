//! CPU time and memory of processes, read from `/proc`.

use std::fs;

/// A process whose CPU time and memory are read. Figures that the kernel does not give are `None`.
#[derive(Debug, Clone, Copy)]
pub struct Process(u32);

impl Process {
    /// Returns the process with the given id.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// Returns this process.
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// Returns the CPU time in nanoseconds, of all threads and of all descendant processes.
    pub fn cpu_nanoseconds(self) -> Option<u64> {
        let own = self.own_cpu_nanoseconds()?;
        let descendants = descendants(self.0)
            .into_iter()
            .filter_map(|id| Self(id).own_cpu_nanoseconds());
        Some(own + descendants.sum::<u64>())
    }

    fn own_cpu_nanoseconds(self) -> Option<u64> {
        let mut total = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))
            .ok()?
            .flatten()
        {
            // A thread may end before its file is read.
            let Ok(statistics) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            total += statistics.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        Some(total)
    }

    /// Returns the resident memory.
    pub fn resident_kib(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// Returns the maximum of the resident memory since [`forget_peak`](Self::forget_peak).
    pub fn peak_kib(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// Resets the peak. If this is not allowed, the peak is that since the start of the process.
    pub fn forget_peak(self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0), "5");
    }

    fn status(self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// Returns all descendants of a process.
fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = processes()
        .filter_map(|id| Some((id, parent_of(id)?)))
        .collect();
    let mut found = vec![ancestor];
    let mut index = 0;
    while let Some(&parent) = found.get(index) {
        found.extend(
            parents
                .iter()
                .filter(|(_, parent_id)| *parent_id == parent)
                .map(|(id, _)| *id),
        );
        index += 1;
    }
    found.split_off(1)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns the parent of a process: the fourth field of `/proc/ID/stat`. The second field is a name
/// in parentheses that may contain any characters.
fn parent_of(id: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    status
        .rsplit_once(") ")?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
