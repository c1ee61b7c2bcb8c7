//! A data folder with changed files: each part is read as it was written, or refused by name.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use deploy::manifest::{Manifest, sample};
use deploy::message::Origin;
use deploy::participant::{Live, Outcome};
use deploy::sha256_hex;
use server::fuzzing::{Generation, PreparedTransaction, Store};
use tempfile::TempDir;

use crate::Decisions;

const SOURCE: &[u8] = b"def rpc1(a):\n    return str(a)\n";

thread_local! {
    static FOLDER: RefCell<Option<DataFolder>> = const { RefCell::new(None) };
}

/// A data folder, and its files as they were written.
struct DataFolder {
    folder: TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// Changes files, and reads the folder as a server does when it starts.
pub fn run(input: &[u8]) {
    FOLDER.with_borrow_mut(|cached| {
        let folder = cached.get_or_insert_with(DataFolder::new);
        folder.check(Decisions::new(input));
    });
}

impl DataFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let hash = sha256_hex(SOURCE);
        store.put_object(&hash, SOURCE).expect("put");
        for number in 1..=3 {
            store.commit(&generation(number)).expect("committed");
        }
        store.keep_prepared(&prepared()).expect("kept");
        store.keep_outcomes(&outcomes()).expect("kept");
        store.deploy_key().expect("a key");
        drop(store);
        let mut files = Vec::new();
        collect(folder.path(), &mut files);
        Self { folder, files }
    }

    fn check(&self, mut decisions: Decisions<'_>) {
        let mut changed = Vec::new();
        for _ in 0..decisions.below(3) {
            let (path, whole) = &self.files[decisions.below(self.files.len())];
            let mut bytes = whole.clone();
            for _ in 0..=decisions.below(3) {
                decisions.mutate(&mut bytes);
            }
            let is_other = bytes != *whole;
            fs::write(path, bytes).expect("written");
            if decisions.once_in(8) {
                fs::remove_file(path).expect("removed");
                changed.push(path);
            } else if is_other {
                changed.push(path);
            }
        }
        self.read(&changed);
        for (path, whole) in &self.files {
            if changed.contains(&path) {
                fs::write(path, whole).expect("written");
                fs::set_permissions(path, Permissions::from_mode(0o600)).expect("set");
            }
        }
    }

    fn read(&self, changed: &[&PathBuf]) {
        let is_intact = |name: &str| !changed.iter().any(|path| path.ends_with(name));
        let store = match Store::open(self.folder.path()) {
            Ok(store) => store,
            Err(error) => {
                assert!(!is_intact("rpc-server-data"), "{error}");
                return;
            }
        };
        match store.current() {
            Ok(Some(current)) => assert_eq!(current, generation(current.number)),
            Ok(None) => assert!(!is_intact("current")),
            Err(error) => {
                let are_intact = is_intact("current") && is_intact("generations/3.json");
                assert!(!are_intact, "{error}");
            }
        }
        for number in 1..=3 {
            let read = store.generation(number);
            let is_intact = is_intact(&format!("generations/{number}.json"));
            match read {
                Ok(read) => assert_eq!(read, generation(number)),
                Err(error) => assert!(!is_intact, "{error}"),
            }
        }
        store.history().expect("a list");
        match store.prepared() {
            Ok(Some(read)) => assert_eq!(read, prepared()),
            Ok(None) => assert!(!is_intact("prepared.json")),
            Err(error) => assert!(!is_intact("prepared.json"), "{error}"),
        }
        match store.outcomes() {
            Ok(read) if read.is_empty() => assert!(!is_intact("outcomes.json")),
            Ok(read) => assert_eq!(read, outcomes()),
            Err(error) => assert!(!is_intact("outcomes.json"), "{error}"),
        }
        assert!(store.deploy_key().is_ok() || !is_intact("deploy.key"));
        let hash = sha256_hex(SOURCE);
        match store.object(&hash) {
            Ok(bytes) => assert_eq!(bytes, SOURCE),
            Err(error) => assert!(!is_intact(&hash), "{error}"),
        }
    }
}

fn prepared() -> PreparedTransaction {
    PreparedTransaction {
        txn: "4".repeat(16),
        token: 7,
        holder: "ann".to_owned(),
        lease_ms: 1000,
        expected: Live::default(),
        origin: Origin::default(),
        from: "127.0.0.1".to_owned(),
        content: manifest().content_hash(),
        manifest: manifest(),
    }
}

fn outcomes() -> [(String, Outcome); 1] {
    let outcome = Outcome::Committed { generation: 3 };
    [("3".repeat(16), outcome)]
}

fn manifest() -> Manifest {
    let mut manifest = sample('a');
    let service = manifest
        .services
        .get_mut("svc1")
        .expect("the sample's service");
    let source = service.rpcs[0]
        .source
        .as_mut()
        .expect("the sample's source");
    source.sha256 = sha256_hex(SOURCE);
    manifest
}

fn generation(number: u64) -> Generation {
    let manifest = manifest();
    Generation {
        number,
        txn: number.to_string().repeat(16),
        previous: number - 1,
        origin: Origin::default(),
        from: "127.0.0.1".to_owned(),
        changes: deploy::manifest::Changes::default(),
        undid: String::new(),
        content: manifest.content_hash(),
        manifest,
    }
}

/// Collects all files below a folder, except the lock.
fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if !path.ends_with("lock") {
            let bytes = fs::read(&path).expect("a file");
            files.push((path, bytes));
        }
    }
}
