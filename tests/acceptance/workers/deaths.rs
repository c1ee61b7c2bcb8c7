//! Procedures that kill, block or damage their worker.

use super::{PID, add, exclusive, pid};
use crate::harness::{
    ADD, Framing, Gate, Network, Raises, ServerProcess, Visitor, eventually, number, request,
    returned,
};

/// What procedures do to their own process, and words of the caller's exception.
const DEATHS: [(&str, &[&str]); 7] = [
    ("os.kill(os.getpid(), 9)", &["killed by signal 9"]),
    ("os._exit(3)", &["exit status 3"]),
    ("os._exit(0)", &["exit status 0"]),
    ("os.abort()", &["killed by signal 6"]),
    ("ctypes.string_at(0)", &["killed by signal 11"]),
    ("os.closerange(0, 4096)", &[]),
    ("os.closerange(3, 4096)", &[]),
];

#[test]
fn a_procedure_that_kills_its_worker_fails_only_its_own_call() {
    let gate = Gate::new();
    let sources: Vec<_> = DEATHS
        .iter()
        .enumerate()
        .map(|(index, (code, _))| {
            (
                format!("die{index}"),
                format!("import ctypes, os\n\ndef die{index}():\n    {code}\n"),
            )
        })
        .collect();
    let wait = gate.source("wait");
    let mut procedures = vec![ADD, ("wait", "int", "int", wait.as_str())];
    procedures.extend(
        sources
            .iter()
            .map(|(name, source)| (name.as_str(), "", "", source.as_str())),
    );
    let network = Network::serving(&procedures);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let mut bystander = network.peer(framing);
        bystander.send(request("svc1", "wait").arg("int", 7).id(7));
        let visitor = gate.enter();
        for (index, (code, words)) in DEATHS.iter().enumerate() {
            let answer = peer.call(request("svc1", &format!("die{index}")).id(*code));
            Raises("Execution Exception", "unknown", &["worker died"]).check(&answer);
            Raises("Execution Exception", "unknown", words).check(&answer);
            assert_eq!(
                (&answer["value"]["id"], number(&peer.call(add().id(1)))),
                (&(*code).into(), 5),
                "{code}"
            );
        }
        visitor.release();
        assert_eq!(number(&bystander.receive()), 7);
    }
}

#[test]
fn an_endless_procedure_is_killed_at_its_deadline_and_another_call_can_run() {
    let gate = Gate::new();
    let spin = gate.source_with("spin", "while True:\n        pass");
    let stubborn = gate.source_with(
        "stubborn",
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    );
    let network = exclusive(&[
        ADD,
        ("spin", "int", "", &spin),
        ("stubborn", "int", "", &stubborn),
    ]);
    for framing in Framing::BOTH {
        for rpc in ["spin", "stubborn"] {
            let mut peer = network.peer(framing);
            peer.send(
                request("svc1", rpc)
                    .arg("int", 1)
                    .id(1)
                    .member("deadline-ms", 400),
            );
            let visitor = gate.enter();
            let worker = visitor.pid().to_string();
            Raises("Deadline Exceeded", "unknown", &["running"]).check(&peer.receive());
            visitor.expect_death();
            network
                .server("server1")
                .logged(&["worker killed", &worker]);
            assert_eq!(number(&peer.call(add().id(2))), 5);
        }
    }
}

#[test]
fn a_procedure_that_does_not_kill_its_worker_is_answered_and_the_worker_stays() {
    let cases: [(&str, Result<i64, &str>); 11] = [
        ("raise SystemExit(3)", Err("SystemExit")),
        ("exit()", Err("SystemExit")),
        ("raise KeyboardInterrupt", Err("KeyboardInterrupt")),
        ("raise GeneratorExit", Err("GeneratorExit")),
        ("return endless()", Err("RecursionError")),
        ("return len(bytes(1 << 60))", Err("MemoryError")),
        ("return len(sys.stdin.read())", Ok(0)),
        ("return int(input())", Err("EOFError")),
        ("sys.stdout.close()\n    return 7", Ok(7)),
        (
            "threading.Thread(target=forever, daemon=True).start()\n    return 7",
            Ok(7),
        ),
        (
            "threading.Thread(target=forever).start()\n    return 7",
            Ok(7),
        ),
    ];
    let prelude = "import sys, threading, time\n\ndef endless():\n    return endless()\n\ndef forever():\n    time.sleep(3600)\n";
    let owned: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(index, (code, _))| {
            (
                format!("odd{index}"),
                format!("{prelude}\ndef odd{index}():\n    {code}\n"),
            )
        })
        .collect();
    let mut procedures = vec![PID];
    procedures.extend(
        owned
            .iter()
            .map(|(name, source)| (name.as_str(), "", "int", source.as_str())),
    );
    let network = exclusive(&procedures);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let worker = number(&peer.call(pid()));
        for (index, (code, expected)) in cases.iter().enumerate() {
            let answer = peer.call(request("svc1", &format!("odd{index}")).id(1));
            match expected {
                Ok(value) => assert_eq!(number(&answer), *value, "{code}"),
                Err(kind) => {
                    Raises("Execution Exception", "yes", &[]).check(&answer);
                    assert_eq!(answer["value"]["exception-kind"], *kind, "{code}");
                }
            }
            assert_eq!(
                number(&peer.call(pid())),
                worker,
                "another worker after {code}"
            );
        }
    }
}

#[test]
fn a_procedure_that_closes_its_standard_streams_still_answers() {
    let close = "import os\n\ndef close():\n    os.closerange(0, 3)\n    print('to nowhere')\n    return 7\n";
    let network = exclusive(&[ADD, ("close", "", "int", close)]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let answer = peer.call(request("svc1", "close").id(1));
        let raised = answer["value"]["exception-kind"] == "OSError";
        assert!(raised || returned(&answer)[0] == 7, "{answer}");
        assert_eq!(number(&peer.call(add().id(2))), 5);
    }
}

#[test]
fn a_procedure_that_forks_gives_no_caller_the_answer_of_another_call() {
    let fork = "import os\n\ndef fork(number):\n    os.fork()\n    return number\n";
    let echo = "def echo(number):\n    return number\n";
    let network = exclusive(&[("fork", "int", "int", fork), ("echo", "int", "int", echo)]);
    let mut peer = network.peer(Framing::Lines);
    for number_sent in 0..20 {
        let answer = peer.call(
            request("svc1", "fork")
                .arg("int", number_sent)
                .id(number_sent),
        );
        assert!(
            answer["header"] == "RPC-EX" || number(&answer) == number_sent,
            "{answer}"
        );
        let other = 1000 + number_sent;
        let answer = peer.call(request("svc1", "echo").arg("int", other).id(other));
        assert!(
            answer["header"] == "RPC-EX" || number(&answer) == other,
            "another call's answer: {answer}"
        );
    }
}

#[test]
fn a_child_that_outlives_its_worker_does_not_delay_the_caller() {
    let orphan = "import os, time\n\ndef orphan():\n    if os.fork() == 0:\n        time.sleep(5)\n        os._exit(0)\n    os._exit(4)\n";
    let network = exclusive(&[ADD, ("orphan", "", "", orphan)]);
    let mut peer = network.peer(Framing::Framed);
    let answer = peer.call(request("svc1", "orphan").id(1).member("deadline-ms", 4000));
    Raises("Execution Exception", "unknown", &["exit status 4"]).check(&answer);
    assert_eq!(number(&peer.call(add().id(2))), 5);
}

#[test]
fn a_worker_that_dies_while_idle_fails_no_call() {
    let network = exclusive(&[ADD, PID]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let worker = number(&peer.call(pid()));
        kill(&worker.to_string());
        let gone = u32::try_from(worker).expect("a process id");
        network
            .server("server1")
            .wait_for_workers("the killed worker is gone", |workers| {
                !workers.contains(&gone)
            });
        assert_ne!(number(&peer.call(pid())), worker);
    }
}

fn kill(pid: &str) {
    signal("-KILL", pid);
}

fn signal(name: &str, pid: &str) {
    let status = std::process::Command::new("kill")
        .args([name, pid])
        .status();
    assert!(status.expect("kill").success());
}

/// Returns the process id of the zygote.
fn zygote_of(server: &ServerProcess) -> String {
    let line = server.logged(&["zygote started"]);
    let pid = line
        .split("pid=")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    pid.expect("a `pid`").to_owned()
}

#[test]
fn a_zygote_that_is_killed_is_replaced() {
    let gate = Gate::new();
    let network = Network::serving(&[ADD, ("wait", "int", "int", &gate.source("wait"))]);
    let server = network.server("server1");
    kill(&zygote_of(server));
    server.logged(&["zygote ended"]);
    let mut peer = network.peer(Framing::Lines);
    for id in 0..4 {
        peer.send(request("svc1", "wait").arg("int", id).id(id));
    }
    let visitors: Vec<_> = (0..4).map(|_| gate.enter()).collect();
    assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
    visitors.into_iter().for_each(Visitor::release);
    let mut ids: Vec<_> = (0..4).map(|_| number(&peer.receive())).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3]);
}

/// A zygote that is stopped starts no worker, reaps none and does not end.
#[test]
fn a_zygote_that_hangs_delays_calls_and_the_end_of_the_server_for_a_limited_time() {
    let mut network = exclusive(&[ADD, PID]);
    let mut peer = network.peer(Framing::Lines);
    let worker = number(&peer.call(pid()));
    let mut peer = network.peer(Framing::Lines);
    let zygote = zygote_of(network.server("server1"));
    signal("-STOP", &zygote);
    kill(&worker.to_string());
    eventually("the end of the worker", || {
        let stat = std::fs::read_to_string(format!("/proc/{worker}/stat"));
        let is_zombie = |stat: &String| stat.contains(") Z ");
        stat.ok().filter(is_zombie).map(|_| ())
    });
    let answer = peer.call(add().id(1));
    let late = "the zygote did not start a worker within 10s";
    Raises("Unavailable", "no", &[late]).check(&answer);
    network.server("server1").signal("TERM");
    let status = network.server_mut("server1").wait();
    signal("-CONT", &zygote);
    assert_eq!(status.code(), Some(0));
    eventually("the end of the zygote", || {
        let folder = format!("/proc/{zygote}/cmdline");
        let is_gone = std::fs::read(folder).map_or(true, |line| line.is_empty());
        is_gone.then_some(())
    });
}
