//! Damaged or missing data folders, servers of another version, files that are too large, lost
//! messages.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{apply_values, values};
use crate::faults::proxy::Proxy;
use crate::harness::{Network, eventually};

/// Returns every file in a data folder, except the lock.
fn kept_files(data: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in ["", "objects", "generations"] {
        let mut folders = vec![data.join(name)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
                if entry.path().is_file() && entry.file_name() != "lock" {
                    files.push(entry.path());
                } else if !name.is_empty() && entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
    }
    files
}

#[test]
fn a_flipped_bit_in_any_file_is_reported_and_intact_services_are_served() {
    let mut network = Network::serving_two();
    apply_values(&network, [2, 1]);
    network
        .script("server1")
        .prepare_source("txn", "svc1", "def value():\n    return 5\n");
    let data = network.data("server1");
    eventually("outcomes are kept", || {
        data.join("outcomes.json").exists().then_some(())
    });
    network.server_mut("server1").kill();
    let files = kept_files(&data);
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let whole = std::fs::read(&file).expect("a file");
        for place in [0, whole.len() / 2, whole.len() - 2] {
            let mut spoilt = whole.clone();
            spoilt[place] ^= 0x10;
            std::fs::write(&file, &spoilt).expect("a written file");
            check_spoilt(&mut network, &file, place);
            std::fs::write(&file, &whole).expect("a written file");
        }
    }
}

/// Starts a server with a damaged file. Either it does not start and names the file, or it serves
/// the right value, or it reports the service as damaged and unavailable.
#[track_caller]
fn check_spoilt(network: &mut Network, file: &Path, place: usize) {
    let data = network.data("server1");
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    match crate::harness::ServerProcess::try_start(&data, &[]) {
        Err(error) => assert!(
            error.contains(&name) || error.contains("`generations/"),
            "{name}: {error}"
        ),
        Ok(server) => {
            network.adopt("server1", server);
            let answer = network.ask("server1", crate::harness::request("svc1", "value"));
            let refused = answer["value"]["exception-type"] == "Unavailable";
            assert!(
                refused || answer["value"]["return-values"] == json!([2]),
                "{name} at {place}: {answer}"
            );
            let status = network
                .script("server1")
                .ask("INIT-STATUS", json!({}))
                .expect("a status");
            let is_reported = status["damaged"] != json!([]);
            assert_eq!(refused, is_reported, "{name} at {place}: {status}");
            network
                .script("server1")
                .ask("INIT-HISTORY", json!({}))
                .expect("a history");
            network.server_mut("server1").kill();
        }
    }
}

#[test]
fn a_server_whose_data_was_deleted_gets_everything_again() {
    let mut network = Network::serving_two();
    network.server_mut("server1").kill();
    std::fs::remove_dir_all(network.data("server1")).expect("removed");
    network.start("server1", &[]);
    network
        .plan()
        .ends(3)
        .says("+ server1")
        .says("first generation")
        .says("= server2");
    network.apply().succeeds().says("1 server: 1 sent");
    assert_eq!(values(&network), [(1, 1), (1, 1)]);
}

#[test]
fn a_server_of_an_older_version_is_reported() {
    let mut network = Network::serving_two();
    let proxy = Proxy::before(network.release("server2"), |exchange| {
        let answer = exchange.forward()?;
        let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
        if let Some(result) = answer["value"]["result"].as_object_mut() {
            result.remove("protocol");
            result.insert("version".to_owned(), "0.0.9".into());
        }
        Some(answer.to_string().into_bytes())
    });
    let flags = ["--server", &proxy.place("server2")];
    for verb in ["plan", "apply", "status"] {
        let finished = network
            .initializer(&[&[verb, "init.yaml"][..], &flags].concat())
            .ends(1);
        finished.says("it runs rpc-server 0.0.9, which is older than this initializer: update it");
    }
    network.adopt("server2", proxy.end());
    assert_eq!(values(&network), [(1, 1); 2]);
}

#[test]
fn a_file_that_is_too_large_is_refused_before_anything_is_sent() {
    let network = Network::serving_two();
    let large = std::fs::File::create(network.path().join("one.py")).expect("a file");
    large.set_len(200 << 20).expect("a long file");
    let refused = network
        .initializer(&["apply", "init.yaml", "--no-sources"])
        .ends(1);
    refused.says("error[E082]: `one.py` is larger than 8 MiB");
    assert_eq!(values(&network), [(1, 1); 2]);
}

#[test]
fn a_lost_answer_leaves_the_servers_all_old_or_all_new_and_the_next_apply_succeeds() {
    let mut network = Network::serving_two();
    let mut value = 1;
    for header in [
        "INIT-STATUS",
        "INIT-MANIFEST",
        "INIT-LACKS",
        "INIT-BEGIN",
        "INIT-PUT",
        "INIT-PREPARE",
        "INIT-COMMIT",
        "INIT-PROBE",
    ] {
        value += 1;
        let before = values(&network).map(|(_, value)| value);
        network.write_value("one.py", value);
        network.write_value("two.py", value);
        let mut lost = false;
        let proxy = Proxy::before(network.release("server2"), move |exchange| {
            let answer = exchange.forward();
            if exchange.header == header && !lost {
                lost = true;
                return None;
            }
            answer
        });
        let applied =
            network.initializer(&["apply", "init.yaml", "--server", &proxy.place("server2")]);
        network.adopt("server2", proxy.end());
        let after = values(&network).map(|(_, value)| value);
        match applied.status {
            0 => assert_eq!(after, [value; 2], "{header}"),
            _ => assert_eq!(after, before, "{header}: {applied:#?}"),
        }
        assert_eq!(
            applied.status == 0,
            matches!(header, "INIT-COMMIT" | "INIT-PROBE"),
            "{header}"
        );
        network.apply().succeeds();
        assert_eq!(values(&network).map(|(_, value)| value), [value; 2]);
    }
}

#[test]
fn an_apply_of_a_source_that_hangs_on_import_changes_nothing() {
    let mut network = Network::of_two_servers();
    network.start("server1", &[]);
    network.start("server2", &[]);
    network.apply().succeeds();
    // Long enough for a worker to start on a busy machine.
    network.start("server1", &["--load-timeout", "2s"]);
    network.write(
        "one.py",
        "while True:\n    pass\n\n\ndef value():\n    return 2\n",
    );
    network.write_value("two.py", 2);
    network
        .apply()
        .ends(1)
        .says("one.py")
        .says("unchanged, since another server failed");
    assert_eq!(values(&network), [(1, 1); 2]);
}

#[test]
fn a_stalled_upload_blocks_other_applies_no_longer_than_its_lease() {
    use std::io::{Read as _, Write as _};
    let mut network = Network::of_two_servers();
    network.start("server1", &["--header-timeout", "300ms"]);
    network.start("server2", &[]);
    network.apply().succeeds();
    network.write_value("one.py", 2);
    let mut script = network.script("server1");
    let manifest = script.manifest_with_source("svc1", "def value():\n    return 2\n");
    script.begin("stalled", 1_000, &manifest).expect("begun");
    let mut stalled =
        std::net::TcpStream::connect(network.server("server1").address()).expect("a connection");
    let message =
        json!({ "header": "INIT-PUT", "value": { "id": 1, "txn": "stalled", "files": [] } })
            .to_string();
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    stalled
        .write_all(&[&length[..], &message.as_bytes()[..message.len() / 2]].concat())
        .expect("half a message");
    stalled
        .set_read_timeout(Some(crate::harness::PATIENCE))
        .expect("a socket option");
    let ended = stalled.read_to_end(&mut Vec::new());
    assert!(
        ended.is_ok()
            || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    );
    let applied = eventually("the lease runs out", || {
        Some(network.initializer(&["apply", "init.yaml"])).filter(|applied| applied.status == 0)
    });
    applied.says("server1 (generation 2): live");
    assert_eq!(values(&network), [(2, 2), (1, 1)]);
}
