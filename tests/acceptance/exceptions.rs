//! Every exception type: its cause, its message, and that all clients are served afterwards.

mod malformed;
mod raised;
mod time;

use serde_json::json;

use crate::harness::{ADD, Framing, Network, Peer, Raises, Request, number, request, returned};

const ADD_STR: (&str, &str, &str, &str) = ("add", "str, str", "str", ADD.3);
const RAISES: (&str, &str, &str, &str) = (
    "raises",
    "",
    "",
    "class NoSuchWord(Exception):\n    pass\n\ndef raises():\n    raise NoSuchWord('no word \"ä\"\\n😀')\n",
);
const DIVIDES: (&str, &str, &str, &str) = (
    "divide",
    "int",
    "float",
    "def divide(by):\n    return 1 / by\n",
);
const WRONG: (&str, &str, &str, &str) = ("wrong", "", "int", "def wrong():\n    return 'seven'\n");
const DIES: (&str, &str, &str, &str) = (
    "dies",
    "",
    "int",
    "import os\n\ndef dies():\n    os._exit(3)\n",
);

const SIGNATURES: [&str; 2] = ["svc1.add(int, int) -> (int)", "svc1.add(str, str) -> (str)"];

/// Starts `svc1` for client1 and client2, and `svc2` for client3. No client is declared at
/// 127.0.0.9.
fn network() -> Network {
    Network::with_procedures(&[ADD, ADD_STR, RAISES, DIVIDES, WRONG, DIES])
        .amended(
            "127.0.0.1 }\nservices",
            "127.0.0.1 }\n    client2: { ip: 127.0.0.2 }\n    client3: { ip: 127.0.0.3 }\nservices",
        )
        .amended("tenants: [client1]", "tenants: [client1, client2]")
        .amended(
            "services:\n",
            "services:\n  svc2:\n    provider: server1\n    tenants: [client3]\n    rpcs:\n      \
             - { name: add, arguments: [int, int], returns: int, path: p0.py }\n",
        )
        .served(&[])
}

fn add(service: &str) -> Request {
    request(service, "add").arg("int", 2).arg("int", 3)
}

/// Sends each request over one session of each framing. Checks its answer and its id, and that this
/// session and another client's are served afterwards.
fn check(network: &Network, cases: &[(Request, Raises<'_>)]) {
    let address = network.server("server1").address();
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let mut other = Peer::connect_from([127, 0, 0, 2], address, framing);
        for (index, (case, expected)) in cases.iter().enumerate() {
            let id = format!("case {index}");
            let answer = peer.call(case.clone().id(id.as_str()));
            expected.check(&answer);
            assert_eq!(answer["value"]["id"], id);
            for peer in [&mut peer, &mut other] {
                assert_eq!(number(&peer.call(add("svc1").id(1))), 5, "after {case}");
            }
        }
    }
}

#[test]
fn an_unknown_service_or_procedure_is_named() {
    check(
        &network(),
        &[
            (
                add("svc9"),
                Raises("Service Not Found", "no", &["`svc9`", "server1"]),
            ),
            (add(""), Raises("Service Not Found", "no", &["``"])),
            (
                request("svc1", "sub"),
                Raises("RPC Not Found", "no", &["`svc1`", "`sub`"]),
            ),
            (
                request("svc1", ""),
                Raises("RPC Not Found", "no", &["`svc1`", "``"]),
            ),
        ],
    );
}

#[test]
fn a_server_without_an_apply_says_so() {
    let mut network = Network::with_procedures(&[]);
    network.start("server1", &[]);
    for framing in Framing::BOTH {
        let answer = network.peer(framing).call(add("svc1"));
        Raises(
            "Service Not Found",
            "no",
            &["not been initialized", "`svc1`"],
        )
        .check(&answer);
    }
}

#[test]
fn arguments_that_fit_no_overload_are_refused_with_every_signature_and_the_sent_types() {
    let network = network();
    let invalid = |words| Raises("Invalid Arguments", "no", words);
    let sent = |types: [&str; 2]| request("svc1", "add").arg(types[0], 1).arg(types[1], 2);
    let cases = [
        (
            sent(["bool", "bool"]),
            invalid(&["svc1.add", "(bool, bool)"]),
        ),
        (sent(["int", "float"]), invalid(&["(int, float)"])),
        (sent(["int", "integer"]), invalid(&["`integer`"])),
        (sent(["int", "List[int"]), invalid(&["`List[int`"])),
        (sent(["int", ""]), invalid(&["type"])),
        (request("svc1", "add"), invalid(&["()"])),
        (add("svc1").arg("int", 4), invalid(&["(int, int, int)"])),
        (
            add("svc1").member("argument-types", json!(["int"])),
            invalid(&["2 arguments", "1 argument type"]),
        ),
        (
            add("svc1").member("arguments", json!([1])),
            invalid(&["1 argument ", "2 argument types"]),
        ),
        (
            add("svc1").returns(&["str"]),
            invalid(&["svc1.add(int, int)", "(int)", "(str)"]),
        ),
        (add("svc1").returns(&[]), invalid(&["(int)", "()"])),
        (
            add("svc1").returns(&["int", "int"]),
            invalid(&["(int)", "(int, int)"]),
        ),
        (add("svc1").returns(&["number"]), invalid(&["`number`"])),
        (
            request("svc1", "add").arg("int", 1).arg("int", "x"),
            invalid(&["argument 2", "svc1.add(int, int)", "\"x\"", "`int`"]),
        ),
        (
            request("svc1", "add").arg("int", 1.5).arg("int", 2),
            invalid(&["argument 1", "1.5", "`int`"]),
        ),
    ];
    check(&network, &cases);
    let mut peer = network.peer(Framing::Lines);
    for (case, _) in cases {
        let value = peer.call(case.id(1))["value"].take();
        assert_eq!(value["valid-signatures"], json!(SIGNATURES));
        let message = value["exception-message"].as_str().expect("a message");
        assert!(
            SIGNATURES
                .iter()
                .all(|signature| message.contains(signature)),
            "{message}"
        );
    }
}

#[test]
fn an_exception_of_a_procedure_reaches_the_caller_with_its_kind() {
    let network = network();
    check(
        &network,
        &[
            (
                request("svc1", "raises"),
                Raises("Execution Exception", "yes", &["no word \"ä\"\n😀"]),
            ),
            (
                request("svc1", "divide").arg("int", 0),
                Raises("Execution Exception", "yes", &["division by zero"]),
            ),
            (
                request("svc1", "wrong"),
                Raises(
                    "Execution Exception",
                    "yes",
                    &["`svc1.wrong()`", "str", "`int`"],
                ),
            ),
            (
                request("svc1", "dies"),
                Raises(
                    "Execution Exception",
                    "unknown",
                    &["worker died", "exit status 3"],
                ),
            ),
        ],
    );
    let mut peer = network.peer(Framing::Framed);
    let mut kind = |case: Request| peer.call(case.id(1))["value"]["exception-kind"].take();
    assert_eq!(kind(request("svc1", "raises")), "NoSuchWord");
    assert_eq!(
        kind(request("svc1", "divide").arg("int", 0)),
        "ZeroDivisionError"
    );
    assert_eq!(kind(request("svc1", "wrong")), json!(null));
    assert_eq!(kind(request("svc1", "dies")), json!(null));
}

#[test]
fn the_client_is_checked_before_the_arguments_so_that_a_stranger_learns_no_signatures() {
    let network = network();
    let address = network.server("server1").address();
    let stranger = |words| Raises("Client Not Registered", "no", words);
    for framing in Framing::BOTH {
        for (from, words) in [
            ([127, 0, 0, 3], &["`client3`", "`svc1`"]),
            ([127, 0, 0, 9], &["127.0.0.9", "`svc1`"]),
        ] {
            let mut peer = Peer::connect_from(from, address, framing);
            for (case, expected) in [
                (
                    request("svc9", "sub").arg("x", "x"),
                    Raises("Service Not Found", "no", &["`svc9`"]),
                ),
                (
                    request("svc1", "sub").arg("x", "x"),
                    Raises("RPC Not Found", "no", &["`sub`"]),
                ),
                (request("svc1", "add").arg("x", "x"), stranger(words)),
                (
                    add("svc1").member("argument-types", json!([])),
                    stranger(words),
                ),
                (add("svc1").returns(&["str"]), stranger(words)),
                (add("svc1"), stranger(words)),
                (request("svc1", "raises"), stranger(words)),
            ] {
                let answer = peer.call(case.id("s"));
                expected.check(&answer);
                assert_eq!(answer["value"]["id"], "s");
                let text = answer.to_string();
                assert!(
                    !text.contains("valid") && !text.contains("int") && !text.contains("str"),
                    "{text}"
                );
            }
        }
        let mut tenant = Peer::connect_from([127, 0, 0, 3], address, framing);
        stranger(&["`client3`"]).check(&tenant.call(add("svc1").id(1)));
        assert_eq!(returned(&tenant.call(add("svc2").id(2))), &json!([5]));
        assert_eq!(number(&network.peer(framing).call(add("svc1"))), 5);
    }
}

#[test]
fn argument_types_are_compared_one_by_one_and_not_as_joined_text() {
    let pair = (
        "pair",
        "int, str",
        "str",
        "def pair(a, b):\n    return f'{a}{b}'\n",
    );
    let table = (
        "table",
        "Dict[str, int]",
        "int",
        "def table(d):\n    return len(d)\n",
    );
    let network = Network::serving(&[pair, table]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let joined = request("svc1", "pair").arg("int, str", 7).id(1);
        Raises("Invalid Arguments", "no", &["int, str"]).check(&peer.call(joined));
        let split = request("svc1", "table")
            .arg("Dict[str", json!({}))
            .arg("int]", 7)
            .id(2);
        Raises("Invalid Arguments", "no", &["Dict[str"]).check(&peer.call(split));
    }
}
