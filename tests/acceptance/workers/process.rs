//! What a procedure does to its process touches no other call and no file of the user's.

use serde_json::json;

use super::exclusive;
use crate::harness::{Framing, Network, Raises, number, request, returned};

const SOURCE: &str = "\
import locale
import os
import signal
import sys

OTHER_LOCALE = 'C.UTF-8' if locale.setlocale(locale.LC_ALL) == 'C' else 'C'
kept = []


def open_files(path):
    kept.extend(open(path, 'a') for _ in range(8))


def act(code, path):
    exec(code, {**globals(), 'path': path})
    return os.getpid()


def look():
    mask = os.umask(0)
    os.umask(mask)
    print('a line of look')
    return str([
        os.getpid(), os.getcwd(), mask, locale.setlocale(locale.LC_ALL), signal.getsignal(signal.SIGTERM),
        signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL), sys.stdin.read(),
        [os.fstat(fd).st_ino for fd in range(3)],
    ])


def fork(code, path):
    child = os.fork()
    if child == 0:
        open_files(path)
        exec(code)
        return 7
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status)
";

fn serving() -> Network {
    exclusive(&[
        ("act", "str, str", "int", SOURCE),
        ("look", "", "str", SOURCE),
        ("fork", "str, str", "int", SOURCE),
    ])
}

#[test]
fn the_next_call_finds_the_process_as_it_was() {
    let network = serving();
    let file = network.path().join("file");
    let path = file.to_str().expect("UTF-8");
    let mut peer = network.peer(Framing::Lines);
    let before = returned(&peer.call(request("svc1", "look").id(0))).clone();
    for code in [
        "os.chdir('/')",
        "os.umask(0)",
        "locale.setlocale(locale.LC_ALL, OTHER_LOCALE)",
        "signal.signal(signal.SIGTERM, print)",
        "signal.signal(signal.SIGALRM, print); signal.setitimer(signal.ITIMER_REAL, 1000)",
        "sys.stdin.close(); sys.stdout.close(); sys.stderr.close()",
        "sys.stdin = sys.stdout = sys.stderr = None",
        "del sys.stdout",
        "open_files(path); [os.dup2(kept[0].fileno(), fd) for fd in range(3)]",
        "os.closerange(0, 3); open_files(path)",
    ] {
        let call = request("svc1", "act").arg("str", code).arg("str", path);
        let answer = peer.call(call.id(code));
        assert_eq!(answer["header"], "RPC-RES", "{answer}");
        let after = peer.call(request("svc1", "look").id(1));
        assert_eq!(*returned(&after), before, "after {code}");
    }
    let written = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(written, "");
}

#[test]
fn a_child_that_returns_answers_nothing_and_writes_to_no_file() {
    let network = serving();
    let file = network.path().join("file");
    let path = file.to_str().expect("UTF-8");
    let mut peer = network.peer(Framing::Lines);
    for (code, status) in [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('no')", 1),
        ("raise ValueError('of a child')", 1),
    ] {
        let call = request("svc1", "fork").arg("str", code).arg("str", path);
        assert_eq!(number(&peer.call(call.id(code))), status, "{code}");
    }
    assert_eq!(std::fs::read(&file).expect("the file"), b"");
    network
        .server("server1")
        .logged(&["output", "ValueError: of a child"]);
}

#[test]
fn an_answer_never_reaches_a_file_that_a_procedure_opens_after_closing_everything() {
    let network = serving();
    let file = network.path().join("file");
    let path = file.to_str().expect("UTF-8");
    let mut peer = network.peer(Framing::Lines);
    // The server kills the worker when its pipes close, perhaps before it opens the file.
    network.write("file", "");
    let code = "os.closerange(3, 65536); open_files(path)";
    let call = request("svc1", "act").arg("str", code).arg("str", path);
    Raises("Execution Exception", "unknown", &["worker died"]).check(&peer.call(call.id(1)));
    assert_eq!(std::fs::read(&file).expect("the file"), b"");
    let answer = peer.call(request("svc1", "act").arg("str", "").arg("str", "").id(2));
    assert_eq!(answer["header"], json!("RPC-RES"), "{answer}");
}

#[test]
fn what_loading_sets_up_stays() {
    let source = "import os, signal\n\nos.umask(0o7)\nos.chdir('/')\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n\n\
                  def look():\n    mask = os.umask(0)\n    return f'{mask} {os.getcwd()} {int(signal.getsignal(signal.SIGUSR1))}'\n";
    let network = exclusive(&[("look", "", "str", source)]);
    let mut peer = network.peer(Framing::Lines);
    for id in 0..3 {
        let answer = peer.call(request("svc1", "look").id(id));
        assert_eq!(*returned(&answer), json!(["7 / 1"]));
    }
}
