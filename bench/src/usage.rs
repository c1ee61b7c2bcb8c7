//! What processes have used, read from `/proc`.

use std::fs;

/// CPU time and memory of one process. Whatever the kernel does not tell is `None`.
#[derive(Debug, Clone, Copy)]
pub struct Process(u32);

impl Process {
    /// A process by its number.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// This process.
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// Nanoseconds on a CPU, of all its threads and of the processes below it.
    pub fn cpu_nanoseconds(self) -> Option<u64> {
        let own = self.own_cpu_nanoseconds()?;
        let below = descendants(self.0)
            .into_iter()
            .filter_map(|id| Self(id).own_cpu_nanoseconds());
        Some(own + below.sum::<u64>())
    }

    fn own_cpu_nanoseconds(self) -> Option<u64> {
        let mut total = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))
            .ok()?
            .flatten()
        {
            // A thread may end between being listed and being read.
            let Ok(statistics) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            total += statistics.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        Some(total)
    }

    /// Resident memory.
    pub fn resident_kib(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory since [`forget_peak`](Self::forget_peak).
    pub fn peak_kib(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// Makes the peak begin anew; where that is not allowed, the peak since its start is read.
    pub fn forget_peak(self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0), "5");
    }

    fn status(self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// The processes below one, however deep.
fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = processes()
        .filter_map(|id| Some((id, parent_of(id)?)))
        .collect();
    let mut found = vec![ancestor];
    let mut place = 0;
    while let Some(&parent) = found.get(place) {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(id, _)| *id),
        );
        place += 1;
    }
    found.split_off(1)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fourth field of `/proc/ID/stat`; the second one is a name in parentheses that may hold
/// anything.
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
