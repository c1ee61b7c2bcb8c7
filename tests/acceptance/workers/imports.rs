//! What a source can import, and which processes find its functions and classes.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Framing, Network, ServerProcess, python, request};

/// The files of a project, each with its text. A procedure is called like its file.
const FILES: [(&str, &str); 10] = [
    (
        "secrets.py",
        "import secrets\n\ndef pick():\n    return secrets.randbelow(1)\n",
    ),
    ("words.py", "def words():\n    return 1\n"),
    (
        "services/s/statistics.py",
        "def statistics():\n    return 1.0\n",
    ),
    (
        "services/s/mean.py",
        "import statistics\n\ndef mean():\n    return statistics.mean([1, 2, 3])\n",
    ),
    (
        "services/s/util.py",
        "import words\n\nclass Point:\n    pass\n",
    ),
    ("lib/words.py", "def join():\n    return 'joined'\n"),
    (
        "services/s/joined.py",
        "import words\n\ndef joined():\n    return words.join()\n",
    ),
    ("lib/queue.py", "NAME = 'declared'\n"),
    (
        "services/s/look.py",
        "import importlib, sys\n\ndef look(name):\n    try:\n        found = importlib.import_module(name)\n    \
         except ImportError:\n        return 'none'\n    return getattr(found, 'NAME', 'python')\n",
    ),
    ("json.py", "raise SystemExit('run by the server')\n"),
];

fn serving() -> Network {
    let network = Network::new(
        "network:\n  servers:\n    server1: { ip: 127.0.0.1, port: 1 }\n  clients:\n    client1: { ip: 127.0.0.1 }\n\
         services:\n  s:\n    provider: server1\n    tenants: [client1]\n    \
         modules: [services/s/util.py, lib/words.py, lib/queue.py]\n    data: [json.py]\n    rpcs:\n      \
         - { name: statistics, returns: float }\n      - { name: mean, returns: float }\n      \
         - { name: pick, returns: int, path: secrets.py }\n      - { name: words, returns: int, path: words.py }\n      \
         - { name: joined, returns: str }\n      - { name: look, arguments: [str], returns: str }\n",
    );
    for (path, text) in FILES {
        network.write(path, text);
    }
    network.served(&[])
}

#[track_caller]
fn value(answer: &Value) -> &Value {
    assert_eq!(answer["header"], "RPC-RES", "{answer}");
    &answer["value"]["return-values"][0]
}

#[test]
fn a_source_finds_declared_modules_by_their_names_and_then_what_python_has() {
    let network = serving();
    let mut peer = network.peer(Framing::Lines);
    for (rpc, expected) in [
        ("mean", json!(2.0)),
        ("pick", json!(0)),
        ("joined", json!("joined")),
        ("words", json!(1)),
    ] {
        assert_eq!(
            *value(&peer.call(request("s", rpc).id(rpc))),
            expected,
            "{rpc}"
        );
    }
    for (module, found) in [
        ("queue", "declared"),
        ("json", "python"),
        ("rpc_types", "python"),
        ("mean", "none"),
        ("services", "none"),
        ("lib.words", "none"),
        ("rpc_worker", "none"),
        ("rpc_codec", "none"),
        ("rpc_modules", "none"),
    ] {
        let answer = peer.call(request("s", "look").arg("str", module).id(module));
        assert_eq!(*value(&answer), json!(found), "{module}");
    }
}

const PICKLED: &str = "\
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import shapes
from rpc_types import Tally


@dataclass
class Point:
    x: int


def square(x):
    return x * x


def votes(tally):
    return tally.votes


def pickled(method):
    if method == 'pickle':
        return pickle.loads(pickle.dumps([Point(1), shapes.Line(4), Tally(votes=9)]))[1].length
    if method == 'executor':
        with ProcessPoolExecutor(1) as executor:
            return executor.submit(square, 2).result(timeout=30)
    with multiprocessing.get_context(method).Pool(1) as pool:
        found = [
            pool.apply_async(square, [1]).get(timeout=30),
            pool.apply_async(votes, [Tally(votes=2)]).get(timeout=30),
            pool.apply_async(shapes.Line.measure, [shapes.Line(1)]).get(timeout=30),
        ]
    return sum(found)
";

#[test]
fn functions_and_classes_of_a_service_reach_the_processes_that_it_starts() {
    let network = Network::new(
        "network:\n  servers:\n    server1: { ip: 127.0.0.1, port: 1 }\n  clients:\n    client1: { ip: 127.0.0.1 }\n\
         types:\n  Tally: { votes: int }\nservices:\n  s:\n    provider: server1\n    tenants: [client1]\n    \
         modules: [lib/shapes.py]\n    data: [socket.py]\n    rpcs:\n      \
         - { name: pickled, arguments: [str], returns: int }\n      - { name: pickled, arguments: [Tally] }\n",
    );
    network.write("services/s/pickled.py", PICKLED);
    network.write(
        "lib/shapes.py",
        "class Line:\n    def __init__(self, length):\n        self.length = length\n\n    def measure(self):\n        \
         return self.length\n",
    );
    network.write(
        "socket.py",
        "raise SystemExit('a file of the user was run')\n",
    );
    let network = network.served(&[]);
    let mut peer = network.peer(Framing::Lines);
    for method in ["pickle", "executor", "fork", "spawn", "forkserver"] {
        let call = request("s", "pickled").arg("str", method).id(method);
        let answer = peer.call(call.member("deadline-ms", 60_000));
        assert_eq!(*value(&answer), json!(4), "{method}");
    }
}

#[test]
fn a_server_runs_no_file_of_its_working_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["json", "socket", "struct", "site", "sitecustomize"] {
        let text = "open('ran', 'w').close()\n";
        std::fs::write(folder.path().join(format!("{name}.py")), text).expect("a written file");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpc-server"));
    command
        .current_dir(folder.path())
        .args(["--python", python()]);
    let network = Network::serving(&[]);
    let _server = ServerProcess::launch(command, &network.path().join("data"), &[])
        .expect("a server that listens");
    assert!(!folder.path().join("ran").exists());
}

#[test]
fn a_worker_has_what_site_sets_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let environment = folder.path().join("venv");
    let made = Command::new(python())
        .args(["-m", "venv", "--without-pip"])
        .arg(&environment)
        .status();
    assert!(made.expect("python3").success());
    let packages = std::fs::read_dir(environment.join("lib"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path().join("site-packages"))
        .next()
        .expect("the packages");
    // An editable install has such a file: its import installs a finder, or it names a folder.
    let finder = "import sys, types; sys.modules['editable'] = types.ModuleType('editable')\n";
    std::fs::write(packages.join("editable.pth"), finder).expect("a written file");
    let package = folder.path().join("src/in_folder");
    std::fs::create_dir_all(&package).expect("a folder");
    std::fs::write(package.join("__init__.py"), "").expect("a written file");
    let line = folder.path().join("src").display().to_string() + "\n";
    std::fs::write(packages.join("in_folder.pth"), line).expect("a written file");
    let source = "import sys\nimport in_folder\n\ndef prefix():\n    import editable\n    return sys.prefix\n\ndef leave():\n    exit(3)\n";
    let environment = environment.to_str().expect("UTF-8");
    let python = format!("{environment}/bin/python");
    let network =
        Network::with_procedures(&[("prefix", "", "str", source), ("leave", "", "", source)])
            .served(&["--python", &python]);
    let mut peer = network.peer(Framing::Lines);
    let answer = peer.call(request("svc1", "prefix").id(1));
    assert_eq!(*value(&answer), json!(environment));
    let answer = peer.call(request("svc1", "leave").id(2));
    assert_eq!(answer["value"]["exception-kind"], "SystemExit", "{answer}");
}
