//! The engine against a real Docker daemon: `DOCKER_HOST`, or the default socket.
//!
//! Every test has an instance and a network of its own, and takes them away when it ends, however it ends. The agent is
//! a shell script here: it runs what `TEST_RUN` says, and answers a dial with what it is asked for.

#![allow(clippy::unwrap_used, reason = "in tests")]

mod containers;
mod contract;
mod faults;
mod handed;
mod images;
mod isolation;
mod seen;
mod volume;

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use previewd::{
    domain::{limits::Limits, runtime::RuntimeFile},
    engine::{
        ContainerSpec, Containers, Images, LABEL_INSTANCE, LABEL_ROLE,
        docker::{DockerEngine, DockerOptions},
    },
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AGENT: &str = r#"#!/bin/sh
case "$1" in
run) eval "${TEST_RUN:-:}"; while :; do sleep 0.2; done ;;
dial)
  read -r word
  case "$word" in
  echo) exec cat ;;
  fail) echo "last words" >&2; exit 3 ;;
  esac ;;
esac
"#;

/// How long a test waits for what should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine with an instance of its own.
struct Fixture {
    engine: DockerEngine,
    instance: String,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut DockerOptions)) -> Self {
        let instance = format!("it-{}", uuid::Uuid::new_v4().simple());
        let mut options = options(&instance);
        change(&mut options);
        Self { engine: DockerEngine::connect(options).unwrap(), instance }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.instance)
    }

    fn spec(&self, name: &str, run: &str) -> ContainerSpec {
        ContainerSpec {
            name: self.name(name),
            image: base_image().to_owned(),
            labels: BTreeMap::from([(LABEL_ROLE.to_owned(), "preview".to_owned())]),
            environment: BTreeMap::from([("TEST_RUN".to_owned(), run.to_owned())]),
            limits: limits(),
            make_folders: true,
            volumes: Vec::new(),
        }
    }

    async fn run(&self, name: &str, run: &str) -> String {
        self.engine.run(self.spec(name, run)).await.unwrap()
    }

    /// Runs a command in a container, as the container's own user, and returns its output.
    async fn ask(&self, id: &str, command: &str) -> String {
        let command = format!("{{ {command}; }} 2>&1; exit 0");
        docker(&["exec", "--workdir", "/", id, "sh", "-c", &command]).trim().to_owned()
    }

    /// Lists what is of this instance, of one kind: `container`, `network`, `volume` or `image`.
    fn left(&self, kind: &str) -> Vec<String> {
        let filter = format!("label={LABEL_INSTANCE}={}", self.instance);
        let list: &[&str] = if kind == "container" { &["-a"] } else { &[] };
        let listed = docker(&[&[kind, "ls", "-q", "--filter", &filter], list].concat());
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for (kind, flags) in [("container", &["-f", "-v"][..]), ("image", &["-f"]), ("network", &[]), ("volume", &[])] {
            let left = self.left(kind);
            if !left.is_empty() {
                let ids: Vec<&str> = left.iter().map(String::as_str).collect();
                docker_fails(&[&[kind, "rm"], flags, &ids].concat());
            }
        }
        // One that several instances share has the label of the first.
        docker_fails(&["network", "rm", &self.instance]);
    }
}

fn options(instance: &str) -> DockerOptions {
    DockerOptions {
        host: std::env::var("DOCKER_HOST").ok(),
        instance: instance.to_owned(),
        network: instance.to_owned(),
        runtime_files: vec![agent(AGENT)],
    }
}

fn agent(script: &str) -> RuntimeFile {
    RuntimeFile { path: "agent".to_owned(), content: script.to_owned().into(), executable: true }
}

fn limits() -> Limits {
    Limits { memory_bytes: 64 * 1024 * 1024, cpus: 0.5, pids: 64 }
}

/// Returns the image that previews of static sites are made from: it has a shell and nginx.
fn base_image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env");
        let named = |(name, value): (String, String)| (name == "PREVIEW_STATIC_IMAGE").then_some(value);
        let written = || dotenvy::from_path_iter(file).ok()?.flatten().find_map(named);
        std::env::var("PREVIEW_STATIC_IMAGE").ok().or_else(written).unwrap_or("previewd/static:trixie".to_owned())
    })
}

/// Runs the Docker client and returns its output.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    assert!(output.status.success(), "docker {arguments:?}: {}", text(output.stderr));
    text(output.stdout)
}

/// Runs the Docker client where it may fail.
fn docker_fails(arguments: &[&str]) -> bool {
    !Command::new("docker").args(arguments).output().unwrap().status.success()
}

fn inspect(kind: &str, name: &str) -> Value {
    let found: Value = serde_json::from_str(&docker(&[kind, "inspect", name])).unwrap();
    found[0].clone()
}

/// Waits until it is true.
async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
