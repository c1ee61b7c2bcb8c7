//! Applies to some of the servers, and to servers that are not running yet.

use super::values;
use crate::harness::{Network, finish};

#[test]
fn only_the_named_servers_are_changed() {
    let mut network = Network::serving_two();
    network.write_value("one.py", 2);
    network.write_value("two.py", 2);
    network
        .initializer(&["plan", "init.yaml", "--only", "server2"])
        .ends(3)
        .says("~ server2")
        .says("only server2: the other servers are left as they are")
        .never_says("server1");
    network
        .initializer(&["apply", "init.yaml", "--only", "server2"])
        .succeeds()
        .says("server2 (generation 2): live");
    assert_eq!(values(&network), [(1, 1), (2, 2)]);
    network
        .initializer(&["history", "init.yaml"])
        .succeeds()
        .says("(only server2)");
    network.server_mut("server2").kill();
    network
        .initializer(&["apply", "init.yaml", "--only", "server1"])
        .succeeds();
    assert_eq!(
        network.value("server1"),
        (2, 2),
        "a server that is not named may be down"
    );
    network
        .initializer(&["apply", "init.yaml", "--only", "server3"])
        .ends(1)
        .says("no server `server3`");
}

#[test]
fn a_server_that_is_not_up_yet_is_waited_for() {
    let mut network = Network::serving_two();
    network.write_value("two.py", 2);
    let server = network.release("server2");
    let address = server.address();
    drop(server);
    let place = format!("server2={address}");
    let waiting =
        network.begin_initializer(&["apply", "init.yaml", "--wait", "20s", "--server", &place]);
    let listen = address.to_string();
    network.start("server2", &["--listen", &listen]);
    finish(waiting)
        .succeeds()
        .says("server2 (generation 2): live");
    assert_eq!(values(&network), [(1, 1), (2, 2)]);
    network.server_mut("server2").kill();
    network
        .initializer(&["apply", "init.yaml", "--wait", "50ms"])
        .ends(1)
        .says("connection refused");
}
