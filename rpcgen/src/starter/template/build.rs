//! Generates the stubs for what `laptop` may call, whenever `init.yaml` changes.

fn main() -> Result<(), rpcgen::Error> {
    rpcgen::build("init.yaml").tenant("laptop").emit()
}
