//! The works of the contestants, and the values that they send.

use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A work: a procedure, and how many calls of it are in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Work {
    /// `add(i64, i64)`, one in flight.
    #[value(name = "add-1")]
    #[serde(rename = "add-1")]
    Add1,
    /// `add(i64, i64)`, one session, 64 in flight.
    #[value(name = "add-64")]
    #[serde(rename = "add-64")]
    Add64,
    /// `add(i64, i64)`, eight sessions, 16 in flight on each.
    #[value(name = "add-8x16")]
    #[serde(rename = "add-8x16")]
    Add8x16,
    /// An echo of eight short strings, one in flight.
    #[value(name = "strings-1")]
    #[serde(rename = "strings-1")]
    Strings1,
    /// An echo of eight short strings, one session, 64 in flight.
    #[value(name = "strings-64")]
    #[serde(rename = "strings-64")]
    Strings64,
    /// An echo of 1 MiB of bytes, one in flight.
    Bytes,
    /// An echo of 131,072 doubles, which take 1 MiB, one in flight.
    Doubles,
    /// A connection, one `add`, and the end of the connection.
    Connect,
    /// `add` written in Python, one in flight.
    Python,
    /// Sessions that make one call each and then stay idle. Measures the server's memory per
    /// session.
    Idle,
    /// Millions of `add`, 64 in flight. Measures whether the server's memory grows.
    Growth,
}

/// A procedure that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Procedure {
    /// The sum of two integers.
    Add,
    /// The echo of eight strings.
    Strings,
    /// The echo of bytes.
    Bytes,
    /// The echo of doubles.
    Doubles,
}

/// Length of a bare limit's request before its arguments. A lean protocol needs as many bytes to
/// name a call.
const BARE_REQUEST_HEAD_BYTES: usize = 13;
/// Length of a bare limit's answer before its values.
const BARE_ANSWER_HEAD_BYTES: usize = 9;

impl Work {
    /// Returns the procedure that is called.
    pub const fn procedure(self) -> Procedure {
        match self {
            Self::Strings1 | Self::Strings64 => Procedure::Strings,
            Self::Bytes => Procedure::Bytes,
            Self::Doubles => Procedure::Doubles,
            _ => Procedure::Add,
        }
    }

    /// Returns the number of simultaneous sessions.
    pub const fn sessions(self) -> usize {
        match self {
            Self::Add8x16 => 8,
            _ => 1,
        }
    }

    /// Returns the number of calls in flight of each session.
    pub const fn in_flight(self) -> usize {
        match self {
            Self::Add64 | Self::Strings64 | Self::Growth => 64,
            Self::Add8x16 => 16,
            _ => 1,
        }
    }

    /// Returns the contestants whose rate limits this work. Ratios in the picture refer to the
    /// first one.
    pub const fn limits(self) -> &'static [&'static str] {
        match self {
            Self::Add1 | Self::Strings1 => &["bare-blocking", "bare-polling", "bare-tokio"],
            Self::Connect => &["bare-blocking", "bare-tokio"],
            Self::Add64 | Self::Add8x16 | Self::Strings64 => &["bare-tokio"],
            Self::Bytes | Self::Doubles => &["bare-copy"],
            Self::Python => &["bare-blocking"],
            Self::Idle | Self::Growth => &[],
        }
    }

    /// Returns whether the result is memory instead of a rate.
    pub const fn is_memory(self) -> bool {
        matches!(self, Self::Idle | Self::Growth)
    }

    /// Returns the name in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Add1 => "add(i64, i64), one in flight",
            Self::Add64 => "add(i64, i64), one session × 64",
            Self::Add8x16 => "add(i64, i64), 8 sessions × 16",
            Self::Strings1 => "echo of 8 strings, one in flight",
            Self::Strings64 => "echo of 8 strings, one session × 64",
            Self::Bytes => "echo of 1 MiB of bytes",
            Self::Doubles => "echo of 131,072 doubles",
            Self::Connect => "connect, add, close",
            Self::Python => "add written in Python, one in flight",
            Self::Idle => "idle sessions",
            Self::Growth => "growth over millions of calls",
        }
    }

    /// Returns the name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// The values that are sent, the same for all contestants.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Eight short strings.
    pub strings: Vec<String>,
    /// 1 MiB.
    pub bytes: Bytes,
    /// 131,072 doubles.
    pub doubles: Vec<f64>,
}

impl Payload {
    /// Returns the values of a procedure. The other fields are empty.
    pub fn of(procedure: Procedure) -> Self {
        let mut payload = Self {
            strings: Vec::new(),
            bytes: Bytes::new(),
            doubles: Vec::new(),
        };
        match procedure {
            Procedure::Add => {}
            Procedure::Strings => payload.strings = strings(),
            Procedure::Bytes => payload.bytes = (0..MIB).map(|index| (index % 251) as u8).collect(),
            Procedure::Doubles => {
                payload.doubles = (0_u32..131_072)
                    .map(|index| f64::from(index) * 0.37 + 1e-3)
                    .collect();
            }
        }
        payload
    }
}

/// Number of bytes in the 1 MiB echoes.
pub const MIB: usize = 1 << 20;

fn strings() -> Vec<String> {
    (0..8).map(|index| format!("string no. {index}")).collect()
}

/// Returns the number of bytes in a bare limit's request and answer, without the length in front. A
/// lean protocol needs as many.
pub fn bare_sizes(procedure: Procedure) -> (usize, usize) {
    let (arguments, values) = match procedure {
        Procedure::Add => (16, 8),
        Procedure::Strings => {
            let strings: usize = strings().iter().map(|text| 4 + text.len()).sum();
            (4 + strings, 4 + strings)
        }
        Procedure::Bytes | Procedure::Doubles => return (MIB, MIB),
    };
    (
        BARE_REQUEST_HEAD_BYTES + arguments,
        BARE_ANSWER_HEAD_BYTES + values,
    )
}
