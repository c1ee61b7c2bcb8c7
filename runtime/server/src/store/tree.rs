//! [`ServiceTree`]: the files of a service, laid out as beside `init.yaml`, so that sources find
//! their modules and data.

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

/// The files of a service in a folder. The folder is made when it is first needed. Dropping this
/// removes it.
#[derive(Debug)]
pub struct ServiceTree {
    store: Arc<Store>,
    root: PathBuf,
    child_program: PathBuf,
    files: Vec<TreeFile>,
    is_laid_out: Mutex<bool>,
}

#[derive(Debug)]
struct TreeFile {
    path: String,
    sha256: String,
    /// Code may be a hard link to the object. Data is always a copy, so that a procedure that
    /// writes to it does not damage the object.
    is_code: bool,
}

impl ServiceTree {
    /// Returns the tree of a service. The folder is not made yet.
    ///
    /// # Errors
    /// Returns an error if two files of the service have the same path and different contents.
    pub fn new(store: &Arc<Store>, service: &ServiceEntry) -> Result<Self, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = store.folder.join("trees").join(number.to_string());
        let child_program = store
            .folder
            .join("engine")
            .join(format!("service_{number}.py"));
        let data: BTreeSet<&str> = service.data.iter().map(|file| file.path.as_str()).collect();
        let mut layout = BTreeMap::new();
        for file in service.files() {
            let before = layout.insert(file.path.as_str(), file.sha256.as_str());
            if before.is_some_and(|before| before != file.sha256) {
                return Err(store.failed(format!("`{}` has two different contents", file.path)));
            }
        }
        let tree_file = |(path, sha256): (&str, &str)| TreeFile {
            path: path.to_owned(),
            sha256: sha256.to_owned(),
            is_code: !data.contains(path),
        };
        let files = layout.into_iter().map(tree_file).collect();
        Ok(Self {
            store: Arc::clone(store),
            root,
            child_program,
            files,
            is_laid_out: Mutex::new(false),
        })
    }

    /// Returns the path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of the program that `multiprocessing` runs first in the processes that the
    /// code of the service starts.
    pub fn child_program(&self) -> &Path {
        &self.child_program
    }

    /// Checks the hash of every file.
    ///
    /// # Errors
    /// Returns the first file that is missing or damaged.
    pub fn check(&self) -> Result<(), StoreError> {
        self.files
            .iter()
            .try_for_each(|file| self.store.object(&file.sha256).map(drop))
    }

    /// Makes the folder and the child program, if they are not made yet. Checks the hash of every
    /// file.
    ///
    /// # Errors
    /// Returns the first missing or damaged object, or the first failed write.
    pub fn lay_out(
        &self,
        child_program: impl FnOnce() -> io::Result<String>,
    ) -> Result<(), StoreError> {
        let mut is_laid_out = self
            .is_laid_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *is_laid_out {
            return Ok(());
        }
        let failed = |error: io::Error| {
            self.store
                .failed(format!("{}: {error}", self.root.display()))
        };
        // A failed attempt may have left hard links. Writing to one would damage the object.
        remove_folder(&self.root).map_err(failed)?;
        make_folder(&self.root).map_err(failed)?;
        let mut made_folders = BTreeSet::from([self.root.clone()]);
        for TreeFile {
            path,
            sha256,
            is_code,
        } in &self.files
        {
            let file = self.root.join(path);
            let folder = file.parent().unwrap_or(&self.root);
            if !made_folders.contains(folder) {
                make_folder(folder).map_err(failed)?;
                made_folders.insert(folder.to_owned());
            }
            let bytes = self.store.object(sha256)?;
            let is_linked =
                *is_code && fs::hard_link(self.store.object_path(sha256), &file).is_ok();
            if !is_linked {
                write_file(&file, &bytes).map_err(failed)?;
            }
        }
        // Ignore failures here: the file is there only after a failed attempt.
        let _ = fs::remove_file(&self.child_program);
        let program = child_program().map_err(failed)?;
        write_file(&self.child_program, program.as_bytes()).map_err(failed)?;
        *is_laid_out = true;
        Ok(())
    }
}

impl Drop for ServiceTree {
    fn drop(&mut self) {
        // Ignore failures here: the next start removes all trees.
        let _ = remove_folder(&self.root);
        let _ = fs::remove_file(&self.child_program);
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(bytes)
}

/// Returns the version of a service: the hash of everything that its workers load. If the version
/// is unchanged, an apply keeps the workers.
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
