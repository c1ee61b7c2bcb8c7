//! [`Tree`]: a service's files laid out as beside `init.yaml`, so that sources find their modules,
//! their data and themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{FILE_MODE, make_folder};
use super::{Store, StoreError, remove_folder};
use deploy::manifest::ServiceEntry;
use deploy::sha256_hex;

/// A service's files, laid out in a folder when that is first needed; dropping this removes it.
#[derive(Debug)]
pub struct Tree {
    store: Arc<Store>,
    root: PathBuf,
    files: Vec<Placed>,
    laid_out: Mutex<bool>,
}

#[derive(Debug)]
struct Placed {
    path: String,
    sha256: String,
    /// Code shares the object's bytes. Data has its own: a procedure that writes to it spoils no
    /// object.
    is_code: bool,
}

impl Tree {
    /// A tree of these files, which is not there yet.
    ///
    /// # Errors
    /// Two contents for one path.
    pub fn new(store: &Arc<Store>, service: &ServiceEntry) -> Result<Self, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = store.folder.join("trees").join(number.to_string());
        let data: BTreeSet<&str> = service.data.iter().map(|file| file.path.as_str()).collect();
        let mut layout = BTreeMap::new();
        for file in service.files() {
            let before = layout.insert(file.path.as_str(), file.sha256.as_str());
            if before.is_some_and(|before| before != file.sha256) {
                return Err(store.failed(format!("`{}` has two contents", file.path)));
            }
        }
        let placed = |(path, sha256): (&str, &str)| Placed {
            path: path.to_owned(),
            sha256: sha256.to_owned(),
            is_code: !data.contains(path),
        };
        let files = layout.into_iter().map(placed).collect();
        Ok(Self {
            store: Arc::clone(store),
            root,
            files,
            laid_out: Mutex::new(false),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Hashes every file.
    ///
    /// # Errors
    /// The first one that is missing or damaged.
    pub fn check(&self) -> Result<(), StoreError> {
        self.files
            .iter()
            .try_for_each(|file| self.store.object(&file.sha256).map(drop))
    }

    /// Lays the files out, unless they are. Every one is hashed on the way.
    ///
    /// # Errors
    /// A missing or damaged object, or a failed write.
    pub fn lay_out(&self) -> Result<(), StoreError> {
        let mut laid_out = self.laid_out.lock().unwrap_or_else(PoisonError::into_inner);
        if *laid_out {
            return Ok(());
        }
        let failed = |error: io::Error| {
            self.store
                .failed(format!("{}: {error}", self.root.display()))
        };
        // An attempt that failed may have left links, which must not be written through.
        remove_folder(&self.root).map_err(failed)?;
        make_folder(&self.root).map_err(failed)?;
        let mut made = BTreeSet::from([self.root.clone()]);
        for Placed {
            path,
            sha256,
            is_code,
        } in &self.files
        {
            let file = self.root.join(path);
            let folder = file.parent().unwrap_or(&self.root);
            if !made.contains(folder) {
                make_folder(folder).map_err(failed)?;
                made.insert(folder.to_owned());
            }
            let bytes = self.store.object(sha256)?;
            let linked = *is_code && fs::hard_link(self.store.object_path(sha256), &file).is_ok();
            if !linked {
                let mut options = File::options();
                let mut copy = options
                    .write(true)
                    .create_new(true)
                    .mode(FILE_MODE)
                    .open(&file)
                    .map_err(failed)?;
                copy.write_all(&bytes).map_err(failed)?;
            }
        }
        *laid_out = true;
        Ok(())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _ = remove_folder(&self.root);
    }
}

/// The version of a service: a hash over all that its workers load. Workers of an unchanged version
/// live on.
pub(crate) fn service_version(name: &str, service: &ServiceEntry) -> String {
    let content = (
        name,
        &service.rpcs,
        &service.modules,
        &service.data,
        &service.grants,
        service.concurrency,
    );
    sha256_hex(&serde_json::to_vec(&content).unwrap_or_default())
}
