//! [`Workshop`]: the folder of a network's certificates while a verb changes it.

use tls::stored::StoredCertificate;
use tls::{CA_FILE, CERTIFICATE_FILE, Certificate, KEY_FILE, LIST_FILE, Time};

use super::authority::{Ca, CurrentList, replaceable};
use super::declared::Declared;
use super::folder_lock::FolderLock;
use super::inspect::{Damage, Inspected, Mend};
use super::layout::{Holder, Layout};
use super::print::{Action, Printer};
use super::private_files::{finish_replacing, make_folder, replace_files, write_folder};
use super::words::{Commands, said, shown};
use crate::initializer::print::counted;
use crate::report::Colour;

/// The folder of a network's certificates while a verb changes it. No other program changes it
/// meanwhile.
pub(super) struct Workshop<'a> {
    pub(super) declared: &'a Declared,
    pub(super) commands: Commands<'a>,
    pub(super) layout: Layout,
    /// Those of the file, in its order; after them, those that the file does not have.
    pub(super) inspected: Vec<Inspected>,
    /// The owners of the certificates that an interrupted run had made and this run put into place.
    finished: Vec<Holder>,
    _lock: FolderLock,
}

/// The CA and its list, for the verbs that need both.
pub(super) struct Issuing {
    pub(super) ca: Ca,
    pub(super) list: CurrentList,
}

/// How a verb writes a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Into a folder that appears with it.
    Fresh,
    /// Over the present one.
    Over,
}

impl<'a> Workshop<'a> {
    /// Opens the folder to make certificates. Makes the folder if it is missing. Returns the CA and
    /// its list too, if there is one that stays.
    pub(super) fn to_make(
        declared: &'a Declared,
        commands: Commands<'a>,
        replaces_ca: bool,
    ) -> Result<(Self, Option<Ca>, Option<CurrentList>), String> {
        make_folder(commands.out)?;
        let mut workshop = Self::lock(declared, commands)?;
        let network = declared.network();
        if replaces_ca {
            let earlier = replaceable(&workshop.layout, network)?;
            workshop.inspect(earlier.as_ref())?;
            let list = workshop.find_list(earlier.as_ref())?;
            return Ok((workshop, None, list));
        }
        let ca = Ca::open(&workshop.layout, network, commands)?;
        let certificate = ca.as_ref().map(Ca::certificate);
        workshop.inspect(certificate)?;
        let list = match certificate {
            Some(certificate) => Some(workshop.need_list(certificate)?),
            None => None,
        };
        if ca.is_none() {
            workshop.refuse_certificates_without_ca()?;
        }
        Ok((workshop, ca, list))
    }

    /// Opens the folder of certificates that have been made.
    pub(super) fn to_change(
        declared: &'a Declared,
        commands: Commands<'a>,
    ) -> Result<(Self, Issuing), String> {
        let nothing = || {
            format!(
                "there is no CA in `{}`; make it, and the certificates, with `{}`",
                shown(commands.out),
                commands.cert("", "")
            )
        };
        if !commands.out.is_dir() {
            return Err(nothing());
        }
        let mut workshop = Self::lock(declared, commands)?;
        let ca = Ca::open(&workshop.layout, declared.network(), commands)?;
        let Some(ca) = ca else {
            workshop.inspect(None)?;
            workshop.refuse_certificates_without_ca()?;
            return Err(nothing());
        };
        workshop.inspect(Some(ca.certificate()))?;
        let list = workshop.need_list(ca.certificate())?;
        Ok((workshop, Issuing { ca, list }))
    }

    fn lock(declared: &'a Declared, commands: Commands<'a>) -> Result<Self, String> {
        Ok(Self {
            declared,
            commands,
            layout: Layout::new(commands.out),
            inspected: Vec::new(),
            finished: Vec::new(),
            _lock: FolderLock::take(commands.out)?,
        })
    }

    /// Looks into all folders, and finishes what an interrupted run has left.
    fn inspect(&mut self, ca: Option<&StoredCertificate>) -> Result<(), String> {
        let network = Some(self.declared.network());
        for holder in all_holders(Some(self.declared), &self.layout)? {
            let inspect = || Inspected::inspect(&self.layout, &holder, network, ca);
            let mut inspected = inspect()?;
            if inspected.is_interrupted() {
                finish_replacing(&inspected.folder.join(CERTIFICATE_FILE))?;
                inspected = inspect()?;
                self.finished.push(holder.clone());
            }
            self.inspected.push(inspected);
        }
        Ok(())
    }

    fn find_list(&self, ca: Option<&StoredCertificate>) -> Result<Option<CurrentList>, String> {
        match ca {
            Some(ca) => CurrentList::find(ca, &self.layout, &self.inspected),
            None => Ok(None),
        }
    }

    fn need_list(&self, ca: &StoredCertificate) -> Result<CurrentList, String> {
        self.find_list(Some(ca))?.ok_or_else(|| {
            format!(
                "the revocation list is missing: `{}`; copy `crl.pem` from the folder of a running server, or make a new \
                 CA and new certificates for all with `{}`",
                shown(&self.layout.authority().join(LIST_FILE)),
                self.commands.new_ca()
            )
        })
    }

    /// Certificates without their CA must not get another one by accident.
    fn refuse_certificates_without_ca(&self) -> Result<(), String> {
        let count = self
            .inspected
            .iter()
            .filter(|one| one.certificate.is_some());
        match count.count() {
            0 => Ok(()),
            count => Err(format!(
                "the CA is missing: `{}`, and there are {count} certificates of one; bring it back from where it is \
                 kept, or make a new CA and new certificates for all with `{}`",
                shown(&self.layout.authority()),
                self.commands.new_ca()
            )),
        }
    }

    /// Returns the folders of those that the file names, in its order.
    pub(super) fn of_file(&self) -> impl Iterator<Item = &Inspected> {
        let names = |inspected: &&Inspected| self.declared.names(&inspected.holder);
        self.inspected.iter().filter(names)
    }

    /// Returns the folders of those that the file does not have.
    pub(super) fn departed(&self) -> impl Iterator<Item = &Inspected> {
        let names = |inspected: &&Inspected| !self.declared.names(&inspected.holder);
        self.inspected.iter().filter(names)
    }

    /// Returns a holder as `renew` and `revoke` take it: with its role if its name alone could mean
    /// somebody else.
    pub(super) fn name_of(&self, holder: &Holder) -> String {
        let all: Vec<&Holder> = self.inspected.iter().map(|one| &one.holder).collect();
        name_among(holder, &all)
    }

    /// Returns what to do about a damaged folder, after what is wrong with it.
    pub(super) fn refusal(&self, holder: &Holder, damage: &Damage) -> String {
        let remedy = match &damage.mend {
            Mend::Other(remedy) => remedy.clone(),
            Mend::Finish => format!("`{}` finishes it", self.commands.cert("", "")),
            Mend::NewPair if self.declared.names(holder) => format!(
                "`{}` makes a new certificate and key",
                self.commands.cert("renew", &self.name_of(holder))
            ),
            Mend::NewPair => "the file does not have it: move it away".to_owned(),
        };
        format!("{}; {remedy}", damage.what)
    }

    /// Makes a certificate and a key. Returns the certificate.
    pub(super) fn write(
        &self,
        issuing: &Issuing,
        inspected: &Inspected,
        writing: Writing,
        days: u32,
    ) -> Result<Certificate, String> {
        let Inspected { holder, folder, .. } = inspected;
        let network = self.declared.network();
        let address = self.declared.address(holder);
        let (issued, _) = issuing.ca.issue(network, holder, address, days)?;
        // The certificate comes last. A server that reads the folder in between finds a key that does
        // not fit, keeps what it had, and reads again at the next change, which follows at once.
        let files = [
            (CA_FILE, issuing.ca.text()),
            (LIST_FILE, issuing.list.text()),
            (KEY_FILE, &issued.key),
            (CERTIFICATE_FILE, &issued.certificate),
        ];
        // A `ca.pem` with this CA stays: somebody may have added another CA to it.
        let keeps_ca = inspected.is_of_ca && !inspected.lacks_ca;
        match writing {
            Writing::Fresh => write_folder(folder, &files)?,
            Writing::Over if keeps_ca => replace_files(folder, &files[1..])?,
            Writing::Over => replace_files(folder, &files)?,
        }
        let written = StoredCertificate::read(&folder.join(CERTIFICATE_FILE));
        let written = written.map_err(|error| said(&error))?;
        Ok(written.certificate().clone())
    }

    /// Brings the copies of the CA's certificate and list up to date. Returns the number of folders
    /// that were not.
    pub(super) fn refresh_copies(
        &self,
        issuing: &mut Issuing,
        printer: Printer,
    ) -> Result<usize, String> {
        if let Some(copy) = issuing.list.bring_home(&issuing.ca)? {
            let place = shown(&copy);
            let text = format!("the newest revocation list was taken from `{place}`");
            printer.marked('~', Colour::Yellow, &text);
        }
        let mut count = issuing.list.spread(&self.inspected)?;
        let lacks_ca = |one: &&Inspected| one.is_of_ca && one.lacks_ca;
        for inspected in self.inspected.iter().filter(lacks_ca) {
            replace_files(&inspected.folder, &[(CA_FILE, issuing.ca.text())])?;
            count += 1;
        }
        if count > 0 {
            let folders = counted(count, "folder");
            let text =
                format!("copies of the CA's certificate and list brought up to date in {folders}");
            printer.marked('~', Colour::Yellow, &text);
        }
        Ok(count)
    }

    /// Says whose certificate was put into its place after an interrupted run.
    pub(super) fn print_finished(&self, printer: Printer) {
        let is_finished = |one: &&Inspected| self.finished.contains(&one.holder);
        for inspected in self.inspected.iter().filter(is_finished) {
            let certificate = inspected.certificate.as_ref();
            let details = "an interrupted run had made its certificate, which is in place";
            printer.done(Action::Finished, &inspected.holder, certificate, details);
        }
    }

    /// Treats all folders as those of another CA.
    pub(super) fn forget_earlier_ca(&mut self) {
        for inspected in &mut self.inspected {
            inspected.is_of_ca = false;
            inspected.list = None;
        }
    }
}

/// Returns everybody whom the file names, in its order, and after them those who only have a place
/// in the folder.
pub(super) fn all_holders(
    declared: Option<&Declared>,
    layout: &Layout,
) -> Result<Vec<Holder>, String> {
    let mut holders = declared.map_or_else(Vec::new, |declared| declared.holders().to_vec());
    for holder in layout.holders()? {
        if !holders.contains(&holder) {
            holders.push(holder);
        }
    }
    Ok(holders)
}

/// Returns a holder as `renew` and `revoke` take it.
pub(super) fn name_among(holder: &Holder, all: &[&Holder]) -> String {
    let mut same = all.iter().filter(|other| other.name == holder.name);
    if same.any(|other| other.kind != holder.kind) {
        format!("{}:{}", holder.kind, holder.name)
    } else {
        holder.name.clone()
    }
}

/// Says so if certificates that were to be valid for so many days end with the CA, earlier than that.
pub(super) fn warn_if_cut_short(ca: &Ca, days: u32, printer: Printer) {
    const DAY: u64 = 24 * 3600;
    let end = ca.certificate().certificate().not_after;
    let asked = Time::now().0 + u64::from(days) * DAY;
    if asked > end.0 + DAY {
        printer.warning(&format!(
            "the CA ends at {end}, and so do the certificates that were made: no certificate outlives its CA"
        ));
    }
}
