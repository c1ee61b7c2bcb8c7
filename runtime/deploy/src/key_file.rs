//! Files that hold a deploy key: which are taken, and where a server keeps the copy that its user's
//! tools find.
//!
//! ```text
//! <data folder>/deploy.key                        made at the first start, where no key is given
//! $XDG_RUNTIME_DIR/rpc/<ip>-<port>.key            a copy of it, while the server runs
//! ~/.local/state/rpc/<ip>-<port>.key              the same where there is no XDG_RUNTIME_DIR
//! ```
//!
//! All are readable by their owner alone. A tool finds the copy by the address that it dials: no
//! path comes from a peer.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::proof::canonical;

/// Minimum number of bytes of a key.
pub const MIN_KEY_BYTES: usize = 16;

/// Maximum number of bytes of a file that holds a key.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Why a key file is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("cannot {verb} the deploy key {}: {error}", path.display())]
    Io {
        /// What was tried: `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It has fewer bytes than [`MIN_KEY_BYTES`].
    #[error("the deploy key {} has fewer than {MIN_KEY_BYTES} bytes", .0.display())]
    Short(PathBuf),
    /// Others can read or change it.
    #[error("{}", open_to_others(.0))]
    Open(PathBuf),
    /// Others can change the folder that it is in.
    #[error("the folder {} is open to other users; run `chmod 700 {}`", .0.display(), .0.display())]
    OpenFolder(PathBuf),
    /// It belongs to another user.
    #[error("{} belongs to another user", .0.display())]
    Foreign(PathBuf),
}

/// Says that others can read a key file, and what to do.
pub fn open_to_others(path: &Path) -> String {
    let path = path.display();
    format!("the deploy key {path} is open to other users; run `chmod 600 {path}`")
}

/// A key from a file that a user named, and whether others can read that file. White space around
/// the key does not count.
///
/// # Errors
/// [`KeyFileError::Io`], [`KeyFileError::Short`].
pub fn read(path: &Path) -> Result<(Vec<u8>, bool), KeyFileError> {
    let (key, metadata) = read_key(path)?;
    Ok((key, is_open(&metadata)))
}

fn read_key(path: &Path) -> Result<(Vec<u8>, Metadata), KeyFileError> {
    let (bytes, metadata) = read_bytes(path)?;
    let key = bytes.trim_ascii();
    if key.len() < MIN_KEY_BYTES {
        return Err(KeyFileError::Short(path.to_owned()));
    }
    Ok((key.to_vec(), metadata))
}

/// A key from a file that nobody named: it must be this user's, and closed to all others.
///
/// # Errors
/// A [`KeyFileError`].
pub fn read_private(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    // Opening a pipe would wait for its other end.
    let found = fs::metadata(path).map_err(|error| failed("read", path, error))?;
    if !found.is_file() {
        return Err(failed(
            "read",
            path,
            io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"),
        ));
    }
    let (key, metadata) = read_key(path)?;
    if metadata.uid() != user() {
        return Err(KeyFileError::Foreign(path.to_owned()));
    }
    if is_open(&metadata) {
        Err(KeyFileError::Open(path.to_owned()))
    } else {
        Ok(key)
    }
}

/// Writes a key to a file that its owner alone can read, in place of what is there.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn write(path: &Path, key: &str) -> Result<(), KeyFileError> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let write = || {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o600))?;
        file.write_all(format!("{key}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| failed("write", path, error))
}

/// The folder of this user's copies: `$XDG_RUNTIME_DIR/rpc`, else `~/.local/state/rpc`; `None`
/// where neither variable is set.
pub fn folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    variable("XDG_RUNTIME_DIR")
        .map(|folder| folder.join("rpc"))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/rpc")))
}

/// The copy of a server's key in a folder, while the server runs. It is removed when this is
/// dropped.
#[derive(Debug)]
pub struct KeyCopy {
    path: PathBuf,
    key: String,
}

impl KeyCopy {
    /// Keeps a copy for the server at that address. The folder is made where it is missing.
    ///
    /// # Errors
    /// A [`KeyFileError`]; a folder that belongs to, or can be changed by, another user is none.
    pub fn keep(folder: &Path, address: SocketAddr, key: &str) -> Result<Self, KeyFileError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| failed("write", folder, error))?;
        check_folder(folder)?;
        let path = folder.join(file_name(address));
        write(&path, key)?;
        Ok(Self {
            path,
            key: key.to_owned(),
        })
    }
}

/// Removes the copy that a server left at that address when it was killed. Whoever calls this has
/// the address now.
pub fn forget(folder: &Path, address: SocketAddr) {
    // Where there is none, or it cannot be removed, a tool that finds it is told that it is another
    // server's.
    let _ = fs::remove_file(folder.join(file_name(address)));
}

impl Drop for KeyCopy {
    fn drop(&mut self) {
        // Another server may have taken the address since.
        let is_ours = read_bytes(&self.path)
            .is_ok_and(|(bytes, _)| bytes.trim_ascii() == self.key.as_bytes());
        if is_ours {
            // It is of no more use, whether it can be removed or not.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A key that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// The file.
    pub path: PathBuf,
    /// The key.
    pub key: Vec<u8>,
}

/// The key of the server that is dialled at that address, where a server of this user keeps a copy
/// in the folder: for this address, or for all addresses of this machine.
///
/// # Errors
/// A copy that is there and cannot be taken.
pub fn find(folder: &Path, dialled: SocketAddr) -> Result<Option<FoundKey>, KeyFileError> {
    let dialled = canonical(dialled);
    // A server that listens at every address of this machine. An address that can be bound is one
    // of them.
    let every: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let is_here = UdpSocket::bind((dialled.ip(), 0)).is_ok();
    let every = every
        .into_iter()
        .filter(|_| is_here)
        .map(|ip| SocketAddr::new(ip, dialled.port()));
    for address in [dialled].into_iter().chain(every) {
        let path = folder.join(file_name(address));
        match read_private(&path) {
            Err(KeyFileError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
            read => {
                check_folder(folder)?;
                return read.map(|key| Some(FoundKey { path, key }));
            }
        }
    }
    Ok(None)
}

fn file_name(address: SocketAddr) -> String {
    let address = canonical(address);
    format!("{}-{}.key", address.ip(), address.port())
}

fn read_bytes(path: &Path) -> Result<(Vec<u8>, Metadata), KeyFileError> {
    let read = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        Ok((bytes, metadata))
    };
    read().map_err(|error| failed("read", path, error))
}

fn check_folder(folder: &Path) -> Result<(), KeyFileError> {
    let metadata = fs::metadata(folder).map_err(|error| failed("read", folder, error))?;
    if metadata.uid() != user() {
        return Err(KeyFileError::Foreign(folder.to_owned()));
    }
    if metadata.mode() & 0o022 > 0 {
        Err(KeyFileError::OpenFolder(folder.to_owned()))
    } else {
        Ok(())
    }
}

/// Whether others than the owner can read or change a file.
fn is_open(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o077 > 0
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn failed(verb: &'static str, path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::Io {
        verb,
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a chmod");
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn a_copy_is_found_by_the_address_and_gone_with_the_server() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("rpc");
        let copy = KeyCopy::keep(&folder, address("127.0.0.1:7101"), KEY).expect("a copy");
        assert_eq!((mode(&folder), mode(&copy.path)), (0o700, 0o600));
        let find = |text| {
            find(&folder, address(text))
                .expect("no error")
                .map(|found| found.key)
        };
        assert_eq!(find("127.0.0.1:7101").as_deref(), Some(KEY.as_bytes()));
        assert_eq!(
            find("[::ffff:127.0.0.1]:7101").as_deref(),
            Some(KEY.as_bytes())
        );
        assert_eq!(
            (find("127.0.0.1:7102"), find("127.0.0.2:7101")),
            (None, None)
        );
        let any = KeyCopy::keep(&folder, address("0.0.0.0:7103"), KEY).expect("a copy");
        assert!(find("127.0.0.9:7103").is_some());
        assert_eq!(find("192.0.2.1:7103"), None, "another machine");
        drop((copy, any));
        assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0);
    }

    #[test]
    fn a_server_that_took_the_address_over_keeps_its_copy() {
        let home = tempfile::tempdir().expect("a folder");
        chmod(home.path(), 0o700);
        let first = KeyCopy::keep(home.path(), address("127.0.0.1:7101"), KEY).expect("a copy");
        let second = KeyCopy::keep(
            home.path(),
            address("127.0.0.1:7101"),
            &KEY.replace('0', "1"),
        )
        .expect("a copy");
        drop(first);
        assert!(second.path.exists());
        forget(home.path(), address("127.0.0.1:7102"));
        assert!(second.path.exists());
        forget(home.path(), address("127.0.0.1:7101"));
        assert!(!second.path.exists());
    }

    #[test]
    fn what_others_can_read_or_change_is_no_copy() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("rpc");
        let copy = KeyCopy::keep(&folder, address("127.0.0.1:7101"), KEY).expect("a copy");
        chmod(&copy.path, 0o640);
        let open = find(&folder, address("127.0.0.1:7101"))
            .expect_err("others can read it")
            .to_string();
        assert!(
            open.contains("is open to other users; run `chmod 600 "),
            "{open}"
        );
        chmod(&copy.path, 0o600);
        chmod(&folder, 0o777);
        assert!(matches!(
            find(&folder, address("127.0.0.1:7101")),
            Err(KeyFileError::OpenFolder(_))
        ));
        assert!(KeyCopy::keep(&folder, address("127.0.0.1:7102"), KEY).is_err());
    }

    #[test]
    fn a_key_that_a_user_named_is_taken_and_told_to_be_open() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("key");
        fs::write(&path, format!("  {KEY}\n")).expect("a write");
        chmod(&path, 0o644);
        assert_eq!(read(&path).expect("a key"), (KEY.as_bytes().to_vec(), true));
        chmod(&path, 0o600);
        assert_eq!(
            read(&path).expect("a key"),
            (KEY.as_bytes().to_vec(), false)
        );
        fs::write(&path, "short").expect("a write");
        assert!(matches!(read(&path), Err(KeyFileError::Short(_))));
    }
}
