//! Data folders on a full disk, and data folders that cannot be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Network, ServerProcess, left_out, python};

/// A network of `svc1.value` with a data file, which makes an apply large.
const INIT: &str = "\
network:
  servers: { server1: { ip: 127.0.0.1, port: 1 } }
  clients: { client1: { ip: 127.0.0.1 } }
services:
  svc1:
    provider: server1
    tenants: [client1]
    data: [ballast]
    rpcs:
      - { name: value, returns: int, path: one.py }
";

/// Writes a file of this size that does not compress.
fn write_ballast(network: &Network, bytes: usize) {
    let mut random = fastrand::Rng::with_seed(bytes as u64);
    let content: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(bytes)
        .collect();
    fs::write(network.path().join("ballast"), content).expect("written");
}

fn project() -> Network {
    let network = Network::new(INIT);
    network.write_value("one.py", 1);
    write_ballast(&network, 1000);
    network
}

/// Returns a command that begins a program with a file system of its own at a folder.
fn with_file_system(size: &str, folder: &Path) -> Option<Command> {
    let script = format!("mount -t tmpfs -o size={size},mode=700 tmpfs \"$0\" && exec \"$@\"");
    for flags in [&["--mount"][..], &["--map-root-user", "--mount"]] {
        let command = |program: &str| {
            let mut command = Command::new("unshare");
            command.args(flags).args(["sh", "-c", &script]);
            command.arg(folder).arg(program);
            command
        };
        let tried = command("true").stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) {
            return Some(command(env!("CARGO_BIN_EXE_rpc-server")));
        }
    }
    None
}

#[test]
fn an_apply_on_a_full_disk_is_refused_with_the_cause_and_the_old_generation_serves() {
    let mut network = project();
    let data = network.data("server1");
    fs::create_dir(&data).expect("a folder");
    let Some(mut command) = with_file_system("3m", &data) else {
        return left_out("no file system can be mounted here");
    };
    command.args(["--python", python()]);
    let server = ServerProcess::launch(command, &data, &[]).expect("a server");
    network.adopt("server1", server);
    network.apply().succeeds();
    assert_eq!(network.value("server1"), (1, 1));
    for size in [4 << 20, 6 << 20] {
        write_ballast(&network, size);
        network.write_value("one.py", 2);
        network
            .apply()
            .ends(1)
            .says("No space left on device")
            .says("unchanged");
        assert_eq!(network.value("server1"), (1, 1));
    }
    write_ballast(&network, 2000);
    network.apply().succeeds();
    assert_eq!(network.value("server1").1, 2, "there is room again");
}

#[test]
fn an_apply_into_a_data_folder_that_cannot_be_written_is_refused_and_the_old_generation_serves() {
    let mut network = project();
    let data = network.data("server1");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpc-server"));
    if rustix::process::geteuid().is_root() {
        // For root, the modes of files count only without this right.
        command = Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override,-dac_read_search"]);
        command.arg(env!("CARGO_BIN_EXE_rpc-server"));
    }
    command.args(["--python", python()]);
    let server = ServerProcess::launch(command, &data, &[]).expect("a server");
    network.adopt("server1", server);
    network.apply().succeeds();
    network.write_value("one.py", 2);
    let folders = ["", "objects", "generations", "incoming"].map(|name| data.join(name));
    for (folder, size) in folders.iter().zip(3000..) {
        // Files that the server does not have so far.
        write_ballast(&network, size);
        fs::set_permissions(folder, Permissions::from_mode(0o500)).expect("set");
        let finished = network.apply();
        assert_eq!(finished.status, 1, "{}: {finished:#?}", folder.display());
        finished.says("Permission denied").says("unchanged");
        assert_eq!(network.value("server1"), (1, 1), "{}", folder.display());
        fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("set");
    }
    network.apply().succeeds();
    assert_eq!(network.value("server1").1, 2);
}
