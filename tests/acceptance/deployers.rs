//! Who may deploy: clients that prove that they have the server's deploy key.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use deploy::key_file::KeyCopy;
use serde_json::{Value, json};

use crate::harness::{
    Finished, Network, PATIENCE, Script, ServerProcess, begin, finish, python, scripted,
};

const KEY: &str = "a key of this network\n";

/// Starts a server with [`KEY`] and one generation. The source of the next generation is written.
fn with_key() -> Network {
    let mut network =
        Network::with_procedures(&[("value", "", "int", "def value():\n    return 1\n")]);
    let key = network.write("key.txt", KEY);
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a chmod");
    network.start("server1", &["--deploy-key", key.to_str().expect("a path")]);
    network
        .initializer(&["apply", "init.yaml", "--deploy-key", "key.txt"])
        .succeeds();
    network.write("p0.py", "def value():\n    return 2\n");
    network
}

#[test]
fn the_same_user_on_the_same_machine_needs_no_key_flag_and_others_are_refused() {
    let mut network = Network::serving(&[("value", "", "int", "def value():\n    return 1\n")]);
    let address = network.server("server1").address();
    let copy = network
        .server("server1")
        .key_folder()
        .join(format!("127.0.0.1-{}.key", address.port()));
    let own = network.data("server1").join("deploy.key");
    for file in [&own, &copy] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    network.write("p0.py", "def value():\n    return 2\n");
    let refused = |finished: Finished| {
        finished
            .ends(1)
            .says("this server asks for its deploy key: give --deploy-key");
    };
    let mut command = network.command(env!("CARGO_BIN_EXE_initializer"), &["apply", "init.yaml"]);
    command.env("XDG_RUNTIME_DIR", network.path().join("of-somebody-else"));
    refused(finish(begin(command)));
    std::fs::set_permissions(&copy, Permissions::from_mode(0o644)).expect("a chmod");
    network
        .apply()
        .ends(1)
        .says("is open to other users; run `chmod 600 ");
    assert_eq!(network.value("server1"), (1, 1), "nothing has changed");
    std::fs::remove_file(&copy).expect("the copy");
    refused(network.apply());
    network
        .initializer(&[
            "apply",
            "init.yaml",
            "--deploy-key",
            "data-server1/deploy.key",
        ])
        .succeeds();
    assert_eq!(network.value("server1"), (2, 2));
    network.start("server1", &[]);
    network
        .apply()
        .succeeds()
        .says("nothing to do, nothing sent");
    network.server("server1").signal("TERM");
    assert!(network.server_mut("server1").wait().success());
    assert_eq!(
        std::fs::read_dir(copy.parent().expect("a folder"))
            .expect("the folder")
            .count(),
        0
    );
}

#[test]
fn a_data_folder_is_private_under_any_umask_and_a_readable_key_is_refused() {
    let mut network =
        Network::with_procedures(&[("value", "", "int", "def value():\n    return 1\n")]);
    let server = env!("CARGO_BIN_EXE_rpc-server");
    let data = network.data("server1");
    let start = format!(
        "umask 0; exec {server} --listen 127.0.0.1:0 --data {} --python {}",
        data.display(),
        python()
    );
    let mut child = network
        .command("sh", &["-c", &start])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a line");
    let place = format!(
        "server1={}",
        line.trim().trim_start_matches("listening on ")
    );
    let applied = network.initializer(&["apply", "init.yaml", "--server", &place]);
    let mut modes = Vec::new();
    collect_modes(&data, &mut modes);
    child
        .kill()
        .and_then(|()| child.wait())
        .expect("the end of the server");
    applied.succeeds();
    assert!(modes.len() > 10, "{modes:?}");
    for (path, mode) in modes {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert!(
            !path.exists() || mode == expected,
            "{}: {mode:o}",
            path.display()
        );
    }
    std::fs::set_permissions(data.join("deploy.key"), Permissions::from_mode(0o640))
        .expect("a chmod");
    let refused = ServerProcess::try_start(&data, &[])
        .err()
        .expect("a refusal");
    assert!(
        refused.contains("is open to other users; run `chmod 600 "),
        "{refused}"
    );
    std::fs::set_permissions(data.join("deploy.key"), Permissions::from_mode(0o600))
        .expect("a chmod");
    network.start("server1", &[]);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .expect("an existing file")
        .permissions()
        .mode()
        & 0o777
}

fn collect_modes(path: &Path, modes: &mut Vec<(PathBuf, u32)>) {
    modes.push((path.to_owned(), mode(path)));
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            collect_modes(&entry.expect("an entry").path(), modes);
        }
    }
}

#[test]
fn a_folder_with_other_files_is_refused_as_data_folder() {
    let network = Network::of_two_servers();
    network.write("theirs/engine/precious.txt", "kept");
    for folder in ["theirs", "."] {
        let refused = network
            .server_program(&["--listen", "127.0.0.1:0", "--data", folder])
            .ends(1);
        refused.says("it holds other files and is not the data folder of an rpc-server");
    }
    assert_eq!(
        std::fs::read_to_string(network.path().join("theirs/engine/precious.txt")).expect("kept"),
        "kept"
    );
}

/// An impostor listens on the port of a stopped server, and relays an initializer's bytes to a
/// running server.
#[test]
fn a_proof_cannot_be_relayed_to_another_server() {
    let network = Network::serving_two();
    let victim = network.server("server1").address();
    let impostor = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("server1={}", impostor.local_addr().expect("an address"));
    let relaying = std::thread::spawn(move || {
        let (initializer, _) = impostor.accept().expect("the initializer");
        let server = TcpStream::connect(victim).expect("the victim");
        let pump = |mut from: TcpStream, mut to: TcpStream| {
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            })
        };
        let to_initializer = initializer.try_clone().expect("a descriptor");
        let from_server = server.try_clone().expect("a descriptor");
        let pumps = [pump(initializer, server), pump(from_server, to_initializer)];
        pumps.map(|pump| pump.join().expect("a pump"))
    });
    network.write_value("one.py", 2);
    let key = ["--deploy-key", "data-server1/deploy.key"];
    let refused = network.initializer(
        &[
            &[
                "apply",
                "init.yaml",
                "--only",
                "server1",
                "--server",
                &place,
            ],
            &key[..],
        ]
        .concat(),
    );
    refused.ends(1).says("at another address than 127.0.0.1:");
    relaying.join().expect("the impostor");
    network
        .server("server1")
        .logged(&["deployment refused", "at another address"]);
    assert_eq!(network.value("server1"), (1, 1), "nothing has changed");
}

#[test]
fn an_impostor_without_the_key_gets_no_code() {
    let network = Network::serving(&[("value", "", "int", "def value():\n    return 1\n")]);
    let key = network.server("server1").deploy_key();
    let (address, playing) = scripted(1, move |_, far| {
        for result in [
            json!({ "nonce": "0".repeat(32) }),
            json!({ "proof": "0".repeat(64) }),
        ] {
            far.next_bytes().expect("a message");
            far.send_text(
                &json!({ "header": "INIT-RES", "value": { "result": result } }).to_string(),
            );
        }
        assert!(
            far.next_bytes().is_none(),
            "the initializer sends nothing more"
        );
    });
    let _copy = KeyCopy::write(
        &network.server("server1").key_folder(),
        address,
        str::from_utf8(&key).expect("text"),
    );
    let refused = network
        .initializer(&[
            "apply",
            "init.yaml",
            "--server",
            &format!("server1={address}"),
        ])
        .ends(1);
    refused.says("it does not have the deploy key of this server, so nothing is sent to it");
    playing.join().expect("the impostor");
}

#[test]
fn an_initializer_gives_up_a_silent_port_after_five_seconds() {
    let network = Network::of_two_servers();
    let (address, playing) = scripted(1, |_, far| far.expect_end());
    let place = format!("server1={address}");
    let begin = Instant::now();
    let refused = network
        .initializer(&["plan", "init.yaml", "--server", &place])
        .ends(1);
    assert!(begin.elapsed() < PATIENCE);
    refused
        .says("server `server1` at ")
        .says("it did not answer within 5s: it is not an rpc-server, or it hangs");
    playing.join().expect("one connection");
}

#[test]
fn a_server_is_dialled_at_the_address_it_advertises() {
    let mut network =
        Network::with_procedures(&[("value", "", "int", "def value():\n    return 1\n")]);
    let front = TcpListener::bind("127.0.0.1:0").expect("a port");
    let advertised = front.local_addr().expect("an address");
    network.start("server1", &["--advertise", &advertised.to_string()]);
    let behind = network.server("server1").address();
    std::thread::spawn(move || {
        for near in front.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(behind).expect("the server");
            let pump = |mut from: TcpStream, mut to: TcpStream| {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to))
            };
            pump(
                near.try_clone().expect("a descriptor"),
                far.try_clone().expect("a descriptor"),
            );
            pump(far, near);
        }
    });
    let place = format!("server1={advertised}");
    network
        .initializer(&["apply", "init.yaml", "--server", &place])
        .succeeds();
    assert_eq!(network.value("server1"), (1, 1));
}

#[test]
fn an_initializer_with_the_key_of_a_server_may_deploy_to_it() {
    let network = with_key();
    network.write("other.txt", "some other key of this size");
    network.write("copy.txt", &format!("  {}", KEY.trim()));
    for verb in ["plan", "apply"] {
        let without = network.initializer(&[verb, "init.yaml"]).ends(1);
        without
            .says("server `server1` at ")
            .says("this server asks for its deploy key: give --deploy-key");
        let wrong = network
            .initializer(&[verb, "init.yaml", "--deploy-key", "other.txt"])
            .ends(1);
        wrong
            .says("server `server1` at ")
            .says("the deploy key is not this server's");
    }
    network
        .server("server1")
        .logged(&["WARN", "deployment refused", "peer=127.0.0.1:"]);
    assert_eq!(
        network.value("server1"),
        (1, 1),
        "calls need no key, and nothing has changed"
    );
    let applied = network
        .initializer(&["apply", "init.yaml", "--deploy-key", "copy.txt"])
        .succeeds();
    applied
        .says("warning: the deploy key copy.txt is open to other users; run `chmod 600 copy.txt`");
    assert_eq!(
        network.value("server1"),
        (2, 2),
        "white space around a key is ignored"
    );
}

#[test]
fn a_proof_is_valid_for_one_challenge_on_one_connection() {
    let network = with_key();
    let key = KEY.trim().as_bytes();
    let address = network.server("server1").address();
    let stranger = || Script::stranger(address);
    let mut script = stranger();
    let kind = |answer: Result<Value, Value>| answer.expect_err("a refusal")["kind"].clone();
    let nothing = json!({});
    for header in ["INIT-STATUS", "INIT-RESTART"] {
        assert_eq!(kind(script.ask(header, nothing.clone())), "not-allowed");
    }
    assert_eq!(
        kind(script.ask("INIT-CHALLENGE", json!({ "nonce": "" }))),
        "malformed"
    );
    assert_eq!(
        kind(script.ask("INIT-PROVE", json!({ "proof": "" }))),
        "not-allowed",
        "there was no challenge"
    );
    let first = script.challenge();
    let second = script.challenge();
    assert_ne!(first, second);
    let prove_as =
        |script: &mut Script, server_nonce: &str| script.prove_nonce(key, address, server_nonce);
    assert_eq!(
        kind(prove_as(&mut script, &first)),
        "not-allowed",
        "a later challenge replaced the nonce"
    );
    assert_eq!(
        kind(prove_as(&mut script, &second)),
        "not-allowed",
        "each challenge allows one attempt"
    );
    script.expect_end();
    let mut one = stranger();
    let mut other = stranger();
    let of_one = one.challenge();
    other.challenge();
    assert_eq!(
        kind(prove_as(&mut other, &of_one)),
        "not-allowed",
        "the challenge belongs to another connection"
    );
    prove_as(&mut one, &of_one).expect("proven");
    assert_eq!(one.status().0["generation"], 1);
    assert_eq!(
        kind(stranger().ask("INIT-STATUS", nothing.clone())),
        "not-allowed"
    );
    one.challenge();
    assert_eq!(
        kind(one.ask("INIT-STATUS", nothing)),
        "not-allowed",
        "a new challenge revokes the proof"
    );
}

#[test]
fn three_wrong_proofs_end_the_connection_and_slow_the_address_down() {
    let network = with_key();
    let address = network.server("server1").address();
    let guess = || {
        let mut script = Script::stranger(address);
        for _ in 0..3 {
            script
                .prove(b"a wrong key of this size", address)
                .expect_err("a wrong key");
        }
        script.expect_end();
    };
    guess();
    let begin = Instant::now();
    guess();
    assert!(
        begin.elapsed() >= Duration::from_millis(300),
        "each further attempt is delayed"
    );
    let mut script = Script::stranger(address);
    script
        .prove(KEY.trim().as_bytes(), address)
        .expect("the right key is still accepted");
}

#[test]
fn an_unusable_key_file_is_refused_by_both_sides() {
    let network = with_key();
    network.write("short.txt", &format!("{}\n", "x".repeat(15)));
    network.write("empty.txt", "");
    for (key, words) in [
        (
            "short.txt",
            "the deploy key short.txt has fewer than 16 bytes",
        ),
        (
            "empty.txt",
            "the deploy key empty.txt has fewer than 16 bytes",
        ),
        ("missing.txt", "cannot read the deploy key missing.txt: "),
    ] {
        network
            .initializer(&["apply", "init.yaml", "--deploy-key", key])
            .ends(1)
            .says(words);
        let arguments = [
            "--listen",
            "127.0.0.1:0",
            "--data",
            "data-of-nobody",
            "--deploy-key",
            key,
        ];
        let server = network.server_program(&arguments).ends(1).says(words);
        assert_eq!((&*server.stdout, server.stderr.lines().count()), ("", 1));
    }
    assert!(!network.path().join("data-of-nobody").exists());
    assert_eq!(network.value("server1"), (1, 1));
}

#[test]
fn listening_beyond_loopback_in_plain_tcp_needs_a_flag() {
    let network = Network::of_two_servers();
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let refused = network
            .server_program(&["--listen", listen, "--data", "data-of-nobody"])
            .ends(1);
        refused
            .says(&format!("refusing to listen on {listen} in plain TCP"))
            .says("--insecure");
    }
    assert!(!network.path().join("data-of-nobody").exists());
    let server = ServerProcess::start(
        &network.data("server1"),
        &["--listen", "0.0.0.0:0", "--insecure"],
    );
    assert!(server.address().ip().is_unspecified() && server.address().port() != 0);
    let place = format!("server1=127.0.0.1:{}", server.address().port());
    network
        .initializer(&[
            "plan",
            "init.yaml",
            "--server",
            &place,
            "--server",
            &place.replace("server1", "server2"),
        ])
        .ends(3);
}
