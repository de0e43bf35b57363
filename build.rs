//! Generates the Rust of both contracts without a `protoc`, and builds the agent as a static binary.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    generate(&out)?;
    build_agent(&out)
}

/// Writes the messages, clients and servers, and the descriptors that reflection serves.
fn generate(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let public = protox::compile(["preview/v1/preview_service.proto", "preview/v1/vfs_service.proto"], ["proto"])?;
    fs::write(out.join("preview_v1.bin"), public.encode_to_vec())?;
    // Messages in a fixed order, and broken ones answered as the caller's mistake.
    let configure = || tonic_prost_build::configure().btree_map(".").codec_path("crate::proto::codec::Codec");
    configure().build_server(false).compile_fds(public.clone())?;
    let servers = out.join("servers");
    fs::create_dir_all(&servers)?;
    configure()
        .build_client(false)
        .extern_path(".preview.v1", "crate::proto::preview::v1")
        // Many watchers are sent the same.
        .extern_path(".preview.v1.WatchReloadsResponse", "crate::proto::encoded::Encoded")
        .out_dir(servers)
        .compile_fds(public)?;
    let private = protox::compile(["agent/v1/agent.proto"], ["proto"])?;
    // Only the engine in memory serves it.
    let serves = env::var_os("CARGO_FEATURE_FAKE").is_some();
    tonic_prost_build::configure().build_server(serves).bytes(".agent.v1").compile_fds(private)?;
    Ok(())
}

/// Builds `agent/` into a binary that needs nothing of the image it runs in.
///
/// A cargo of its own with a target folder of its own, because the outer one holds the lock of its folder. With
/// `PREVIEWD_AGENT_BIN` a ready one is taken instead, for builds that cross to another architecture.
fn build_agent(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=PREVIEWD_AGENT_BIN");
    for path in ["agent/src", "agent/Cargo.toml", "agent/build.rs", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let binary = out.join("previewd-agent");
    if let Some(ready) = env::var_os("PREVIEWD_AGENT_BIN") {
        fs::copy(ready, &binary)?;
        return Ok(());
    }
    let target = env::var("TARGET")?;
    // One folder for all profiles and checkouts that share a target folder: the agent is always built for release.
    let folder = out.ancestors().nth(4).ok_or("OUT_DIR is not below a target folder")?.join("agent");
    let status = Command::new(env::var("CARGO")?)
        .args(["build", "--release", "--locked", "--package", "previewd-agent", "--target", &target])
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_TARGET_DIR", &folder)
        // Static: the binary has to run in images with another libc, or none.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status()?;
    if !status.success() {
        return Err("the agent did not build; see above".into());
    }
    fs::copy(folder.join(&target).join("release/previewd-agent"), &binary)?;
    Ok(())
}
