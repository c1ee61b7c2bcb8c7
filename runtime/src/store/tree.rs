//! [`Tree`]: a service's files laid out as beside `init.yaml`, so that sources find their modules, their data and
//! themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Store, StoreError, remove_folder};
use crate::deploy::manifest::ServiceEntry;
use crate::deploy::sha256_hex;

/// A laid-out folder; dropping this removes it.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _ = remove_folder(&self.root);
    }
}

impl Store {
    /// Lays out the files of a service in a folder of its own. Every object is hashed on the way.
    ///
    /// # Errors
    /// A missing or damaged object, a failed write, or two contents for one path.
    pub fn build_tree(&self, service: &ServiceEntry) -> Result<Tree, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let tree = Tree { root: self.folder.join("trees").join(number.to_string()) };
        let failed = |error: std::io::Error| self.failed(format!("{}: {error}", tree.root.display()));
        fs::create_dir_all(&tree.root).map_err(failed)?;
        for (path, sha256) in self.layout(service)? {
            let file = tree.root.join(path);
            fs::create_dir_all(file.parent().unwrap_or(&tree.root)).map_err(failed)?;
            fs::write(&file, self.object(sha256)?).map_err(failed)?;
        }
        Ok(tree)
    }

    fn layout<'a>(&self, service: &'a ServiceEntry) -> Result<BTreeMap<&'a str, &'a str>, StoreError> {
        let mut layout = BTreeMap::new();
        for file in service.files() {
            let before = layout.insert(file.path.as_str(), file.sha256.as_str());
            if before.is_some_and(|before| before != file.sha256) {
                return Err(self.failed(format!("`{}` has two contents", file.path)));
            }
        }
        Ok(layout)
    }
}

/// The version of a service: a hash over all that its workers load. Workers of an unchanged version live on.
pub(crate) fn service_version(name: &str, service: &ServiceEntry) -> String {
    let content =
        (name, &service.rpcs, &service.modules, &service.data, &service.grants, service.concurrency);
    sha256_hex(&serde_json::to_vec(&content).unwrap_or_default())
}
