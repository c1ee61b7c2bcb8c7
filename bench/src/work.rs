//! What is asked of every contestant, and the values that travel.

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
    /// An echo of 131,072 doubles, which are 1 MiB, one in flight.
    Doubles,
    /// Connect, one `add`, close.
    Connect,
    /// `add` written in Python, one in flight.
    Python,
    /// Sessions that each made one call and then rest: what they take of the server's memory.
    Idle,
    /// Millions of `add`, 64 in flight: whether the server's memory grows.
    Growth,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Procedure {
    /// The sum of two integers.
    Add,
    /// Eight strings, back as they came.
    Strings,
    /// Bytes, back as they came.
    Bytes,
    /// Doubles, back as they came.
    Doubles,
}

/// Bytes of a bare limit's request before its arguments: what a lean protocol needs to name a call.
const BARE_REQUEST_HEAD: usize = 13;
/// Bytes of a bare limit's answer before its values.
const BARE_ANSWER_HEAD: usize = 9;

impl Work {
    /// The procedure that is called.
    pub const fn procedure(self) -> Procedure {
        match self {
            Self::Strings1 | Self::Strings64 => Procedure::Strings,
            Self::Bytes => Procedure::Bytes,
            Self::Doubles => Procedure::Doubles,
            _ => Procedure::Add,
        }
    }

    /// How many sessions there are at once.
    pub const fn sessions(self) -> usize {
        match self {
            Self::Add8x16 => 8,
            _ => 1,
        }
    }

    /// How many calls each session has in flight.
    pub const fn in_flight(self) -> usize {
        match self {
            Self::Add64 | Self::Strings64 | Self::Growth => 64,
            Self::Add8x16 => 16,
            _ => 1,
        }
    }

    /// The contestants whose rate bounds this work, the one that ratios in the picture refer to
    /// first.
    pub const fn limits(self) -> &'static [&'static str] {
        match self {
            Self::Add1 | Self::Strings1 | Self::Connect => &["bare-blocking", "bare-tokio"],
            Self::Add64 | Self::Add8x16 | Self::Strings64 => &["bare-tokio"],
            Self::Bytes | Self::Doubles => &["bare-copy"],
            Self::Python => &["bare-blocking"],
            Self::Idle | Self::Growth => &[],
        }
    }

    /// Whether its result is memory instead of a rate.
    pub const fn is_memory(self) -> bool {
        matches!(self, Self::Idle | Self::Growth)
    }

    /// How it is called in tables.
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

    /// The name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// The values that travel, the same for everybody.
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
    /// What this procedure's echo carries; the rest is left empty.
    pub fn of(procedure: Procedure) -> Self {
        let mut payload = Self {
            strings: Vec::new(),
            bytes: Bytes::new(),
            doubles: Vec::new(),
        };
        match procedure {
            Procedure::Add => {}
            Procedure::Strings => payload.strings = strings(),
            Procedure::Bytes => payload.bytes = (0..MIB).map(|place| (place % 251) as u8).collect(),
            Procedure::Doubles => {
                payload.doubles = (0_u32..131_072)
                    .map(|place| f64::from(place) * 0.37 + 1e-3)
                    .collect();
            }
        }
        payload
    }
}

/// Bytes of the bulk works.
pub const MIB: usize = 1 << 20;

fn strings() -> Vec<String> {
    (0..8).map(|place| format!("string no. {place}")).collect()
}

/// Bytes of a bare limit's request and answer behind the length, as many as a lean protocol would
/// need.
pub fn bare_sizes(procedure: Procedure) -> (usize, usize) {
    let (arguments, values) = match procedure {
        Procedure::Add => (16, 8),
        Procedure::Strings => {
            let strings: usize = strings().iter().map(|text| 4 + text.len()).sum();
            (4 + strings, 4 + strings)
        }
        Procedure::Bytes | Procedure::Doubles => return (MIB, MIB),
    };
    (BARE_REQUEST_HEAD + arguments, BARE_ANSWER_HEAD + values)
}
