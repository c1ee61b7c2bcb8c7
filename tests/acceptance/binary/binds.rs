//! BINDs that fail, and the order in which the checks apply.

use rpc_runtime::ExceptionType;
use wire::binary;

use super::{assert_sum, bind_add};
use crate::harness::{ADD, BinaryPeer, Frames, Network, Raises};

/// A service and a procedure, argument types, return types; the expected exception for a tenant,
/// and for a stranger.
type Case<'a> = (
    (&'a str, &'a str),
    &'a [&'a str],
    Option<&'a [&'a str]>,
    Raises<'a>,
    Raises<'a>,
);

const STRANGER: Raises<'static> = Raises(
    "Client Not Registered",
    "no",
    &["no access to service `svc1`"],
);

fn cases<'a>() -> Vec<Case<'a>> {
    let no_service = Raises("Service Not Found", "no", &["no service `svc9`"]);
    let no_rpc = Raises("RPC Not Found", "no", &["no procedure `rpc9`"]);
    let invalid = |words| Raises("Invalid Arguments", "no", words);
    vec![
        (
            ("svc9", "add"),
            &["int", "int"],
            None,
            no_service,
            no_service,
        ),
        (("svc9", "rpc9"), &["inte"], None, no_service, no_service),
        (("svc1", "rpc9"), &["int", "int"], None, no_rpc, no_rpc),
        (("svc1", "rpc9"), &["inte"], Some(&["inte"]), no_rpc, no_rpc),
        (
            ("svc1", "add"),
            &["int"],
            None,
            invalid(&["no overload (int)", "svc1.add(int, int) -> (int)"]),
            STRANGER,
        ),
        (
            ("svc1", "add"),
            &["inte", "int"],
            None,
            invalid(&["`inte`", "valid: "]),
            STRANGER,
        ),
        (
            ("svc1", "add"),
            &["int", "int"],
            Some(&["str"]),
            invalid(&["returns (int), not (str)"]),
            STRANGER,
        ),
        (
            ("svc1", "add"),
            &["int", "int"],
            Some(&[]),
            invalid(&["returns (int), not ()"]),
            STRANGER,
        ),
    ]
}

/// Returns the BIND of a case.
fn bind(slot: u32, (name, arguments, returns, ..): &Case<'_>) -> Frames {
    Frames::new().with(|out| binary::put_bind(slot, *name, arguments, *returns, out))
}

#[test]
fn a_failed_bind_is_reported_at_each_call_and_the_session_goes_on() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.binary();
    peer.send(bind_add());
    for (index, case) in cases().iter().enumerate() {
        let slot = index as u32 + 1;
        let call = 10 * index as u64;
        peer.send(
            bind(slot, case)
                .call_with_bytes(call + 1, slot, &[])
                .call_with_bytes(call + 2, slot, &[]),
        );
        for call in [call + 1, call + 2] {
            let (refused, exception) = peer.raised();
            assert_eq!(refused, call);
            case.3.check_exception(&exception);
            let signatures = usize::from(case.3.0 == "Invalid Arguments");
            assert_eq!(exception.valid_signatures.len(), signatures);
        }
        assert_sum(&mut peer, call + 3);
    }
}

#[test]
fn a_stranger_learns_names_of_services_and_procedures_but_no_signature() {
    let network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    let mut peer = BinaryPeer::connect_from([127, 0, 0, 9], address);
    for (index, case) in cases().iter().enumerate() {
        let slot = index as u32;
        let call = index as u64 + 1;
        peer.send(bind(slot, case).call_with_bytes(call, slot, &[]));
        let (refused, exception) = peer.raised();
        assert_eq!(refused, call);
        case.4.check_exception(&exception);
        assert!(
            exception.valid_signatures.is_empty() && !exception.message.contains("int"),
            "{exception:?}"
        );
    }
    peer.send(bind_add().call(100, 0, (2_i64, 3_i64)));
    STRANGER.check_exception(&peer.raised().1);
}

#[test]
fn the_name_in_a_hello_must_fit_the_address() {
    let network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    for (name, refused) in [
        ("client1", false),
        ("", false),
        ("client2", true),
        ("Client1", true),
        ("client1\0", true),
    ] {
        let mut peer = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
        peer.greet(&binary::Hello {
            name,
            ..crate::harness::HELLO
        });
        peer.send(bind_add());
        if refused {
            peer.send(Frames::new().call(1, 0, (2_i64, 3_i64)));
            STRANGER.check_exception(&peer.raised().1);
        } else {
            assert_sum(&mut peer, 1);
        }
    }
}

#[test]
fn long_names_and_many_types_get_short_exceptions() {
    let network = Network::serving(&[ADD]);
    let long = "a".repeat(200 << 10);
    let many = vec!["int"; binary::MAX_BIND_TYPES];
    let cases: [(_, &[&str], Option<&[&str]>, _); 5] = [
        (("svc1", "add"), &[&long], None, "Invalid Arguments"),
        (
            ("svc1", "add"),
            &["int", "int"],
            Some(&[&long]),
            "Invalid Arguments",
        ),
        (("svc1", "add"), &many, None, "Invalid Arguments"),
        ((&long, "add"), &[], None, "Service Not Found"),
        (("svc1", &long), &[], None, "RPC Not Found"),
    ];
    let mut peer = network.binary();
    for (call, (name, arguments, returns, kind)) in (1..).zip(cases) {
        peer.send(Frames::new().with(|out| binary::put_bind(0, name, arguments, returns, out)));
        peer.send(Frames::new().call(call, 0, ()));
        let (_, exception) = peer.raised();
        assert_eq!(exception.kind.as_str(), kind);
        assert!(
            exception.message.len() < 1000,
            "a message of {} bytes",
            exception.message.len()
        );
    }
    let mut named =
        BinaryPeer::connect_without_hello([127, 0, 0, 1], network.server("server1").address());
    named.greet(&binary::Hello {
        name: &long,
        ..crate::harness::HELLO
    });
    named.send(bind_add().call(1, 0, (2_i64, 3_i64)));
    let (_, exception) = named.raised();
    STRANGER.check_exception(&exception);
    assert!(exception.message.len() < 1000);
}

/// A BIND is parsed again at each lookup of its slot, so its size is limited.
#[test]
fn a_bind_beyond_its_limits_ends_the_session() {
    let network = Network::serving(&[ADD]);
    let long = "a".repeat(binary::MAX_BIND_BYTES);
    let many = vec!["int"; binary::MAX_BIND_TYPES + 1];
    let cases: [(_, &[&str], _); 3] = [
        ((&*long, "add"), &[], "bytes"),
        (("svc1", "add"), &[&long], "bytes"),
        (("svc1", "add"), &many, "types"),
    ];
    for (name, arguments, words) in cases {
        let mut peer = network.binary();
        peer.send(Frames::new().with(|out| binary::put_bind(0, name, arguments, None, out)));
        let (call, exception) = peer.raised();
        assert_eq!((call, exception.kind), (0, ExceptionType::MalformedMessage));
        assert!(exception.message.ends_with(words), "{}", exception.message);
    }
}
