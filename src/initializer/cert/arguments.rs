//! The command line of `cert`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::args;

/// How long the certificate of a CA is valid, and so the longest lifetime of any certificate.
pub(super) const MAX_LIFETIME: Duration = Duration::from_hours(24 * 3650);

const SECONDS_PER_DAY: u64 = 24 * 3600;

const EXAMPLES: &str = "\
Examples:
  initializer cert init.yaml                  make a CA, and what is missing of the certificates
  initializer cert list init.yaml             show all; exit 3 if one needs attention
  initializer cert renew init.yaml            make new certificates and keys for all
  initializer cert renew init.yaml client1    the same for one
  initializer cert revoke init.yaml client1   let nobody in with the present certificate of client1
  initializer cert revoke init.yaml client:ada --offline
      the one of the client `ada`, if there is a deployer `ada` too; send nothing

A copy of certs/servers/server1, certs/clients/client1 and so on belongs on the machine of that
name alone. Keep certs/ca apart.";

/// `cert`, or a verb below it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(in super::super) struct CertArguments {
    #[command(subcommand)]
    pub(super) verb: Option<CertVerb>,
    #[command(flatten)]
    pub(super) make: MakeArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum CertVerb {
    /// Show the certificates of a folder; exit 3 if one needs attention
    List(ListArguments),
    /// Make new certificates and keys, signed by the same CA
    Renew(RenewArguments),
    /// Let nobody in with a certificate any more
    Revoke(RevokeArguments),
}

/// The file, the folder, and the form of the output.
#[derive(Debug, Args)]
pub(super) struct FolderArguments {
    /// File that declares the network
    #[arg(value_name = "INIT.YAML")]
    init: Option<PathBuf>,
    /// Folder of the certificates
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    pub(super) out: PathBuf,
    /// Print JSON, one object per line
    #[arg(long)]
    pub(super) json: bool,
}

/// The folder if `--out` is not given.
pub(super) const DEFAULT_FOLDER: &str = "certs";

#[derive(Debug, Args)]
pub(super) struct MakeArguments {
    #[command(flatten)]
    pub(super) folder: FolderArguments,
    /// Days for which the certificates of programs are valid; at most as long as the CA, which is
    /// valid for 3650
    #[arg(long, value_name = "N", default_value = "365", value_parser = days)]
    pub(super) days: u32,
    /// Replace the certificates that are there, except revoked ones
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Replace the CA too, and so every certificate; the earlier ones are worth nothing then
    #[arg(long, requires = "overwrite")]
    pub(super) new_ca: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) folder: FolderArguments,
}

#[derive(Debug, Args)]
pub(super) struct RenewArguments {
    #[command(flatten)]
    pub(super) folder: FolderArguments,
    /// Names of the servers, clients and deployers that get a new certificate; without a name, all
    /// that are not revoked
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// Days for which the certificates are valid; at most as long as the CA
    #[arg(long, value_name = "N", default_value = "365", value_parser = days)]
    pub(super) days: u32,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArguments {
    #[command(flatten)]
    pub(super) folder: FolderArguments,
    /// Names of the servers, clients and deployers whose present certificate is revoked;
    /// `client:ada` if there are several `ada`
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// Serial number of a certificate that is revoked; may be given several times
    #[arg(long, value_name = "HEX", value_parser = serial)]
    pub(super) serial: Vec<String>,
    /// Send nothing; say how to bring the list to the servers
    #[arg(long)]
    pub(super) offline: bool,
    /// Folder with the certificate of the deployer who brings the list; the default is that of the
    /// file's first deployer below --out
    #[arg(long, value_name = "DIR", conflicts_with = "offline")]
    pub(super) tls: Option<PathBuf>,
    /// Address of a server, instead of the one in the file; may be given several times
    #[arg(long, value_name = "NAME=IP:PORT", value_parser = args::server_address)]
    pub(super) server: Vec<(String, SocketAddr)>,
    /// Time that a server may take to answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    pub(super) timeout: Duration,
}

impl FolderArguments {
    /// Returns the path of the file. A command line that lacks it was refused before.
    pub(super) fn init(&self) -> &Path {
        self.init.as_deref().unwrap_or(Path::new("init.yaml"))
    }

    /// Returns the path of the file, if one is named.
    pub(super) fn named_init(&self) -> Option<&Path> {
        self.init.as_deref()
    }
}

impl CertArguments {
    fn folder(&self) -> &FolderArguments {
        match &self.verb {
            None => &self.make.folder,
            Some(
                CertVerb::List(ListArguments { folder })
                | CertVerb::Renew(RenewArguments { folder, .. })
                | CertVerb::Revoke(RevokeArguments { folder, .. }),
            ) => folder,
        }
    }

    /// Returns whether the output is JSON.
    pub(in super::super) fn json(&self) -> bool {
        self.folder().json
    }

    /// Returns what may be a mistyped verb: the file of a command line without a verb.
    pub(in super::super) fn word(&self) -> Option<&Path> {
        match &self.verb {
            None => self.make.folder.init.as_deref(),
            Some(_) => None,
        }
    }

    /// Returns what the command line lacks.
    pub(in super::super) fn missing(&self) -> Option<&'static str> {
        let needs_file = !matches!(self.verb, Some(CertVerb::List(_)));
        if needs_file && self.folder().init.is_none() {
            return Some("missing file; name one, such as `init.yaml`");
        }
        match &self.verb {
            Some(CertVerb::Revoke(revoke))
                if revoke.names.is_empty() && revoke.serial.is_empty() =>
            {
                Some("missing name; write `initializer cert revoke init.yaml NAME`")
            }
            _ => None,
        }
    }
}

/// Parses a number of days.
fn days(text: &str) -> Result<u32, String> {
    let longest = u32::try_from(MAX_LIFETIME.as_secs() / SECONDS_PER_DAY).unwrap_or(u32::MAX);
    match text.parse() {
        Ok(days) if (1..=longest).contains(&days) => Ok(days),
        _ => Err(format!(
            "invalid number of days `{text}`; expected a whole number from 1 to {longest}"
        )),
    }
}

/// Parses a serial number as tools write it, such as `4F:2A`, `0x4f2a` or `4f2a`. Returns its digits
/// in lower case without leading zeros.
fn serial(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text).replace(':', "");
    let digits = digits.to_ascii_lowercase();
    let digits = digits.trim_start_matches('0');
    let is_serial = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_serial && (1..=SERIAL_DIGITS).contains(&digits.len()) {
        Ok(digits.to_owned())
    } else {
        Err(format!(
            "invalid serial number `{}`; expected hexadecimal digits, as `initializer cert list --json` shows them",
            rpc_schema::visible(text)
        ))
    }
}

/// Number of hexadecimal digits of the longest serial number
/// ([RFC 5280, section 4.1.2.2](https://datatracker.ietf.org/doc/html/rfc5280#section-4.1.2.2)).
const SERIAL_DIGITS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_between_one_and_the_lifetime_of_a_ca() {
        assert_eq!((days("1"), days("3650")), (Ok(1), Ok(3650)));
        for wrong in ["0", "3651", "-1", "1.5", "", "a year", "99999999999", "7d"] {
            let error = days(wrong).expect_err(wrong);
            assert!(error.ends_with("from 1 to 3650"), "{error}");
        }
    }

    #[test]
    fn a_serial_number_is_read_as_tools_write_it() {
        for text in ["4f2a", "4F2A", "0x4f2a", "4F:2A", "004f2a"] {
            assert_eq!(serial(text).as_deref(), Ok("4f2a"), "{text}");
        }
        assert!(serial(&"f".repeat(SERIAL_DIGITS)).is_ok());
        let too_long = "f".repeat(SERIAL_DIGITS + 1);
        for wrong in ["", "0", "0x", "00:00", "xyz", "-1", "4f 2a", "ä", &too_long] {
            assert!(serial(wrong).is_err(), "{wrong}");
        }
    }
}
