//! Generates the stubs of this repository, and what peers generate.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    rpcgen::build("init.yaml").emit()?;
    Ok(())
}
