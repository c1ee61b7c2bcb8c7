//! Generates the stubs of this repository, and those of the peers that come with a generator in
//! Rust.

use std::error::Error;

use tonic_build::manual::{Builder, Method, Service};

fn main() -> Result<(), Box<dyn Error>> {
    rpcgen::build("init.yaml").emit()?;
    rpcgen::build("native.yaml")
        .file("native_stubs.rs")
        .emit()?;
    generate_tonic();
    println!("cargo:rerun-if-changed=schemas/bench.thrift");
    volo_build::Builder::thrift()
        .add_service("schemas/bench.thrift")
        .write()?;
    Ok(())
}

/// The service, by the types of `src/peers/tonic.rs`.
fn generate_tonic() {
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("crate::peers::tonic::{input}"))
            .output_type(format!("crate::peers::tonic::{output}"))
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let service = Service::builder()
        .name("Bench")
        .package("bench")
        .method(method("add", "Add", "Addends", "Sum"))
        .method(method("strings", "Strings", "Strings", "Strings"))
        .method(method("data", "Data", "Data", "Data"))
        .method(method("doubles", "Doubles", "Doubles", "Doubles"))
        .build();
    Builder::new().compile(&[service]);
}
