//! Which client a caller is, by its address and the name that it sends, and what it may call.

use crate::harness::{Framing, Network, Peer, Raises, Request, number, request};

/// Two services: `both` for `solo`, `left` and `ci`, `his` for `right`. `idle` may call neither. `ci` has
/// no address.
const INIT: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    solo: { ip: 127.0.0.1 }
    left: { ip: 127.0.0.2 }
    right: { ip: 127.0.0.2 }
    idle: { ip: 127.0.0.3 }
    ci: {}
services:
  both:
    provider: server1
    tenants: [solo, left, ci]
    rpcs:
      - { name: seven, returns: int, path: seven.py }
  his:
    provider: server1
    tenants: [right]
    rpcs:
      - { name: seven, returns: int, path: seven.py }
";

fn network() -> Network {
    let network = Network::new(INIT);
    network.write("seven.py", "def seven():\n    return 7\n");
    network.served(&[])
}

fn seven(service: &str, client: Option<&str>) -> Request {
    let request = request(service, "seven").id(1);
    match client {
        Some(name) => request.client(name),
        None => request,
    }
}

/// A caller at 127.0.0.`host`, the name that it sends, and the expected results of `both` and
/// `his`: success, or words of the refusal.
type Case<'a> = (
    u8,
    Option<&'a str>,
    Result<(), &'a str>,
    Result<(), &'a str>,
);

/// Lets each caller call both services, over both framings, and checks the results.
fn check(network: &Network, cases: &[Case<'_>]) {
    let address = network.server("server1").address();
    for framing in Framing::BOTH {
        for (host, client, both, his) in cases {
            let mut peer = Peer::connect_from([127, 0, 0, *host], address, framing);
            for (service, expected) in [("both", both), ("his", his)] {
                let answer = peer.call(seven(service, *client));
                match expected {
                    Ok(()) => assert_eq!(
                        number(&answer),
                        7,
                        "{client:?} from 127.0.0.{host} at {service}"
                    ),
                    Err(words) => {
                        let service = format!("access to service `{service}`");
                        Raises("Client Not Registered", "no", &[words, &service]).check(&answer);
                    }
                }
            }
        }
    }
}

#[test]
fn the_address_selects_the_client_and_the_name_selects_among_clients_of_one_address() {
    let nobody = "no client of the network calls from 127.0.0.9";
    let elsewhere = "does not call from 127.0.0.";
    let several = "several clients call from 127.0.0.2";
    let solo = "client `solo` is not a tenant";
    let left = "client `left` is not a tenant";
    let right = "client `right` is not a tenant";
    let idle = "client `idle` is not a tenant";
    let no_ip = "the client `ci` has no `ip`, so it needs a certificate";
    check(
        &network(),
        &[
            // host, name, `both` (solo, left), `his` (right)
            (1, None, Ok(()), Err(solo)),
            (1, Some("solo"), Ok(()), Err(solo)),
            (1, Some("left"), Err(elsewhere), Err(elsewhere)),
            (1, Some("right"), Err(elsewhere), Err(elsewhere)),
            (1, Some("idle"), Err(elsewhere), Err(elsewhere)),
            (1, Some("stranger"), Err(elsewhere), Err(elsewhere)),
            (2, None, Err(several), Err(several)),
            (2, Some("solo"), Err(elsewhere), Err(elsewhere)),
            (2, Some("left"), Ok(()), Err(left)),
            (2, Some("right"), Err(right), Ok(())),
            (2, Some("idle"), Err(elsewhere), Err(elsewhere)),
            (2, Some("stranger"), Err(elsewhere), Err(elsewhere)),
            (3, None, Err(idle), Err(idle)),
            (3, Some("idle"), Err(idle), Err(idle)),
            (3, Some("solo"), Err(elsewhere), Err(elsewhere)),
            (3, Some("right"), Err(elsewhere), Err(elsewhere)),
            (9, None, Err(nobody), Err(nobody)),
            (9, Some("solo"), Err(nobody), Err(nobody)),
            (9, Some("left"), Err(nobody), Err(nobody)),
            (9, Some("right"), Err(nobody), Err(nobody)),
            (9, Some("stranger"), Err(nobody), Err(nobody)),
            (1, Some("ci"), Err(no_ip), Err(no_ip)),
            (2, Some("ci"), Err(no_ip), Err(no_ip)),
            (9, Some("ci"), Err(no_ip), Err(no_ip)),
        ],
    );
}

#[test]
fn a_name_that_only_looks_like_a_client_is_refused() {
    let elsewhere = Err("does not call from 127.0.0.");
    let names = [
        "",
        "LEFT",
        "Left",
        " left",
        "left ",
        "left\0",
        "\0left",
        "left\n",
        "left/../left",
        "./left",
        "left,right",
        "left\u{200b}",
        "ⅼeft",
        "l\u{435}ft",
        "ｌｅｆｔ",
        "le\u{301}ft",
        "*",
        "%",
        "left' OR '1'='1",
    ];
    let cases: Vec<_> = names
        .iter()
        .map(|name| (2, Some(*name), elsewhere, elsewhere))
        .collect();
    check(&network(), &cases);
}

#[test]
fn a_name_that_only_looks_like_a_service_or_procedure_is_not_found() {
    let network = network();
    let variants = |name: &str| {
        let upper = name.to_uppercase();
        [
            upper,
            format!("{name}\0"),
            format!(" {name}"),
            format!("{name}/"),
            format!("./{name}"),
            name.replace('e', "\u{435}") + "\u{200b}",
        ]
    };
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        for service in variants("both") {
            let answer = peer.call(seven(&service, None));
            Raises("Service Not Found", "no", &[&format!("`{service}`")]).check(&answer);
        }
        for rpc in variants("seven") {
            let answer = peer.call(request("both", &rpc).id(1));
            Raises("RPC Not Found", "no", &[&format!("`{rpc}`")]).check(&answer);
        }
        for whole in ["both.seven", "both/seven", "both.seven()"] {
            Raises("Service Not Found", "no", &[whole]).check(&peer.call(seven(whole, None)));
        }
    }
}

#[test]
fn each_request_of_a_session_is_checked_by_its_own_client_name() {
    let network = network();
    let address = network.server("server1").address();
    for framing in Framing::BOTH {
        let mut peer = Peer::connect_from([127, 0, 0, 2], address, framing);
        for _ in 0..2 {
            assert_eq!(number(&peer.call(seven("both", Some("left")))), 7);
            assert_eq!(number(&peer.call(seven("his", Some("right")))), 7);
            Raises("Client Not Registered", "no", &["`left`"])
                .check(&peer.call(seven("his", Some("left"))));
            Raises("Client Not Registered", "no", &["several"])
                .check(&peer.call(seven("his", None)));
        }
    }
}

#[test]
fn rpc_client_refuses_to_call_as_a_client_without_an_ip_and_lists_what_it_may_call() {
    let network = network();
    network
        .client(&["--as", "ci", "call", "both.seven"])
        .ends(1)
        .says("client `ci` has no `ip`, so it can call only with a certificate");
    network
        .client(&["--as", "ci", "list"])
        .succeeds()
        .says("both.seven() -> (int)");
}
