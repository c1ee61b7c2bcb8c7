//! An apply succeeds only if the committed code really runs.

use super::values;
use crate::harness::Network;

/// Returns a source that loads once, for the check. It creates the file `flag`, and does not load
/// again.
fn loading_once(flag: &std::path::Path) -> String {
    format!(
        "import pathlib\n\nflag = pathlib.Path('{}')\nif flag.exists():\n    raise RuntimeError('loaded twice')\n\
         flag.touch()\n\n\ndef value():\n    return 2\n",
        flag.display()
    )
}

#[test]
fn a_generation_that_does_not_run_after_its_commit_is_rolled_back_everywhere() {
    let mut network = Network::of_two_servers();
    // Idle workers end at once, so that the probe has to start one.
    network.start("server1", &["--worker-idle", "1ms"]);
    network.start("server2", &[]);
    network.apply().succeeds();
    let flag = network.path().join("flag");
    network.write("one.py", &loading_once(&flag));
    network.write_value("two.py", 2);
    let proxy = crate::faults::proxy::Proxy::before(network.release("server1"), move |exchange| {
        if exchange.header == "INIT-PROBE" {
            crate::harness::eventually("the worker ends", || {
                exchange.server.workers().is_empty().then_some(())
            });
        }
        exchange.forward()
    });
    let place = proxy.place("server1");
    let failed = network
        .initializer(&["apply", "init.yaml", "--no-sources", "--server", &place])
        .ends(1);
    network.adopt("server1", proxy.end());
    failed
        .says("server1 (generation 3): was live, and is rolled back: service `svc1` has no worker")
        .says("loaded twice")
        .says("server2 (generation 3): was live, and is rolled back");
    assert_eq!(values(&network), [(3, 1), (3, 1)]);
}
