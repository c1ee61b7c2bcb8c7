//! Generates the stubs of the demo network.

fn main() -> Result<(), rpcgen::Error> {
    rpcgen::build("../init.yaml").emit()
}
