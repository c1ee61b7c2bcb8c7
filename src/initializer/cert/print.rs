//! What the verbs of `cert` print: a line for each certificate, and a summary.

use serde_json::{Value, json};
use tls::{Certificate, Time};

use super::layout::Holder;
use super::words::shown;
use crate::initializer::print::json_line;
use crate::report::{self, Colour};

/// Number of columns of a mark and the space behind it.
const MARK_INDENT: usize = 2;

/// What was done about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// It is the first one of its holder.
    Made,
    /// It has taken the place of another one.
    Replaced,
    /// An interrupted run had made it.
    Finished,
    /// It stays.
    Kept,
    /// It stays, and is revoked.
    KeptRevoked,
    /// There is none.
    Missing,
    /// It stays, and its holder is not in the file.
    Left,
    /// It was revoked.
    Revoked,
    /// It was revoked before.
    RevokedBefore,
}

impl Action {
    fn mark(self) -> (char, Colour) {
        match self {
            Self::Made => ('+', Colour::Green),
            Self::Replaced | Self::Finished => ('~', Colour::Yellow),
            Self::Kept => ('=', Colour::Faint),
            Self::KeptRevoked | Self::Missing | Self::Left => ('!', Colour::Yellow),
            Self::Revoked => ('-', Colour::Red),
            Self::RevokedBefore => ('=', Colour::Plain),
        }
    }

    /// Returns the word for it in JSON.
    fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Replaced => "replaced",
            Self::Finished => "finished",
            Self::Kept => "kept",
            Self::KeptRevoked => "kept-revoked",
            Self::Missing => "missing",
            Self::Left => "left",
            Self::Revoked => "revoked",
            Self::RevokedBefore => "revoked-before",
        }
    }
}

/// Prints lines in one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    pub(super) json: bool,
}

impl Printer {
    /// Prints what was done about a certificate. `details` is for people.
    pub(super) fn done(
        self,
        action: Action,
        holder: &Holder,
        certificate: Option<&Certificate>,
        details: &str,
    ) {
        if self.json {
            let mut value = holder_json(holder);
            value["event"] = "certificate".into();
            value["action"] = action.word().into();
            if let Some(certificate) = certificate {
                add_certificate(&mut value, certificate);
            }
            return json_line(&value);
        }
        let (mark, colour) = action.mark();
        self.marked(mark, colour, &format!("{holder}: {details}"));
    }

    /// Prints what was done to put a certificate on the revocation list. `text` is for people.
    pub(super) fn revoked(self, action: Action, holder: Option<&Holder>, serial: &str, text: &str) {
        let (mark, colour) = action.mark();
        let mut value = holder.map_or_else(|| json!({}), holder_json);
        value["event"] = "certificate".into();
        value["action"] = action.word().into();
        value["serial"] = serial.into();
        self.object(&value);
        self.marked(mark, colour, text);
    }

    /// Prints a line for people that begins with a mark.
    pub(super) fn marked(self, mark: char, colour: Colour, text: &str) {
        if !self.json {
            let line = report::painted(colour, &format!("{mark} {text}"));
            report::out_wrapped(&line, MARK_INDENT);
        }
    }

    /// Prints a line for people.
    pub(super) fn line(self, text: &str) {
        if !self.json {
            report::out_wrapped(text, 4);
        }
    }

    /// Prints an object for programs.
    pub(super) fn object(self, value: &Value) {
        if self.json {
            json_line(value);
        }
    }

    /// Prints that something needs attention.
    pub(super) fn warning(self, text: &str) {
        if self.json {
            json_line(&json!({ "event": "warning", "message": text }));
        } else {
            report::warning(text);
        }
    }
}

/// Returns whom an object is about.
fn holder_json(holder: &Holder) -> Value {
    json!({ "name": holder.name, "role": holder.kind.role().word() })
}

/// Adds what an object says of a certificate.
pub(super) fn add_certificate(value: &mut Value, certificate: &Certificate) {
    value["serial"] = certificate.serial.clone().into();
    value["not-before"] = certificate.not_before.to_string().into();
    value["not-after"] = certificate.not_after.to_string().into();
}

/// Returns until when a certificate is valid, in words.
pub(super) fn until(certificate: &Certificate) -> String {
    format!("valid until {}", certificate.not_after)
}

/// Returns the first digits of a serial number. They are enough to tell certificates apart.
pub(super) fn short_serial(serial: &str) -> &str {
    serial.get(..8).unwrap_or(serial)
}

/// Returns the whole days until a moment, the present day included. Returns 0 after it.
pub(super) fn days_left(end: Time, now: Time) -> u64 {
    end.0.saturating_sub(now.0).div_ceil(24 * 3600)
}

/// Returns a path as a member of an object.
pub(super) fn path_json(path: &std::path::Path) -> Value {
    shown(path).into()
}
