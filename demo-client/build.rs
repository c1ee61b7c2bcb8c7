//! Generates the stubs of the demo network and of the third server.

fn main() -> Result<(), rpcgen::Error> {
    rpcgen::build("../init.yaml").emit()?;
    rpcgen::build("native.yaml").file("native_stubs.rs").emit()
}
