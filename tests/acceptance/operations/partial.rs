//! Applies to some of the servers, and to servers that are not running yet.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};

use super::values;
use crate::harness::{Network, finish, scripted_on};

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

/// Opens a port that closes its first connection and refuses all others. The thread ends with the
/// first connection. The IP address is its own, so that no other program takes the port afterwards.
fn closing_port() -> (SocketAddr, JoinHandle<()>) {
    scripted_on(Ipv4Addr::new(127, 0, 0, 78), 1, |_, _| {})
}

#[test]
fn a_server_that_is_not_up_yet_is_waited_for() {
    let mut network = Network::serving_two();
    network.write_value("two.py", 2);
    network.server_mut("server2").kill();
    let (address, first_attempt) = closing_port();
    let place = format!("server2={address}");
    let waiting =
        network.begin_initializer(&["apply", "init.yaml", "--wait", "20s", "--server", &place]);
    first_attempt.join().expect("an attempt");
    network.start("server2", &["--listen", &address.to_string()]);
    finish(waiting)
        .succeeds()
        .says("server2 (generation 2): live");
    assert_eq!(values(&network), [(1, 1), (2, 2)]);
}

#[test]
fn a_server_that_does_not_come_up_is_tried_again_until_the_time_is_over() {
    let network = Network::serving_two();
    let apply = |further: &[&str]| {
        let (address, first_attempt) = closing_port();
        let place = format!("server2={address}");
        let arguments = [&["apply", "init.yaml", "--server", &place], further].concat();
        let finished = network.initializer(&arguments).ends(1);
        first_attempt.join().expect("an attempt");
        finished
    };
    apply(&[]).never_says("connection refused");
    apply(&["--wait", "1s"]).says("connection refused");
}

/// The kernel answers no connection to a port whose queue is full.
#[test]
fn a_server_that_takes_no_connection_is_given_up_after_five_seconds() {
    let network = Network::serving_two();
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let free_port = SocketAddr::from(([127, 0, 0, 1], 0));
    full.bind(&free_port.into()).expect("a free port");
    full.listen(0).expect("a listening socket");
    let address = full.local_addr().expect("an address");
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_nonblocking(true).expect("a socket option");
            // The result is of no interest: the first ones fill the queue.
            let _ = socket.connect(&address);
            socket
        })
        .collect();
    let address = address.as_socket().expect("an IP address");
    let place = format!("server2={address}");
    network
        .initializer(&["status", "init.yaml", "--server", &place])
        .ends(1)
        .says("no connection within 5s");
    drop((waiting, full));
}
