//! What the caller and the log are told about an exception that a procedure raised, and about a
//! class of a wrong value.

use crate::harness::{Framing, Network, Raises, request};

const MODULE: &str = "class NoSuchWord(Exception):\n    pass\n";

const SOURCE: &str = "\
import json
import sys
import words


class Outer:
    class Inner(Exception):
        pass


class bool:
    pass


class Unprintable(Exception):
    def __str__(self):
        raise KeyboardInterrupt


def chained():
    try:
        {}['first']
    except KeyError:
        try:
            raise OSError('second')
        except OSError as error:
            raise ValueError('third') from error


def grouped():
    if sys.version_info < (3, 11):
        raise ValueError('a group of two, inner one, inner two, a note')
    error = ValueError('inner one')
    error.add_note('a note')
    raise ExceptionGroup('a group of two', [error, ValueError('inner two')])


def fail(code):
    if code == 'chained':
        chained()
    if code == 'grouped':
        grouped()
    return eval(code)


def long():
    raise ValueError('\\n'.join(f'line {number} ' + 'x' * 100 for number in range(1000)) + ' END')


def raises(code):
    exec(code)
";

fn serving() -> Network {
    let network = Network::with_procedures(&[
        ("fail", "str", "bool", SOURCE),
        ("raises", "str", "", SOURCE),
        ("long", "", "", SOURCE),
    ])
    .amended(
        "tenants: [client1]",
        "tenants: [client1]\n    modules: [lib/words.py]",
    );
    network.write("lib/words.py", MODULE);
    network.served(&[])
}

#[test]
fn the_kind_is_the_name_of_the_class_with_its_module_unless_a_source_or_python_defines_it() {
    let network = serving();
    let mut peer = network.peer(Framing::Lines);
    for (code, kind) in [
        ("json.loads('x')", "json.decoder.JSONDecodeError"),
        ("raise ValueError", "ValueError"),
        ("raise words.NoSuchWord", "words.NoSuchWord"),
        ("raise Outer.Inner", "Outer.Inner"),
        ("raise Unprintable", "Unprintable"),
    ] {
        let answer = peer.call(request("svc1", "raises").arg("str", code).id(code));
        assert_eq!(answer["value"]["exception-kind"], kind, "{answer}");
    }
}

#[test]
fn the_log_has_what_python_prints_with_the_call() {
    let network = serving();
    let server = network.server("server1");
    let mut peer = network.peer(Framing::Lines);
    for (code, words) in [
        (
            "chained",
            &[
                "Traceback (most recent call last):",
                "KeyError: 'first'",
                "During handling of the above exception",
                "OSError: second",
                "direct cause",
                "ValueError: third",
            ][..],
        ),
        (
            "grouped",
            &["a group of two", "inner one", "a note", "inner two"],
        ),
    ] {
        peer.call(request("svc1", "fail").arg("str", code).id(code));
        server.logged(&[&["raised", "svc1.fail(str)", "client=client1"], words].concat());
    }
    let line = server.logged(&["raised", "direct cause"]);
    assert!(!line.contains("rpc_worker"), "{line}");
}

#[test]
fn a_long_traceback_keeps_its_end_and_says_what_is_left_out() {
    let network = serving();
    network.peer(Framing::Lines).call(request("svc1", "long"));
    let line = network
        .server("server1")
        .logged(&["raised", "characters are left out", " END"]);
    assert!(
        !line.contains("line 1 ") && line.contains("line 999 "),
        "{line}"
    );
}

#[test]
fn a_class_called_like_a_declared_type_is_told_apart() {
    let network = serving();
    let mut peer = network.peer(Framing::Lines);
    for (code, words) in [
        ("bool()", "returned bool of p0.py where `bool` is declared"),
        (
            "words.NoSuchWord()",
            "returned words.NoSuchWord where `bool` is declared",
        ),
        ("1", "returned int where `bool` is declared"),
    ] {
        let answer = peer.call(request("svc1", "fail").arg("str", code).id(code));
        Raises("Execution Exception", "yes", &[words]).check(&answer);
    }
}
