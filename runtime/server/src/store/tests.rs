use std::collections::BTreeMap;

use super::*;
use deploy::manifest::{Changes, sample};
use deploy::manifest::{FileEntry, Manifest};
use deploy::message::Origin;
use deploy::participant::{Live, Outcome};

fn running(number: u64, manifest: Manifest) -> Generation {
    Generation {
        number,
        txn: format!("t{number}"),
        previous: number - 1,
        origin: Origin {
            at: number * 10,
            by: "ann@home".to_owned(),
            note: String::new(),
            watch: String::new(),
            rollback_to: String::new(),
        },
        from: "127.0.0.1".to_owned(),
        changes: Changes {
            new: 1,
            changed: 0,
            removed: 0,
            files: Vec::new(),
        },
        undid: String::new(),
        content: manifest.content_hash(),
        manifest,
    }
}

fn generation(number: u64) -> Generation {
    running(number, sample('a'))
}

/// Returns a generation whose procedure has this source.
fn with_source(number: u64, source: &[u8]) -> Generation {
    let mut manifest = sample('a');
    let service = manifest
        .services
        .get_mut("svc1")
        .expect("the sample's service");
    let path = "services/svc1/rpc1.py".to_owned();
    service.rpcs[0].source = Some(FileEntry {
        path,
        sha256: sha256_hex(source),
    });
    running(number, manifest)
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    (folder, store)
}

#[test]
fn the_last_committed_generation_is_current() {
    let (folder, store) = open();
    assert_eq!(store.current().expect("nothing yet"), None);
    store.commit(&generation(1)).expect("a commit");
    store.commit(&generation(2)).expect("a commit");
    drop(store);
    let store = Store::open(folder.path()).expect("the store again");
    assert_eq!(store.current().expect("a generation"), Some(generation(2)));
    assert_eq!(store.generation(1).expect("a generation"), generation(1));
    let history = store.history().expect("a history");
    let expected = [2, 1].map(|number| (format!("t{number}"), generation(number).past()));
    assert_eq!(history, expected);
}

#[test]
fn a_data_folder_is_used_by_one_server_at_a_time() {
    let (folder, store) = open();
    let second = Store::open(folder.path()).expect_err("in use");
    assert!(
        second.to_string().ends_with("another server is using it"),
        "{second}"
    );
    drop(store);
    Store::open(folder.path()).expect("free again");
}

#[test]
fn a_changed_byte_is_detected() {
    let (folder, store) = open();
    let hash = sha256_hex(b"code");
    assert!(!store.has_object(&hash) && !store.has_object("../../x"));
    store.put_object(&hash, b"code").expect("put");
    store.sync_objects().expect("sync");
    assert!(store.has_object(&hash));
    assert_eq!(store.object(&hash).expect("whole"), b"code");
    fs::write(store.object_path(&hash), b"cole").expect("spoil");
    assert!(store.object(&hash).is_err());
    store.commit(&generation(1)).expect("a commit");
    let path = folder.path().join("generations/1.json");
    let spoilt = fs::read_to_string(&path)
        .expect("a file")
        .replace("rpc1", "rpc2");
    fs::write(&path, spoilt).expect("spoil");
    assert!(
        store
            .current()
            .expect_err("damaged")
            .to_string()
            .contains("its hash has changed")
    );
}

#[test]
fn a_restart_keeps_the_prepared_transaction_and_the_outcomes() {
    let (folder, store) = open();
    assert_eq!(store.prepared().expect("nothing"), None);
    let prepared = PreparedTransaction {
        txn: "t".to_owned(),
        token: 7,
        holder: "ann".to_owned(),
        lease_ms: 1000,
        expected: Live::default(),
        origin: Origin::default(),
        from: "127.0.0.1".to_owned(),
        content: sample('a').content_hash(),
        manifest: sample('a'),
    };
    store.keep_prepared(&prepared).expect("kept");
    let outcomes = vec![
        ("s".to_owned(), Outcome::Aborted),
        ("t".to_owned(), Outcome::Committed { generation: 3 }),
    ];
    store.keep_outcomes(&outcomes).expect("kept");
    drop(store);
    let store = Store::open(folder.path()).expect("the store again");
    assert_eq!(store.prepared().expect("whole"), Some(prepared.clone()));
    assert_eq!(store.outcomes().expect("whole"), outcomes);
    store.forget_prepared().expect("forgotten");
    store.forget_prepared().expect("forgotten already");
    assert_eq!(store.prepared().expect("nothing"), None);
    store.keep_prepared(&prepared).expect("kept");
    let text = fs::read_to_string(folder.path().join("prepared.json")).expect("a file");
    fs::write(
        folder.path().join("prepared.json"),
        text.replace("client1", "client2"),
    )
    .expect("spoil");
    assert!(
        store
            .prepared()
            .expect_err("damaged")
            .to_string()
            .contains("its hash has changed")
    );
    fs::write(folder.path().join("prepared.json"), "{").expect("spoil");
    assert!(
        store
            .prepared()
            .expect_err("damaged")
            .to_string()
            .contains("`prepared.json` is damaged")
    );
}

#[test]
fn generations_that_are_no_longer_kept_are_removed_with_their_files() {
    let (_folder, store) = open();
    let sources: Vec<Vec<u8>> = (1..=6_u64)
        .map(|number| format!("# source {number}").into_bytes())
        .collect();
    let put = |source: &[u8]| store.put_object(&sha256_hex(source), source).expect("put");
    for (number, source) in (1..).zip(&sources[..5]) {
        put(source);
        store
            .commit(&with_source(number, source))
            .expect("a commit");
    }
    put(&sources[5]);
    let has_sources = |store: &Store| -> Vec<bool> {
        sources
            .iter()
            .map(|source| store.has_object(&sha256_hex(source)))
            .collect()
    };
    let live = with_source(5, &sources[4]);
    let staged = with_source(6, &sources[5]).manifest;
    let retention = |generations, bytes| Retention { generations, bytes };
    store
        .collect(&live, retention(10, 1000), Some(&staged))
        .expect("collected");
    assert_eq!(has_sources(&store), [true; 6]);
    let removed = store
        .collect(&live, retention(3, 1000), Some(&staged))
        .expect("collected");
    assert_eq!((removed.generations, removed.objects), (2, 2));
    assert_eq!(has_sources(&store), [false, false, true, true, true, true]);
    store
        .collect(&live, retention(3, 12), None)
        .expect("collected");
    assert_eq!(
        has_sources(&store),
        [false, false, false, true, true, false],
        "the live generation and the one before are always kept"
    );
    store
        .collect(&live, retention(0, 0), None)
        .expect("collected");
    assert_eq!(store.history().expect("a history").len(), 2);
}

/// Opens a store as a restarted server does. Returns the number of the live generation, and its
/// source.
fn read_after_restart(folder: &Path) -> Option<(u64, Vec<u8>)> {
    let store = Store::open(folder).expect("a store after a crash");
    let current = store.current().expect("whole");
    store
        .forget_unfinished(current.as_ref().map_or(0, |current| current.number))
        .expect("forgotten");
    let newest = store
        .history()
        .expect("a history")
        .first()
        .map(|(_, past)| past.generation);
    assert_eq!(
        newest,
        current.as_ref().map(|current| current.number),
        "the history has only generations that were live"
    );
    let current = current?;
    let files: Vec<String> = current
        .manifest
        .files()
        .into_iter()
        .map(str::to_owned)
        .collect();
    Some((current.number, store.object(&files[0]).expect("its source")))
}

/// Takes the steps of an apply as a server does, until one fails.
fn apply(store: &Store, number: u64, source: &[u8]) -> Result<(), StoreError> {
    let next = with_source(number, source);
    store.put_object(&sha256_hex(source), source)?;
    store.sync_objects()?;
    store.keep_prepared(&PreparedTransaction {
        txn: next.txn.clone(),
        token: 1,
        holder: String::new(),
        lease_ms: 1,
        expected: Live::default(),
        origin: next.origin.clone(),
        from: String::new(),
        content: next.content.clone(),
        manifest: next.manifest.clone(),
    })?;
    store.commit(&next)?;
    store.forget_prepared()?;
    store.keep_outcomes(&[(next.txn, Outcome::Committed { generation: number })])?;
    store
        .collect(
            &with_source(number, source),
            Retention {
                generations: 2,
                bytes: 1000,
            },
            None,
        )
        .map(drop)
}

/// Applies another generation after `live` ones, while the steps in `failing_steps` fail. Returns
/// whether the apply succeeded, what a restart finds, and how many steps were taken.
fn apply_with_faults(
    live: u64,
    failing_steps: std::ops::Range<usize>,
) -> (bool, Option<(u64, Vec<u8>)>, usize) {
    let (folder, store) = open();
    for number in 1..=live {
        apply(&store, number, format!("# {number}").as_bytes()).expect("an apply");
    }
    store.disk.faults.fail(failing_steps);
    let succeeded = apply(&store, live + 1, b"# next").is_ok();
    let taken = store.disk.faults.taken();
    drop(store);
    (succeeded, read_after_restart(folder.path()), taken)
}

#[test]
fn a_crash_at_any_step_leaves_the_old_generation_or_the_new_one_complete() {
    for live in [0, 1, 3] {
        let old = (live > 0).then(|| (live, format!("# {live}").into_bytes()));
        let new = Some((live + 1, b"# next".to_vec()));
        let (succeeded, found, steps) = apply_with_faults(live, usize::MAX..usize::MAX);
        assert!(succeeded && found == new && steps > 30, "{steps} steps");
        let mut new_by_step = BTreeMap::new();
        for step in 0..steps {
            let (succeeded, found, _) = apply_with_faults(live, step..usize::MAX);
            assert!(
                !succeeded,
                "an apply whose step {step} fails does not succeed"
            );
            assert!(
                found == old || found == new,
                "a crash at step {step} left {found:?}"
            );
            new_by_step.insert(step, found == new);
        }
        // The rename of the pointer separates the old generation from the new one.
        let first_new = new_by_step
            .values()
            .position(|is_new| *is_new)
            .expect("a crash that leaves the new generation");
        assert!(
            first_new > 10 && new_by_step.values().skip(first_new).all(|is_new| *is_new),
            "{new_by_step:?}"
        );
    }
}

#[test]
fn a_commit_on_a_full_disk_leaves_the_generation_that_its_result_tells() {
    for live in [0, 1, 3] {
        let old = (live > 0).then(|| (live, format!("# {live}").into_bytes()));
        let new = Some((live + 1, b"# next".to_vec()));
        let (_, _, steps) = apply_with_faults(live, usize::MAX..usize::MAX);
        for step in 0..steps {
            let (folder, store) = open();
            for number in 1..=live {
                apply(&store, number, format!("# {number}").as_bytes()).expect("an apply");
            }
            let next = with_source(live + 1, b"# next");
            store
                .put_object(&sha256_hex(b"# next"), b"# next")
                .expect("put");
            store.disk.faults.fail(step..step + 1);
            let committed = store.commit(&next).is_ok();
            drop(store);
            assert_eq!(
                read_after_restart(folder.path()),
                if committed { new.clone() } else { old.clone() },
                "step {step}"
            );
        }
    }
}

/// What a server reads of its data folder when it starts, as text. A part that is refused is the
/// text of its error.
fn read_all(folder: &Path, source: &str) -> Result<[String; 5], String> {
    let store = Store::open(folder).map_err(|error| error.to_string())?;
    store.history().expect("a list of generations");
    let text = |read: Result<String, StoreError>| read.unwrap_or_else(|error| error.to_string());
    Ok([
        text(store.current().map(|read| format!("{read:?}"))),
        text(store.generation(1).map(|read| format!("{read:?}"))),
        text(store.prepared().map(|read| format!("{read:?}"))),
        text(store.outcomes().map(|read| format!("{read:?}"))),
        text(store.object(source).map(|read| format!("{read:?}"))),
    ])
}

#[test]
fn a_flipped_byte_or_a_cut_of_any_file_is_named_or_changes_nothing() {
    let (folder, store) = open();
    let source = sha256_hex(b"# 2");
    for number in [1, 2] {
        apply(&store, number, format!("# {number}").as_bytes()).expect("an apply");
    }
    store
        .keep_prepared(&PreparedTransaction {
            txn: "t3".to_owned(),
            token: 1,
            holder: String::new(),
            lease_ms: 1,
            expected: Live::default(),
            origin: Origin::default(),
            from: String::new(),
            content: sample('b').content_hash(),
            manifest: sample('b'),
        })
        .expect("kept");
    drop(store);
    let whole = read_all(folder.path(), &source).expect("a store");
    let object = format!("objects/{}/{source}", &source[..2]);
    let files = [
        "current",
        "generations/1.json",
        "generations/2.json",
        "prepared.json",
        "outcomes.json",
        &object,
    ];
    for file in files {
        let path = folder.path().join(file);
        let bytes = fs::read(&path).expect(file);
        let check = |changed: &[u8], what: &str| {
            fs::write(&path, changed).expect("written");
            let found = read_all(folder.path(), &source).expect("a store");
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name");
            for (found, whole) in found.iter().zip(&whole) {
                // The pointer has the hash of the live generation, so either can be at fault.
                let is_named = found.contains(name) || found.contains("`generations/");
                assert!(found == whole || is_named, "{file}, {what}: {found}");
            }
        };
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            check(&flipped, &format!("byte {place} is flipped"));
            if place % 16 == 0 {
                check(&bytes[..place], &format!("cut at {place}"));
            }
        }
        fs::write(&path, &bytes).expect("written");
    }
}
