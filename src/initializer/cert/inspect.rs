//! [`Inspected`]: what is in the folder of a holder.

use std::fs;
use std::path::{Path, PathBuf};

use rpc_schema::visible;
use tls::stored::StoredCertificate;
use tls::{CA_FILE, CERTIFICATE_FILE, Certificate, KEY_FILE, LIST_FILE, RevocationList, TlsError};

use super::layout::{FILES, Holder, Layout};
use super::private_files::{is_taken, is_vacant, part};
use super::words::{said, shown};

/// What is in the folder of a holder.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) holder: Holder,
    pub(super) folder: PathBuf,
    /// The certificate, if it is one of this holder. It may have expired or be revoked.
    pub(super) certificate: Option<Certificate>,
    /// What is wrong with the folder.
    pub(super) damage: Option<Damage>,
    /// Whether the CA of these folders signed the certificate, and the copies beside it are in order.
    pub(super) is_of_ca: bool,
    /// Whether `ca.pem` is missing. It is a copy, so it can be made again.
    pub(super) lacks_ca: bool,
    /// The copy of the revocation list. Only a list with the right signature is taken.
    pub(super) list: Option<RevocationList>,
}

/// What is wrong with a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// In one sentence, with the path.
    pub(super) what: String,
    pub(super) mend: Mend,
}

/// What mends a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mend {
    /// A new certificate with a new key. Nothing of others is lost by it.
    NewPair,
    /// Giving the certificate its name, which an interrupted run did not do any more.
    Finish,
    /// What this text says.
    Other(String),
}

impl Inspected {
    /// Looks into the folder of a holder. Without a `network`, the certificate may be of any. Without
    /// a certificate of the CA, signatures are not checked.
    pub(super) fn inspect(
        layout: &Layout,
        holder: &Holder,
        network: Option<&str>,
        ca: Option<&StoredCertificate>,
    ) -> Result<Self, String> {
        let mut inspected = Self {
            holder: holder.clone(),
            folder: layout.holder(holder),
            certificate: None,
            damage: None,
            is_of_ca: false,
            lacks_ca: false,
            list: None,
        };
        if !is_vacant(&inspected.folder)? {
            inspected.damage = inspected.look(network, ca).err();
        }
        Ok(inspected)
    }

    /// Returns whether nothing has been made for this holder.
    pub(super) fn is_missing(&self) -> bool {
        self.certificate.is_none() && self.damage.is_none()
    }

    /// Returns whether an interrupted run can be finished.
    pub(super) fn is_interrupted(&self) -> bool {
        let damage = self.damage.as_ref();
        damage.is_some_and(|damage| damage.mend == Mend::Finish)
    }

    fn look(
        &mut self,
        network: Option<&str>,
        ca: Option<&StoredCertificate>,
    ) -> Result<(), Damage> {
        let folder = self.folder.clone();
        let path = |file: &str| folder.join(file);
        check_kinds(&folder)?;
        let has = |file: &str| is_taken(&path(file)).map_err(unreadable);
        let has_key = has(KEY_FILE)?;
        if !has(CERTIFICATE_FILE)? {
            let place = shown(&folder);
            return Err(if has_key {
                damaged(
                    format!("`{place}` has a key without a certificate"),
                    Mend::NewPair,
                )
            } else {
                not_ours(format!("`{place}` has no certificate"))
            });
        }
        let certificate = self.read_own(&path(CERTIFICATE_FILE), network)?;
        self.certificate = Some(certificate.certificate().clone());
        if let Some(ca) = ca {
            self.lacks_ca = !has(CA_FILE)?;
            self.list = check_authority(&folder, &certificate, ca, self.lacks_ca)?;
            self.is_of_ca = true;
        }
        if !has_key {
            let what = format!("`{}` has a certificate without its key", shown(&folder));
            return Err(damaged(what, Mend::NewPair));
        }
        if !certificate.has_key_in(&path(KEY_FILE)).map_err(unusable)? {
            return Err(self.mismatch(network));
        }
        Ok(())
    }

    /// Reads the certificate of a file, which must be one of this holder.
    fn read_own(&self, path: &Path, network: Option<&str>) -> Result<StoredCertificate, Damage> {
        let stored = StoredCertificate::read(path).map_err(unusable)?;
        let place = shown(path);
        let Some(identity) = &stored.certificate().identity else {
            return Err(not_ours(format!("`{place}` names nobody")));
        };
        let network = network.unwrap_or(&identity.network);
        let own = self.holder.identity(network);
        if *identity == own {
            return Ok(stored);
        }
        let what = format!("`{place}` is the certificate of `{identity}`, not of `{own}`");
        Err(if identity.network == network {
            not_ours(what)
        } else {
            let remedy = "give another folder with --out, since this one is of another network";
            damaged(what, Mend::Other(remedy.to_owned()))
        })
    }

    /// Returns the damage of a folder whose key is not that of its certificate.
    fn mismatch(&self, network: Option<&str>) -> Damage {
        let key = self.folder.join(KEY_FILE);
        let waiting = part(&self.folder.join(CERTIFICATE_FILE));
        let is_waiting = is_regular(&waiting)
            && self
                .read_own(&waiting, network)
                .is_ok_and(|waiting| waiting.has_key_in(&key).unwrap_or(false));
        let place = shown(&self.folder);
        if is_waiting {
            let what = format!("the making of a certificate in `{place}` was interrupted");
            return damaged(what, Mend::Finish);
        }
        let what = format!("`{place}` has a certificate and the key of another one");
        damaged(what, Mend::NewPair)
    }
}

/// Checks that a folder and our files in it are not something else.
fn check_kinds(folder: &Path) -> Result<(), Damage> {
    let metadata = fs::symlink_metadata(folder);
    if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
        return Err(not_ours(format!("`{}` is not a folder", shown(folder))));
    }
    for file in FILES {
        let path = folder.join(file);
        if is_taken(&path).map_err(unreadable)? && !is_regular(&path) {
            let what = format!("`{}` is not a regular file", shown(&path));
            return Err(not_ours(what));
        }
    }
    Ok(())
}

fn is_regular(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Checks that a certificate and the copies beside it are of this CA. Returns the revocation list.
fn check_authority(
    folder: &Path,
    certificate: &StoredCertificate,
    ca: &StoredCertificate,
    lacks_ca: bool,
) -> Result<Option<RevocationList>, Damage> {
    let place = shown(folder);
    if !ca.has_signed(certificate) {
        let what = format!("`{place}` has a certificate of another CA");
        return Err(damaged(what, Mend::NewPair));
    }
    if !lacks_ca && !ca.is_in(&folder.join(CA_FILE)).map_err(unusable)? {
        let what = format!("`{}` does not have this CA", shown(&folder.join(CA_FILE)));
        return Err(damaged(what, Mend::NewPair));
    }
    ca.read_list(&folder.join(LIST_FILE)).map_err(|error| {
        let remedy = "delete it; the next `initializer cert` puts the right one there";
        damaged(bare(error).0, Mend::Other(remedy.to_owned()))
    })
}

fn damaged(what: String, mend: Mend) -> Damage {
    Damage { what, mend }
}

fn not_ours(what: String) -> Damage {
    let remedy = "this command did not make it: move it away";
    damaged(what, Mend::Other(remedy.to_owned()))
}

fn unreadable(what: String) -> Damage {
    damaged(what, Mend::Other("let this user read it".to_owned()))
}

/// Returns the damage of a file that cannot be used.
fn unusable(error: TlsError) -> Damage {
    let (what, remedy) = bare(error);
    let remedy = if remedy.is_empty() {
        "move it away".to_owned()
    } else {
        remedy
    };
    damaged(what, Mend::Other(remedy))
}

/// Returns what an error says, and its remedy.
fn bare(mut error: TlsError) -> (String, String) {
    let remedy = std::mem::take(&mut error.remedy);
    (said(&error), visible(&remedy).into_owned())
}
