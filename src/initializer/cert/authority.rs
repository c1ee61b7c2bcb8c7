//! The CA of a network, and the list of what it has revoked.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tls::issue::{Authority, IssueError, Issued, Validity};
use tls::stored::{StoredCertificate, read_text};
use tls::{CA_FILE, KEY_FILE, LIST_FILE, RevocationList, Time};

use super::arguments::MAX_LIFETIME;
use super::inspect::Inspected;
use super::layout::{Holder, Layout};
use super::private_files::{is_taken, is_vacant, replace_files, write_folder};
use super::words::{Commands, said, shown};

/// A CA with its key.
pub(super) struct Ca {
    authority: Authority,
    certificate: StoredCertificate,
    folder: PathBuf,
}

impl Ca {
    /// Opens the CA of a network. Returns `None` if none has been made.
    pub(super) fn open(
        layout: &Layout,
        network: &str,
        commands: Commands<'_>,
    ) -> Result<Option<Self>, String> {
        let folder = layout.authority();
        if is_vacant(&folder)? {
            return Ok(None);
        }
        check_folder(&folder)?;
        for (file, what) in [(CA_FILE, "certificate"), (KEY_FILE, "key")] {
            let path = folder.join(file);
            if !is_taken(&path)? {
                return Err(format!(
                    "the {what} of the CA is missing: `{}`; bring it back from where it is kept, or make a new CA and \
                     new certificates for all with `{}`",
                    shown(&path),
                    commands.new_ca()
                ));
            }
        }
        let certificate = read_certificate(&folder, network)?;
        let not_after = certificate.certificate().not_after;
        if Time::now() > not_after {
            return Err(format!(
                "the CA expired at {not_after}; make a new one, and new certificates for all, with `{}`",
                commands.new_ca()
            ));
        }
        let key = folder.join(KEY_FILE);
        let issued = certificate.with_key(&key).map_err(|error| said(&error))?;
        let authority = Authority::load(network, issued).map_err(|error| {
            format!(
                "`{}` and `{}` do not belong together: {error}; bring back the right ones, or make a new CA and new \
                 certificates for all with `{}`",
                shown(&folder.join(CA_FILE)),
                shown(&key),
                commands.new_ca()
            )
        })?;
        Ok(Some(Self {
            authority,
            certificate,
            folder,
        }))
    }

    /// Makes the CA of a network, with an empty list of this number. Replaces an earlier one.
    pub(super) fn make(layout: &Layout, network: &str, number: u64) -> Result<Self, String> {
        let days = u32::try_from(MAX_LIFETIME.as_secs() / (24 * 3600)).unwrap_or(u32::MAX);
        let (authority, issued) =
            Authority::make(network, Validity::days(days)).map_err(|error| failed(&error))?;
        let list = authority
            .revoke(number, [])
            .map_err(|error| failed(&error))?;
        let folder = layout.authority();
        let Issued { certificate, key } = &issued;
        let files = [(LIST_FILE, &*list), (KEY_FILE, key), (CA_FILE, certificate)];
        if is_vacant(&folder)? {
            write_folder(&folder, &files)?;
        } else {
            replace_files(&folder, &files)?;
        }
        let certificate = read_certificate(&folder, network)?;
        Ok(Self {
            authority,
            certificate,
            folder,
        })
    }

    /// Returns its certificate.
    pub(super) fn certificate(&self) -> &StoredCertificate {
        &self.certificate
    }

    /// Returns its certificate as text.
    pub(super) fn text(&self) -> &str {
        self.authority.certificate()
    }

    /// Returns its folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a certificate and a key, valid for so many days, but not longer than the CA.
    pub(super) fn issue(
        &self,
        network: &str,
        holder: &Holder,
        address: Option<IpAddr>,
        days: u32,
    ) -> Result<(Issued, Validity), String> {
        let own = self.certificate.certificate();
        let asked = Validity::days(days);
        let validity = Validity {
            not_before: asked.not_before.max(own.not_before),
            not_after: asked.not_after.min(own.not_after),
        };
        let is_loopback = address.is_some_and(|ip| ip.to_canonical().is_loopback());
        let hosts: &[String] = if is_loopback {
            &["localhost".to_owned()]
        } else {
            &[]
        };
        let identity = holder.identity(network);
        let issued = self
            .authority
            .issue(&identity, address.as_slice(), hosts, validity);
        Ok((issued.map_err(|error| failed(&error))?, validity))
    }

    /// Makes the next list, with these serial numbers, and writes it beside the CA.
    pub(super) fn revoke(
        &self,
        present: &CurrentList,
        serials: BTreeSet<String>,
    ) -> Result<CurrentList, String> {
        let number = present.number().checked_add(1);
        let number = number.ok_or("no list can be newer than the present one; make a new CA")?;
        let text = self
            .authority
            .revoke(number, serials.iter().map(String::as_str))
            .map_err(|error| failed(&error))?;
        replace_files(&self.folder, &[(LIST_FILE, &text)])?;
        let path = self.folder.join(LIST_FILE);
        let list = self.certificate.read_list(&path);
        let list = list.map_err(|error| said(&error))?;
        let list = list.ok_or_else(|| format!("`{}` is gone", shown(&path)))?;
        Ok(CurrentList {
            list,
            text,
            serials,
            path,
        })
    }
}

/// Returns the certificate of the CA that a new one replaces, if it can be read. Refuses to replace
/// what is not the CA of this network.
pub(super) fn replaceable(
    layout: &Layout,
    network: &str,
) -> Result<Option<StoredCertificate>, String> {
    let folder = layout.authority();
    if is_vacant(&folder)? {
        return Ok(None);
    }
    check_folder(&folder)?;
    if is_taken(&folder.join(CA_FILE))? {
        return read_certificate(&folder, network).map(Some);
    }
    if is_taken(&folder.join(KEY_FILE))? {
        return Ok(None);
    }
    Err(format!(
        "`{}` has no CA: this command did not make it; move it away",
        shown(&folder)
    ))
}

/// Checks that the folder of the CA is one. It may be a link, such as to a disk that is kept apart.
fn check_folder(folder: &Path) -> Result<(), String> {
    let place = shown(folder);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("`{place}` is not a folder; move it away")),
        Err(error) => Err(format!(
            "`{place}` cannot be read: {error}; if it is a link, bring back what it leads to"
        )),
    }
}

/// Reads the certificate of the CA, which must be that of this network.
pub(super) fn read_certificate(folder: &Path, network: &str) -> Result<StoredCertificate, String> {
    let path = folder.join(CA_FILE);
    let certificate = StoredCertificate::read(&path).map_err(|error| said(&error))?;
    let place = shown(&path);
    match certificate.network() {
        Some(own) if own == network => Ok(certificate),
        Some(own) => Err(format!(
            "`{place}` is the CA of the network `{}`, and the name in the file is `{network}`; give another folder with \
             --out",
            rpc_schema::visible(&own)
        )),
        None => Err(format!(
            "`{place}` is a CA that `initializer cert` did not make; give another folder with --out"
        )),
    }
}

fn failed(error: &IssueError) -> String {
    format!("cannot make a certificate: {error}")
}

/// The newest revocation list of a CA.
#[derive(Debug)]
pub(super) struct CurrentList {
    list: RevocationList,
    text: String,
    /// What this list and all others revoke. Two lists may differ that were made apart, after the
    /// folder of the CA was restored from a copy.
    serials: BTreeSet<String>,
    path: PathBuf,
}

impl CurrentList {
    /// Finds the newest list: beside the CA, or among the copies.
    pub(super) fn find(
        ca: &StoredCertificate,
        layout: &Layout,
        inspected: &[Inspected],
    ) -> Result<Option<Self>, String> {
        let home = layout.authority().join(LIST_FILE);
        let at_home = ca.read_list(&home).map_err(|error| said(&error))?;
        let copies = inspected.iter().filter_map(|inspected| {
            let list = inspected.list.clone()?;
            Some((inspected.folder.join(LIST_FILE), list))
        });
        let lists: Vec<_> = at_home
            .map(|list| (home, list))
            .into_iter()
            .chain(copies)
            .collect();
        let serials = lists.iter().flat_map(|(_, list)| list.serials());
        let serials: BTreeSet<String> = serials.map(str::to_owned).collect();
        // Of several with the same number, the first is taken: the one beside the CA.
        let newest = lists
            .into_iter()
            .rev()
            .max_by_key(|(_, list)| list.number());
        let Some((path, list)) = newest else {
            return Ok(None);
        };
        let text = read_text(&path).map_err(|error| said(&error))?;
        Ok(Some(Self {
            list,
            text,
            serials,
            path,
        }))
    }

    /// Returns its number.
    pub(super) fn number(&self) -> u64 {
        self.list.number()
    }

    /// Returns the number of certificates that it revokes.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns its text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what this list and all others revoke.
    pub(super) fn serials(&self) -> &BTreeSet<String> {
        &self.serials
    }

    /// Returns whether another list revokes something that this one does not.
    pub(super) fn is_incomplete(&self) -> bool {
        self.serials.len() > self.list.len()
    }

    /// Returns whether this list or another one revokes a certificate.
    pub(super) fn revokes(&self, serial: &str) -> bool {
        self.serials.contains(serial)
    }

    /// Puts the list beside the CA, if a copy is newer than what is there. Returns the copy.
    pub(super) fn bring_home(&mut self, ca: &Ca) -> Result<Option<PathBuf>, String> {
        let home = ca.folder().join(LIST_FILE);
        if self.path == home {
            return Ok(None);
        }
        replace_files(ca.folder(), &[(LIST_FILE, &self.text)])?;
        Ok(Some(std::mem::replace(&mut self.path, home)))
    }

    /// Copies the list to the folders that have an older one or none. Returns the number of these
    /// folders.
    pub(super) fn spread(&self, inspected: &[Inspected]) -> Result<usize, String> {
        let mut count = 0;
        for inspected in inspected.iter().filter(|inspected| inspected.is_of_ca) {
            if inspected.list.as_ref() != Some(&self.list) {
                replace_files(&inspected.folder, &[(LIST_FILE, &self.text)])?;
                count += 1;
            }
        }
        Ok(count)
    }
}
