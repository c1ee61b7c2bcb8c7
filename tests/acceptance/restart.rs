//! What a server remembers across restarts, and what it reports if its data folder is damaged.

use std::path::{Path, PathBuf};

use deploy::sha256_hex;
use serde_json::json;

use crate::harness::{
    Network, PATIENCE, ServerProcess, TWO_SERVERS, begin, finish, python, request, send_signal,
};

/// Returns an `init.yaml` with both services on `server1`, the only server.
fn both_on_one_server() -> String {
    let both = TWO_SERVERS.replace("provider: server2", "provider: server1");
    both.replace("    server2: { ip: 127.0.0.1, port: 2 }\n", "")
}

fn serving_both() -> Network {
    let mut network = Network::new(&both_on_one_server());
    network.write_value("one.py", 1);
    network.write_value("two.py", 2);
    network.start("server1", &[]);
    network.apply().succeeds();
    network
}

/// Returns where a server keeps a source.
fn object(data: &Path, source: &str) -> PathBuf {
    let hash = sha256_hex(source.as_bytes());
    data.join("objects").join(&hash[..2]).join(hash)
}

fn flip_a_byte(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).expect("a written file");
}

#[test]
fn a_start_that_fails_leaves_no_new_folder() {
    let network = Network::of_two_servers();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    std::fs::create_dir(network.path().join("empty")).expect("a folder");
    for (folder, was_there) in [("new", false), ("empty", true)] {
        for (arguments, words) in [
            (["--listen", &taken, "--python", python()], "cannot listen"),
            (
                ["--listen", "127.0.0.1:0", "--python", "/missing"],
                "/missing",
            ),
        ] {
            let arguments = [&arguments[..], &["--data", folder]].concat();
            network.server_program(&arguments).ends(1).says(words);
            let path = network.path().join(folder);
            assert_eq!(path.exists(), was_there);
            assert!(!was_there || std::fs::read_dir(path).expect("a folder").next().is_none());
        }
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_at_once() {
    let mut network = Network::serving_two();
    network.server_mut("server1").kill();
    for name in ["lock", "current", "outcomes.json", "generations/1.json"] {
        let file = network.data("server1").join(name);
        let kept = std::fs::read(&file).unwrap_or_default();
        std::fs::remove_file(&file).unwrap_or_default();
        let made = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(made.expect("mkfifo").success());
        if name == "outcomes.json" {
            // Without the outcomes, the server starts, and its log says why.
            network.start("server1", &[]);
            network.server("server1").logged(&["data damaged", name]);
            network.server_mut("server1").kill();
        } else {
            let error = refuses_to_start(&network, "server1");
            assert!(error.contains(name), "{error}");
        }
        std::fs::remove_file(&file).expect("removed");
        std::fs::write(&file, kept).expect("a file");
    }
    network.start("server1", &[]);
}

/// Starts a server on its data folder, where it must fail. Returns its error line.
#[track_caller]
fn refuses_to_start(network: &Network, server: &str) -> String {
    let data = network.data(server);
    let data = data.to_str().expect("a path");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--data",
        data,
        "--python",
        python(),
    ];
    let finished = network.server_program(&arguments).ends(1);
    assert_eq!(finished.stdout, "");
    let errors: Vec<&str> = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{finished:?}");
    errors[0].to_owned()
}

#[test]
fn a_server_serves_its_last_generation_again_however_it_ended() {
    let mut network = Network::serving_two();
    network.write_value("one.py", 2);
    network.apply().succeeds();
    network.server_mut("server1").kill();
    network.start("server1", &[]);
    assert_eq!(network.value("server1"), (2, 2));
    network.server("server1").signal("TERM");
    assert!(network.server_mut("server1").wait().success());
    network.start("server1", &[]);
    network.server("server1").logged(&[
        "generation live",
        "generation=2",
        "by=\"the data folder\"",
    ]);
    assert_eq!(network.value("server1"), (2, 2));
    network.apply().succeeds().says("nothing to do");
    network.write_value("one.py", 3);
    network.apply().succeeds();
    assert_eq!(
        network.value("server1"),
        (3, 3),
        "generations are numbered onward"
    );
}

#[test]
fn a_server_without_an_apply_is_still_empty_after_a_restart() {
    let mut network = Network::of_two_servers();
    network.start("server1", &[]);
    network.server_mut("server1").kill();
    network.start("server1", &[]);
    let answer = network.ask("server1", request("svc1", "value"));
    assert_eq!(answer["value"]["exception-type"], "Service Not Found");
}

#[test]
fn a_data_folder_serves_one_server_at_a_time() {
    let mut network = Network::of_two_servers();
    network.start("server1", &[]);
    let data = network.data("server1");
    let error = refuses_to_start(&network, "server1");
    assert_eq!(
        error,
        format!(
            "error: data folder {}: another server is using it",
            data.display()
        )
    );
    network.server_mut("server1").kill();
    network.start("server1", &[]);
}

#[test]
fn a_data_folder_belongs_to_one_server_of_the_network() {
    let mut network = Network::serving_two();
    let data = network.data("server2");
    network.server_mut("server1").kill();
    network.server_mut("server2").kill();
    let wrong = ServerProcess::start(&data, &[]);
    let place = format!("server1={}", wrong.address());
    network.start("server2-elsewhere", &[]);
    let other = format!("server2={}", network.server("server2-elsewhere").address());
    let applied = network
        .initializer(&["apply", "init.yaml", "--server", &place, "--server", &other])
        .ends(1);
    applied.says("this is server `server2`");
}

#[test]
fn a_service_whose_files_are_damaged_is_unavailable_and_the_others_serve() {
    for damage in [flip_a_byte, |file: &Path| {
        std::fs::remove_file(file).expect("removed");
    }] {
        let mut network = serving_both();
        network.server_mut("server1").kill();
        damage(&object(
            &network.data("server1"),
            "def value():\n    return 2\n",
        ));
        network.start("server1", &[]);
        network
            .server("server1")
            .logged(&["ERROR", "service damaged", "service=svc2"]);
        assert_eq!(network.value("server1"), (1, 1));
        let answer = network.ask("server1", request("svc2", "value"))["value"].clone();
        assert_eq!(
            (&answer["exception-type"], &answer["executed"]),
            (&json!("Unavailable"), &json!("no"))
        );
        let message = answer["exception-message"].as_str().expect("a message");
        assert!(
            message.contains("`svc2`") && message.contains("apply again"),
            "{message}"
        );
    }
}

#[test]
fn an_apply_of_the_same_file_repairs_damaged_files() {
    for damage in [flip_a_byte, |file: &Path| {
        std::fs::remove_file(file).expect("removed");
    }] {
        let mut network = serving_both();
        network.server_mut("server1").kill();
        damage(&object(
            &network.data("server1"),
            "def value():\n    return 2\n",
        ));
        network.start("server1", &[]);
        network.apply().succeeds().says("1 file");
        assert_eq!(
            network.ask("server1", request("svc2", "value"))["value"]["return-values"],
            json!([2])
        );
        network.server_mut("server1").kill();
        network.start("server1", &[]);
        assert_eq!(
            network.ask("server1", request("svc2", "value"))["value"]["return-values"],
            json!([2])
        );
    }
}

#[test]
fn an_apply_of_another_file_repairs_damaged_files() {
    let mut network = serving_both();
    network.server_mut("server1").kill();
    flip_a_byte(&object(
        &network.data("server1"),
        "def value():\n    return 2\n",
    ));
    network.start("server1", &[]);
    // The changed service still needs the damaged file.
    network.write(
        "init.yaml",
        &(both_on_one_server() + "      - { name: more, returns: int, path: more.py }\n"),
    );
    network.write("more.py", "def more():\n    return 3\n");
    network.apply().succeeds();
    for (rpc, value) in [("value", 2), ("more", 3)] {
        assert_eq!(
            network.ask("server1", request("svc2", rpc))["value"]["return-values"],
            json!([value])
        );
    }
}

#[test]
fn a_damaged_pointer_or_generation_is_an_error_that_names_the_file() {
    let mut network = Network::serving_two();
    network.server_mut("server1").kill();
    let data = network.data("server1");
    let current = data.join("current");
    let generation = data.join("generations/1.json");
    let pointer = std::fs::read(&current).expect("a file");
    let manifest = std::fs::read(&generation).expect("a file");
    for (file, content, words) in [
        (&current, &b""[..], "`current` is damaged"),
        (&current, b"1\n", "`current` is damaged"),
        (&current, b"one 00\n", "`current` is damaged"),
        (&current, b"\xff\xfe 00\n", "`current`"),
        (&current, b"7 00\n", "`generations/7.json`: "),
        (
            &current,
            b"1 00\n",
            "`generations/1.json` is damaged: its hash has changed",
        ),
        (
            &generation,
            b"",
            "`generations/1.json` is damaged: its hash has changed",
        ),
        (
            &generation,
            &manifest[1..],
            "`generations/1.json` is damaged: its hash has changed",
        ),
    ] {
        std::fs::write(file, content).expect("a written file");
        let error = refuses_to_start(&network, "server1");
        assert!(
            error.starts_with(&format!("error: data folder {}: ", data.display())),
            "{error}"
        );
        assert!(error.contains(words), "{words}\n{error}");
        std::fs::write(&current, &pointer).expect("a written file");
        std::fs::write(&generation, &manifest).expect("a written file");
    }
    std::fs::remove_file(&generation).expect("removed");
    assert!(refuses_to_start(&network, "server1").contains("`generations/1.json`: "));
    std::fs::write(&generation, &manifest).expect("a written file");
    network.start("server1", &[]);
    assert_eq!(network.value("server1"), (1, 1));
}

#[test]
fn a_service_manager_is_told_when_the_server_is_ready_and_when_it_stops() {
    let network = Network::new("network: {}\n");
    let path = network.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let arguments = ["--listen", "127.0.0.1:0", "--data", "data"];
    let mut command = network.command(env!("CARGO_BIN_EXE_rpc-server"), &arguments);
    command.env("NOTIFY_SOCKET", &path);
    let server = begin(command);
    let state = || {
        let mut bytes = [0; 64];
        let count = socket.recv(&mut bytes).expect("a datagram");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert_eq!(state(), "READY=1");
    send_signal(server.id(), "TERM");
    assert_eq!(state(), "STOPPING=1");
    let finished = finish(server).ends(0);
    assert!(finished.stdout.starts_with("listening on 127.0.0.1:"));
}
