//! Applies that are stopped by a signal when servers commit already.

use std::sync::mpsc;

use super::proxy::Proxy;
use super::{about_to_change, values};
use crate::harness::{PATIENCE, finish, send_signal};

#[test]
fn a_signal_during_the_commits_comes_too_late_and_the_apply_goes_on() {
    let mut network = about_to_change();
    let (arrive, arrival) = mpsc::channel();
    let (resume, permission) = mpsc::channel::<()>();
    let proxy = Proxy::before(network.release("server2"), move |exchange| {
        if exchange.header == "INIT-COMMIT" {
            let _ = arrive.send(());
            let _ = permission.recv_timeout(PATIENCE);
        }
        exchange.forward()
    });
    let initializer =
        network.begin_initializer(&["apply", "init.yaml", "--server", &proxy.place("server2")]);
    arrival.recv_timeout(PATIENCE).expect("a commit");
    send_signal(initializer.id(), "INT");
    resume.send(()).expect("a proxy that waits");
    finish(initializer)
        .succeeds()
        .says("servers commit already; a second signal ends this program at once");
    network.adopt("server2", proxy.end());
    assert_eq!(values(&network), [(2, 2), (2, 2)]);
}
