//! Certificates that do not fit. The peer sends a request together with the end of its handshake,
//! before the server has looked at its certificate.

use std::path::PathBuf;

use tls::Time;
use tls::issue::Validity;

use super::Shop;
use crate::harness::{
    Certificates, Frames, TlsPeer, Witness, request, with_certificate, without_certificate,
};

#[test]
fn a_certificate_that_does_not_fit_is_refused_before_any_message_is_read() {
    let witness = Witness::new();
    let shop = Shop::with_witness(&witness, &[]);
    let server = shop.network.server("server1");
    let own = &shop.certificates;
    let expired = Validity {
        not_before: Time(1_000),
        not_after: Time(2_000),
    };
    let later = Validity {
        not_before: Time(4_000_000_000),
        not_after: Time(4_000_100_000),
    };
    own.renew("client/old", expired);
    own.renew("client/young", later);
    let list = own.list(1, &["client/revoked"]);
    own.put_list("server/server1", &list);
    server.logged(&["revocation list", "revoked=1"]);
    let bank = Certificates::of("bank");
    let impostor = Certificates::of("shop");
    let one = own.folder("client/one");
    let shown = |folder: PathBuf| with_certificate(&folder, &folder);
    for (name, config, words) in [
        ("none", without_certificate(), "it showed no certificate"),
        ("expired", shown(own.folder("client/old")), "expired at"),
        ("not yet", shown(own.folder("client/young")), "valid from"),
        (
            "wrong CA",
            shown(impostor.folder("client/one")),
            "is not signed by",
        ),
        (
            "other network",
            shown(bank.folder("client/one")),
            "is not signed by",
        ),
        ("revoked", shown(own.folder("client/revoked")), "is revoked"),
        (
            "a server's",
            shown(own.folder("server/server2")),
            "is not one of a client",
        ),
        (
            "another key",
            with_certificate(&one, &own.folder("client/two")),
            "BadSignature",
        ),
    ] {
        let text = request("both", "mark").arg("int", 1).id(1).to_string() + "\n";
        let hello = Frames::hello().bytes();
        for message in [text.as_bytes(), &hello] {
            let mut peer = TlsPeer::connect(shop.address(), config.clone());
            let address = peer.local_addr().to_string();
            peer.try_send_bytes(message);
            let answer = peer.read_to_end();
            assert!(answer.is_empty(), "{name}: {answer:?}");
            let line = server.logged(&["handshake refused", &address]);
            assert!(line.contains(words), "{name}: {line}");
        }
    }
    // The same message of a client that fits.
    let mut peer = TlsPeer::connect(shop.address(), shown(one.clone()));
    let call = request("both", "mark").arg("int", 2).to_string() + "\n";
    assert!(peer.try_send_bytes(call.as_bytes()));
    let answer = String::from_utf8(peer.read_to_end()).expect("UTF-8");
    assert!(answer.contains("\"return-values\":[2]"), "{answer}");
    assert!(witness.runs().keys().eq(&[2]), "{:?}", witness.runs());
}
