//! Paths, errors and commands, as people read them.

use std::io;
use std::path::Path;

use rpc_schema::visible;
use tls::TlsError;

use super::arguments::DEFAULT_FOLDER;

/// Returns a path as people read it.
pub(super) fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

/// Returns the message of an error as people read it.
pub(super) fn said(error: &TlsError) -> String {
    visible(&error.to_string()).into_owned()
}

/// Returns the message about something that failed. `verb` is such as `read`.
pub(super) fn failure(verb: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {verb} `{}`: {error}", shown(path))
}

/// The commands that messages name, with the file and the folder of this command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commands<'a> {
    pub(super) init: &'a Path,
    pub(super) out: &'a Path,
}

impl Commands<'_> {
    /// Returns a command of `cert`: with a verb or none, and with what follows the file.
    pub(super) fn cert(&self, verb: &str, rest: &str) -> String {
        let mut words = vec!["initializer cert".to_owned()];
        if !verb.is_empty() {
            words.push(verb.to_owned());
        }
        words.push(shell_word(self.init));
        if self.out != Path::new(DEFAULT_FOLDER) {
            words.push(format!("--out {}", shell_word(self.out)));
        }
        if !rest.is_empty() {
            words.push(rest.to_owned());
        }
        words.join(" ")
    }

    /// Returns the command that makes a new CA.
    pub(super) fn new_ca(&self) -> String {
        self.cert("", "--overwrite --new-ca")
    }
}

/// Returns a path as a shell reads it.
pub(super) fn shell_word(path: &Path) -> String {
    let text = shown(path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_copied_to_a_shell() {
        let commands = |init, out| Commands {
            init: Path::new(init),
            out: Path::new(out),
        };
        let usual = commands("init.yaml", "certs");
        assert_eq!(usual.cert("", ""), "initializer cert init.yaml");
        let other = commands("my network.yaml", "it's");
        assert_eq!(
            other.cert("renew", "client1"),
            r"initializer cert renew 'my network.yaml' --out 'it'\''s' client1"
        );
    }
}
