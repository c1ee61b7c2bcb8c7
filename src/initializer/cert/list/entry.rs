//! [`Entry`]: a certificate as `cert list` shows it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rpc_schema::visible;
use tls::{Certificate, Time};

use super::super::inspect::{Inspected, Mend};
use super::super::layout::Holder;
use super::super::words::Commands;

/// A certificate as `cert list` shows it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name and its role. The CA has the name of the network.
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) folder: PathBuf,
    /// The certificate, if there is one that can be read.
    pub(super) certificate: Option<Certificate>,
    /// Whether none has been made.
    pub(super) is_missing: bool,
    pub(super) is_revoked: bool,
    /// Whether the file has it. `None` if no file is named.
    pub(super) is_declared: Option<bool>,
    pub(super) remarks: Vec<Remark>,
    pub(super) now: Time,
}

/// What there is to say about a certificate.
#[derive(Debug)]
pub(super) struct Remark {
    pub(super) text: String,
    /// Whether somebody must do something.
    pub(super) needs_attention: bool,
}

/// What a holder's entry depends on, beside its folder.
pub(super) struct Subject<'a> {
    pub(super) is_declared: Option<bool>,
    /// The holder as `renew` and `revoke` take it.
    pub(super) spelt: String,
    pub(super) commands: Commands<'a>,
    pub(super) now: Time,
}

/// Where in its lifetime a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    NotYetValid,
    Fresh,
    /// Two thirds of the lifetime are over.
    Old,
    Expired,
}

impl Age {
    fn of(certificate: &Certificate, now: Time) -> Self {
        let start = certificate.not_before;
        let end = certificate.not_after;
        let lifetime = end.0.saturating_sub(start.0);
        if now < start {
            Self::NotYetValid
        } else if now > end {
            Self::Expired
        } else if now.0 - start.0 >= lifetime - lifetime / 3 {
            Self::Old
        } else {
            Self::Fresh
        }
    }

    /// Returns what to say of a certificate, before the remedy.
    fn remark(self, certificate: &Certificate) -> Option<String> {
        match self {
            Self::Fresh => None,
            Self::NotYetValid => Some(format!(
                "it is valid from {} on; compare the clock of this machine",
                certificate.not_before
            )),
            Self::Old => Some("two thirds of its lifetime are over".to_owned()),
            Self::Expired => Some(format!("it expired at {}", certificate.not_after)),
        }
    }
}

impl Entry {
    /// Returns the entry of the CA.
    pub(super) fn of_ca(
        certificate: &Certificate,
        network: &str,
        folder: PathBuf,
        commands: Commands<'_>,
        now: Time,
    ) -> Self {
        let age = Age::of(certificate, now);
        let remark = age.remark(certificate).map(|what| Remark {
            text: format!(
                "{what}; `{}` makes a new one, and new certificates for all",
                commands.new_ca()
            ),
            needs_attention: true,
        });
        Self {
            name: visible(network).into_owned(),
            role: "ca",
            folder,
            certificate: Some(certificate.clone()),
            is_missing: false,
            is_revoked: false,
            is_declared: None,
            remarks: remark.into_iter().collect(),
            now,
        }
    }

    /// Returns the entry of a holder.
    pub(super) fn of_holder(
        inspected: Inspected,
        revoked: &BTreeSet<String>,
        subject: &Subject<'_>,
    ) -> Self {
        let certificate = inspected.certificate.as_ref();
        let is_revoked =
            certificate.is_some_and(|certificate| revoked.contains(&certificate.serial));
        let is_missing = inspected.is_missing();
        let remarks = remarks(&inspected, is_revoked, subject);
        let Holder { kind, name } = inspected.holder;
        Self {
            name,
            role: kind.role().word(),
            folder: inspected.folder,
            certificate: inspected.certificate,
            is_missing,
            is_revoked,
            is_declared: subject.is_declared,
            remarks,
            now: subject.now,
        }
    }

    /// Returns whether somebody must do something.
    pub(super) fn needs_attention(&self) -> bool {
        self.remarks.iter().any(|remark| remark.needs_attention)
    }

    /// Returns the state in one word.
    pub(super) fn state(&self) -> &'static str {
        let Some(certificate) = &self.certificate else {
            return if self.is_missing {
                "missing"
            } else {
                "damaged"
            };
        };
        match Age::of(certificate, self.now) {
            _ if self.is_revoked => "revoked",
            Age::Expired => "expired",
            Age::NotYetValid => "not-yet-valid",
            Age::Old => "old",
            Age::Fresh => "valid",
        }
    }
}

fn remarks(inspected: &Inspected, is_revoked: bool, subject: &Subject<'_>) -> Vec<Remark> {
    let Subject {
        is_declared,
        spelt,
        commands,
        now,
    } = subject;
    let has_left = *is_declared == Some(false);
    let mut remarks = Vec::new();
    let mut remark = |text: String, needs_attention| {
        remarks.push(Remark {
            text,
            needs_attention,
        });
    };
    let renew = commands.cert("renew", spelt);
    if inspected.is_missing() {
        let command = commands.cert("", "");
        remark(
            format!("it has no certificate yet; `{command}` makes it"),
            true,
        );
    }
    if let Some(damage) = &inspected.damage {
        let remedy = match &damage.mend {
            Mend::NewPair if has_left => "the file does not have it: move it away".to_owned(),
            Mend::NewPair => format!("`{renew}` makes a new certificate and key"),
            Mend::Finish => format!("`{}` finishes it", commands.cert("", "")),
            Mend::Other(remedy) => remedy.clone(),
        };
        remark(format!("{}; {remedy}", damage.what), !has_left);
    }
    let Some(certificate) = &inspected.certificate else {
        return remarks;
    };
    let age = Age::of(certificate, *now);
    let lets_in = !is_revoked && age != Age::Expired;
    if has_left {
        let remedy = if lets_in {
            format!("`{}` revokes it", commands.cert("revoke", spelt))
        } else {
            "its folder can be deleted".to_owned()
        };
        remark(format!("the file does not have it; {remedy}"), lets_in);
    }
    if is_revoked {
        let text = if has_left {
            "it is revoked".to_owned()
        } else {
            format!("it is revoked; `{renew}` makes a new one")
        };
        remark(text, !has_left);
    } else if let Some(what) = age.remark(certificate) {
        let text = if has_left || age == Age::NotYetValid {
            what
        } else {
            format!("{what}; `{renew}` makes a new one")
        };
        remark(text, !has_left);
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_old_from_two_thirds_of_its_lifetime_on() {
        let issued = |start, end| {
            let validity = tls::issue::Validity {
                not_before: Time(start),
                not_after: Time(end),
            };
            let (_, issued) = tls::issue::Authority::make("shop", validity).expect("a certificate");
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("ca.pem");
            std::fs::write(&path, issued.certificate).expect("a file");
            let stored = tls::stored::StoredCertificate::read(&path).expect("a certificate");
            stored.certificate().clone()
        };
        let certificate = issued(1_000, 4_000);
        for (now, age) in [
            (999, Age::NotYetValid),
            (1_000, Age::Fresh),
            (2_999, Age::Fresh),
            (3_000, Age::Old),
            (4_000, Age::Old),
            (4_001, Age::Expired),
        ] {
            assert_eq!(Age::of(&certificate, Time(now)), age, "{now}");
        }
    }
}
