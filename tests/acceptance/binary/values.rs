//! Values that are cut off, too long, followed by other bytes, or invalid for their type: refused
//! before the procedure runs.

use std::collections::BTreeMap;

use wire::value::Value;

use super::{assert_sum, bind_add};
use crate::harness::{ADD, BinaryPeer, Frames, Network, Raises};

const TYPES: &str = "Tuple[bool, str, bytes, List[int], Dict[str, int], Optional[float], Level]";

const INIT: &str = "\
network:
  servers: { server1: { ip: 127.0.0.1, port: 1 } }
  clients: { client1: { ip: 127.0.0.1 } }
types:
  Level: [low, high]
services:
  svc1:
    provider: server1
    tenants: [client1]
    concurrency: 1
    rpcs:
      - { name: add, arguments: [int, int], returns: int, path: add.py }
      - { name: take, arguments: [\"TYPES\"], returns: int, path: take.py }
";

/// Serves `add`, and `take`, which returns how often it was called.
fn serving() -> Network {
    let network = Network::new(&INIT.replace("TYPES", TYPES));
    network.write("add.py", ADD.3);
    network.write(
        "take.py",
        "calls = 0\n\ndef take(value):\n    global calls\n    calls += 1\n    return calls\n",
    );
    network.served(&[])
}

fn encoded(value: &impl Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

/// Returns an encoded value of [`TYPES`]. Its last four bytes are the place of the enumeration
/// item.
fn valid_value() -> Vec<u8> {
    let map = BTreeMap::from([("a".to_owned(), 1_i64), ("b".to_owned(), 2)]);
    let value = (
        true,
        "é".to_owned(),
        vec![7_u8, 8],
        vec![1_i64, 2],
        map,
        Some(0.5_f64),
    );
    [encoded(&value), 1_u32.to_le_bytes().to_vec()].concat()
}

/// Returns the offset of a byte sequence in [`valid_value`].
fn offset_of(part: &[u8]) -> usize {
    valid_value()
        .windows(part.len())
        .position(|window| window == part)
        .expect("a part")
}

/// Opens a session with `add` in slot 0 and `take` in slot 1.
fn taking(network: &Network) -> BinaryPeer {
    let mut peer = network.binary();
    peer.send(bind_add().bind(1, "take", &[TYPES]));
    peer
}

#[test]
fn an_invalid_value_is_refused_and_its_procedure_does_not_run() {
    let network = serving();
    let mut peer = taking(&network);
    let with_bytes_at = |offset: usize, bytes: &[u8]| {
        let mut value = valid_value();
        value[offset..offset + bytes.len()].copy_from_slice(bytes);
        value
    };
    let text = offset_of("é".as_bytes());
    let list = offset_of(b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x02");
    let dict = offset_of(b"\x02\0\0\0\x01\0\0\0a");
    let second_key = offset_of(b"\x01\0\0\0b") + 4;
    let item = valid_value().len() - 4;
    let huge = u32::MAX.to_le_bytes();
    let cases = [
        (with_bytes_at(0, &[2]), "byte 2 is neither 0 nor 1"),
        (with_bytes_at(text, &[0xff]), "not UTF-8"),
        (with_bytes_at(text - 4, &huge), "cut short"),
        (with_bytes_at(text + 2, &huge), "cut short"),
        (with_bytes_at(list, &huge), "cut short"),
        (with_bytes_at(dict, &huge), "cut short"),
        (with_bytes_at(second_key, b"a"), "twice"),
        (
            with_bytes_at(item - 9, &[255]),
            "byte 255 is neither 0 nor 1",
        ),
        (with_bytes_at(item, &[2]), "no"),
        (
            with_bytes_at(item, &huge),
            "enumeration of 2 items has no item at place 4294967295",
        ),
        ([valid_value(), vec![0]].concat(), "1 bytes left over"),
        ([valid_value(), valid_value()].concat(), "bytes left over"),
        (Vec::new(), "cut short"),
    ];
    let mut call = 0;
    let mut refuse = |peer: &mut BinaryPeer, value: &[u8], words: &str| {
        call += 1;
        peer.send(Frames::new().call_with_bytes(call, 1, value));
        let (refused, exception) = peer.raised();
        assert_eq!(refused, call);
        Raises(
            "Invalid Arguments",
            "no",
            &["do not decode", words, "valid: svc1.take("],
        )
        .check_exception(&exception);
        assert_eq!(exception.valid_signatures.len(), 1);
    };
    for (value, words) in &cases {
        refuse(&mut peer, value, words);
    }
    for cut in 0..valid_value().len() {
        refuse(&mut peer, &valid_value()[..cut], "cut short");
    }
    assert_sum(&mut peer, 1000);
    for (call, count) in [(1001, 1), (1002, 2)] {
        peer.send(Frames::new().call_with_bytes(call, 1, &valid_value()));
        assert_eq!(
            peer.returned::<i64>(),
            (call, count),
            "a refused call was executed"
        );
    }
}

#[test]
fn a_huge_declared_count_allocates_no_memory() {
    let network = serving();
    let mut peer = taking(&network);
    assert_sum(&mut peer, 1);
    let server = network.server("server1").pid();
    let before = crate::harness::peak_memory(server);
    let list = offset_of(b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x02");
    for call in 2..200 {
        let mut value = valid_value();
        value[list..list + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        peer.send(Frames::new().call_with_bytes(call, 1, &value));
        Raises("Invalid Arguments", "no", &["cut short"]).check_exception(&peer.raised().1);
    }
    assert!(crate::harness::peak_memory(server) < before + (4 << 20));
}

#[test]
fn values_at_the_limits_of_their_types_are_echoed() {
    let echo = |name| ("echo", name, name, "def echo(value):\n    return value\n");
    let ints = vec![i64::MIN, -1, 0, i64::MAX];
    let floats = vec![
        f64::NAN,
        f64::NEG_INFINITY,
        -0.0,
        f64::MIN_POSITIVE,
        f64::MAX,
    ];
    let nested: Vec<Option<Vec<u8>>> = vec![None, Some(Vec::new()), Some((0..=255).collect())];
    let cases = [
        ("List[int]", encoded(&ints)),
        ("List[float]", encoded(&floats)),
        ("List[Optional[bytes]]", encoded(&nested)),
        (
            "Dict[int, str]",
            encoded(&BTreeMap::from([
                (i64::MIN, "\0é\u{10ffff}".to_owned()),
                (0, String::new()),
            ])),
        ),
    ];
    for (types, value) in cases {
        let network = Network::serving(&[echo(types)]);
        let mut peer = network.binary();
        peer.send(
            Frames::new()
                .bind(0, "echo", &[types])
                .call_with_bytes(1, 0, &value),
        );
        assert_eq!(
            peer.answer(),
            crate::harness::Reply::Result(1, value),
            "{types}"
        );
    }
}
