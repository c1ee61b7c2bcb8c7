//! Files that contain a deploy key: which files are accepted, and where a server keeps a copy of
//! its key for the tools of the same user.
//!
//! ```text
//! <data folder>/deploy.key                        made at the first start, if no key is given
//! $XDG_RUNTIME_DIR/rpc/<ip>-<port>.key            a copy of it, while the server runs
//! ~/.local/state/rpc/<ip>-<port>.key              the same copy, if XDG_RUNTIME_DIR is not set
//! ```
//!
//! Only their owner can read these files. A tool finds the copy by the address that it dials. No
//! path comes from a peer.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::proof::canonical;

/// Minimum number of bytes of a key.
pub const MIN_KEY_BYTES: usize = 16;

/// Maximum number of bytes of a key file. A longer file is not a key.
pub const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// Why a key file is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the deploy key {}: {error}", path.display())]
    Io {
        /// The failed operation: `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The key has fewer bytes than [`MIN_KEY_BYTES`].
    #[error("the deploy key {} has fewer than {MIN_KEY_BYTES} bytes", .0.display())]
    Short(PathBuf),
    /// The file has more bytes than [`MAX_KEY_FILE_BYTES`].
    #[error("the deploy key {} has more than {MAX_KEY_FILE_BYTES} bytes", .0.display())]
    Long(PathBuf),
    /// Other users can read or change the file.
    #[error("{}", open_to_others(.0))]
    Open(PathBuf),
    /// Other users can change the folder of the file.
    #[error("the folder {} is open to other users; run `chmod 700 {}`", .0.display(), .0.display())]
    OpenFolder(PathBuf),
    /// The file or its folder belongs to another user.
    #[error("{} belongs to another user", .0.display())]
    Foreign(PathBuf),
}

/// Returns the message that other users can read a key file, with the remedy.
pub fn open_to_others(path: &Path) -> String {
    let path = path.display();
    format!("the deploy key {path} is open to other users; run `chmod 600 {path}`")
}

/// Reads a key from a file that a user named. Returns the key without white space around it, and
/// whether other users can read or change the file.
///
/// # Errors
/// [`KeyFileError::Io`], [`KeyFileError::Short`], [`KeyFileError::Long`].
pub fn read(path: &Path) -> Result<(Vec<u8>, bool), KeyFileError> {
    let (file, metadata) = open(path, OFlags::empty())?;
    let key = read_key(file, path)?;
    Ok((key, is_open_to_others(&metadata)))
}

/// Reads a key from a file that no user named. The file must belong to this user, and no other user
/// may read or change it.
///
/// # Errors
/// A [`KeyFileError`].
pub fn read_private(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    // Without `NONBLOCK`, opening a pipe would wait for its other end.
    let (file, metadata) = open(path, OFlags::NONBLOCK)?;
    if !metadata.is_file() {
        return Err(io_failure(
            "read",
            path,
            io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"),
        ));
    }
    let key = read_key(file, path)?;
    if metadata.uid() != current_uid() {
        return Err(KeyFileError::Foreign(path.to_owned()));
    }
    if is_open_to_others(&metadata) {
        Err(KeyFileError::Open(path.to_owned()))
    } else {
        Ok(key)
    }
}

/// Writes a key to a file that only its owner can read. Replaces an existing file.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn write(path: &Path, key: &str) -> Result<(), KeyFileError> {
    let temporary = path.with_extension(format!("{}.part", std::process::id()));
    let write = || {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o600))?;
        file.write_all(format!("{key}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| io_failure("write", path, error))
}

/// Returns the folder of this user's copies: `$XDG_RUNTIME_DIR/rpc`, else `~/.local/state/rpc`.
/// Returns `None` if neither `XDG_RUNTIME_DIR` nor `HOME` is an absolute path.
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

/// The copy of a running server's key in a folder. Dropping it removes the file.
#[derive(Debug)]
pub struct KeyCopy {
    path: PathBuf,
    key: String,
}

impl KeyCopy {
    /// Writes a copy of the key of the server at `address`. Creates the folder if it is missing.
    ///
    /// # Errors
    /// A [`KeyFileError`]. Fails also if the folder belongs to another user, or if another user can
    /// change it.
    pub fn write(folder: &Path, address: SocketAddr, key: &str) -> Result<Self, KeyFileError> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.map_err(|error| io_failure("write", folder, error))?;
        check_folder(folder)?;
        let path = folder.join(file_name(address));
        write(&path, key)?;
        Ok(Self {
            path,
            key: key.to_owned(),
        })
    }
}

/// Removes the copy that a killed server at `address` left. Only the server that has the address
/// may call this.
pub fn remove_stale(folder: &Path, address: SocketAddr) {
    // Ignore failures: a copy that stays has another server's key, so its proof is refused.
    let _ = fs::remove_file(folder.join(file_name(address)));
}

impl Drop for KeyCopy {
    fn drop(&mut self) {
        // Another server may have taken the address since.
        let is_own_copy = open(&self.path, OFlags::empty())
            .and_then(|(file, _)| read_bytes(file, &self.path))
            .is_ok_and(|bytes| bytes.trim_ascii() == self.key.as_bytes());
        if is_own_copy {
            // Ignore failures: the key of a stopped server opens nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A key that was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// The file.
    pub path: PathBuf,
    /// The key.
    pub key: Vec<u8>,
}

/// Finds the key of the server at the address `dialled`, in the folder where servers of this user
/// keep copies. The copy is for this address, or for all addresses of this machine. Returns `None`
/// if there is no copy.
///
/// # Errors
/// Fails if there is a copy that is not accepted.
pub fn find(folder: &Path, dialled: SocketAddr) -> Result<Option<FoundKey>, KeyFileError> {
    let dialled = canonical(dialled);
    // A server may listen on all addresses of this machine. An address that can be bound belongs to
    // this machine.
    let unspecified: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let is_local = UdpSocket::bind((dialled.ip(), 0)).is_ok();
    let all_addresses = unspecified
        .into_iter()
        .filter(|_| is_local)
        .map(|ip| SocketAddr::new(ip, dialled.port()));
    for address in [dialled].into_iter().chain(all_addresses) {
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

/// Opens a file for reading, and returns it with its metadata.
fn open(path: &Path, flags: OFlags) -> Result<(File, Metadata), KeyFileError> {
    let open = || {
        let file = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        let metadata = file.metadata()?;
        Ok((file, metadata))
    };
    open().map_err(|error| io_failure("read", path, error))
}

fn read_key(file: File, path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let bytes = read_bytes(file, path)?;
    let key = bytes.trim_ascii();
    if key.len() < MIN_KEY_BYTES {
        Err(KeyFileError::Short(path.to_owned()))
    } else {
        Ok(key.to_vec())
    }
}

fn read_bytes(file: File, path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let mut bytes = Vec::new();
    // One more byte than allowed shows that the file is too long.
    match file.take(MAX_KEY_FILE_BYTES + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > MAX_KEY_FILE_BYTES => {
            Err(KeyFileError::Long(path.to_owned()))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(io_failure("read", path, error)),
    }
}

fn check_folder(folder: &Path) -> Result<(), KeyFileError> {
    let metadata = fs::metadata(folder).map_err(|error| io_failure("read", folder, error))?;
    if metadata.uid() != current_uid() {
        return Err(KeyFileError::Foreign(folder.to_owned()));
    }
    if metadata.mode() & 0o022 > 0 {
        Err(KeyFileError::OpenFolder(folder.to_owned()))
    } else {
        Ok(())
    }
}

/// Returns whether users other than the owner can read or change a file.
fn is_open_to_others(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o077 > 0
}

fn current_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn io_failure(verb: &'static str, path: &Path, error: io::Error) -> KeyFileError {
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
    fn a_copy_is_found_by_the_address_and_removed_with_the_server() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("rpc");
        let copy = KeyCopy::write(&folder, address("127.0.0.1:7101"), KEY).expect("a copy");
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
        let any = KeyCopy::write(&folder, address("0.0.0.0:7103"), KEY).expect("a copy");
        assert!(find("127.0.0.9:7103").is_some());
        assert_eq!(find("192.0.2.1:7103"), None, "another machine");
        drop((copy, any));
        assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0);
    }

    #[test]
    fn the_copy_of_a_later_server_at_the_same_address_is_kept() {
        let home = tempfile::tempdir().expect("a folder");
        chmod(home.path(), 0o700);
        let first = KeyCopy::write(home.path(), address("127.0.0.1:7101"), KEY).expect("a copy");
        let second = KeyCopy::write(
            home.path(),
            address("127.0.0.1:7101"),
            &KEY.replace('0', "1"),
        )
        .expect("a copy");
        drop(first);
        assert!(second.path.exists());
        remove_stale(home.path(), address("127.0.0.1:7102"));
        assert!(second.path.exists());
        remove_stale(home.path(), address("127.0.0.1:7101"));
        assert!(!second.path.exists());
    }

    #[test]
    fn a_copy_that_others_can_read_or_change_is_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("rpc");
        let copy = KeyCopy::write(&folder, address("127.0.0.1:7101"), KEY).expect("a copy");
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
        assert!(KeyCopy::write(&folder, address("127.0.0.1:7102"), KEY).is_err());
    }

    #[test]
    fn a_key_file_that_a_user_named_is_accepted_and_reported_as_open_to_others() {
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
    }

    #[test]
    fn a_key_file_is_neither_too_short_nor_too_long() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("key");
        let read = |bytes: usize| {
            fs::write(&path, "k".repeat(bytes)).expect("a write");
            let read = read(&path).map(|(key, _)| key.len());
            read.map_err(|error| error.to_string())
        };
        let longest = MAX_KEY_FILE_BYTES as usize;
        for (bytes, refusal) in [
            (MIN_KEY_BYTES - 1, Some("has fewer than 16 bytes")),
            (MIN_KEY_BYTES, None),
            (longest, None),
            (longest + 1, Some("has more than 65536 bytes")),
        ] {
            match (read(bytes), refusal) {
                (Ok(read), None) => assert_eq!(read, bytes),
                (Err(error), Some(refusal)) => assert!(error.ends_with(refusal), "{error}"),
                (other, _) => panic!("{bytes} bytes: {other:?}"),
            }
        }
    }

    #[test]
    fn a_private_key_file_must_be_a_regular_file() {
        let home = tempfile::tempdir().expect("a folder");
        let pipe = home.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
        for path in [&*pipe, home.path()] {
            let refused = read_private(path)
                .expect_err("not a regular file")
                .to_string();
            assert!(refused.ends_with("it is not a regular file"), "{refused}");
        }
    }
}
