//! Generates the service half of the private contract, without a `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../proto/agent");
    let files = protox::compile(["agent/v1/agent.proto"], ["../proto"])?;
    tonic_prost_build::configure().build_client(true).bytes(".agent.v1").compile_fds(files)?;
    Ok(())
}
