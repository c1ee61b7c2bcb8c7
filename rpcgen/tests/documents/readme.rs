use super::readme_stubs::{TOPOLOGY, calculator};
use rpc_runtime::Network;

fn call() -> Result<(), rpc_runtime::Error> {
    Network::builder(&TOPOLOGY).client("client1").build()?.install();
    assert_eq!(calculator::add(2.5, 0.5)?, 3.0);
    assert_eq!(calculator::add("over", "load")?, "overload");
    Ok(())
}
