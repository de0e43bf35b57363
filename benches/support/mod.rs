//! What the benchmarks share: the engine that they ask, and the image of their containers.

use std::path::Path;

use previewd::{
    engine::docker::{DockerEngine, DockerOptions},
    stack,
};

/// Returns an engine whose containers and network have that name.
pub fn engine(instance: &str) -> DockerEngine {
    DockerEngine::connect(DockerOptions {
        host: std::env::var("DOCKER_HOST").ok(),
        instance: instance.to_owned(),
        network: instance.to_owned(),
        runtime_files: stack::runtime_files(None),
    })
    .unwrap()
}

/// Returns the base image of Node, as the environment or `.env` names it.
pub fn image() -> String {
    const NAME: &str = "PREVIEW_NODE_IMAGE";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env");
    let named = |(name, value): (String, String)| (name == NAME).then_some(value);
    let written = || dotenvy::from_path_iter(file).ok()?.flatten().find_map(named);
    std::env::var(NAME).ok().or_else(written).unwrap_or_else(|| "node:22-slim".to_owned())
}
