//! The agent where it belongs: PID 1 of a container without capabilities.
//!
//! It needs a Docker daemon, the image that previews of Python have (`PREVIEW_PYTHON_IMAGE`, from the environment or `.env`),
//! and the static binary that the build of the workspace leaves, or that `PREVIEWD_AGENT_BIN` names.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};
use tonic::transport::Channel;

use crate::{
    harness::{dial_by, file, until},
    proto::{
        AwaitReadyRequest, Exit, Ready, StartRequest, StatusRequest, StopRequest, SyncBegin, SyncFinish, SyncRequest,
        agent_service_client::AgentServiceClient, await_ready_response::Outcome, sync_request::Message,
    },
};

struct Container {
    id: String,
    client: AgentServiceClient<Channel>,
    _guard: Guard,
}

/// Removes the container of that id, however the test ends.
struct Guard(String);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-fv", &self.0]).output();
    }
}

fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Returns the newest of the binaries that were built for containers.
fn static_agent() -> PathBuf {
    if let Some(named) = env::var_os("PREVIEWD_AGENT_BIN") {
        return named.into();
    }
    // target/debug/previewd-agent is the one beside it, for this machine alone.
    let target = Path::new(env!("CARGO_BIN_EXE_previewd-agent")).ancestors().nth(2).unwrap();
    let built = fs::read_dir(target.join("agent")).expect("the workspace is not built").flatten();
    let built = built.map(|folder| folder.path().join("release/previewd-agent")).filter(|file| file.is_file());
    let age = |file: &PathBuf| file.metadata().and_then(|metadata| metadata.modified()).ok();
    built.max_by_key(age).expect("the workspace is not built").canonicalize().unwrap()
}

fn image() -> String {
    const NAME: &str = "PREVIEW_PYTHON_IMAGE";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env");
    let named = |(name, value): (String, String)| (name == NAME).then_some(value);
    let written = || dotenvy::from_path_iter(file).ok()?.flatten().find_map(named);
    env::var(NAME).ok().or_else(written).unwrap_or_else(|| "python:3.12-slim".into())
}

impl Container {
    async fn run() -> Self {
        let (mount, image) = (format!("{}:/previewd/agent:ro", static_agent().display()), image());
        let secured = ["--user=1000:1000", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=256"];
        let limits = ["--memory=128m", "--memory-swap=128m", "--cpus=0.5", "-e", "HOME=/home/preview"];
        let mut arguments = vec!["run", "-d", "-v", &mount, "--entrypoint=/previewd/agent"];
        arguments.extend(secured.iter().chain(&limits));
        arguments.extend([image.as_str(), "run"]);
        let id = docker(&arguments).unwrap();
        let container = Guard(id);
        let tree = tempfile::TempDir::new().unwrap();
        for folder in ["app", "home/preview"] {
            fs::create_dir_all(tree.path().join(folder)).unwrap();
        }
        let copy = "tar --owner=1000 --group=1000 -C \"$1\" -cf - app home/preview | docker cp - \"$2:/\"";
        let words = ["-c", copy, "sh", tree.path().to_str().unwrap(), &container.0];
        assert!(Command::new("sh").args(words).status().unwrap().success());
        let client = Self::dial(&container.0).await;
        Self { id: container.0.clone(), client, _guard: container }
    }

    async fn dial(id: &str) -> AgentServiceClient<Channel> {
        dial_by(&["docker", "exec", "-i", id, "/previewd/agent", "dial"]).await
    }

    async fn start(&mut self, argv: &[&str]) -> u64 {
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        let request = StartRequest { argv, cwd: "/app".into(), ..StartRequest::default() };
        self.client.start(request).await.unwrap().into_inner().generation
    }

    async fn ready(&mut self, generation: u64, port: u32) -> Outcome {
        let request = AwaitReadyRequest { generation, port, ..AwaitReadyRequest::default() };
        self.client.await_ready(request).await.unwrap().into_inner().outcome.unwrap()
    }

    async fn sync(&mut self, root: &str, files: usize, text: &str) {
        let begin = SyncBegin { root: root.into(), revision: "r".into(), full: false, made: false };
        let mut messages = vec![Message::Begin(begin)];
        for number in 0..files {
            messages.extend(file(&format!("src/{}/file{number}.js", number % 20), &text.repeat(300), false));
        }
        messages.push(Message::Finish(SyncFinish {}));
        let requests: Vec<_> = messages.into_iter().map(|message| SyncRequest { message: Some(message) }).collect();
        self.client.sync(tokio_stream::iter(requests)).await.unwrap();
    }

    fn exec(&self, script: &str) -> Result<String, String> {
        docker(&["exec", &self.id, "sh", "-c", script])
    }

    fn ip(&self) -> String {
        docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &self.id]).unwrap()
    }
}

#[tokio::test]
async fn pid_1_cannot_be_looked_into_nor_spoken_to_by_the_app() {
    let mut container = Container::run().await;
    assert!(container.exec("cat /proc/1/environ").is_err());
    assert!(container.exec("ls /proc/1/fd").is_err());
    let intruder = "import socket\ns = socket.socket(socket.AF_UNIX); s.connect('\\0previewd-agent')\n\
        s.settimeout(5)\n\
        try: s.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + b'\\0\\0\\0\\4\\0\\0\\0\\0\\0'); print(len(s.recv(100)))\n\
        except (BrokenPipeError, ConnectionResetError): print(0)\n";
    let generation = container.start(&["python3", "-c", &format!("{intruder}\nexit(s and 9)")]).await;
    assert!(matches!(container.ready(generation, 1).await, Outcome::Exited(_)));
    until("the copy of the output is not in the engine's log", || docker(&["logs", &container.id]).unwrap() == "0")
        .await;
}

#[tokio::test]
async fn everything_of_the_app_dies_and_what_came_by_exec_lives() {
    let mut container = Container::run().await;
    let daemon = "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 & sleep 60";
    container.start(&["sh", "-c", daemon]).await;
    let mut guest = Command::new("docker").args(["exec", &container.id, "sleep", "77"]).spawn().unwrap();
    let processes = || container.exec("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").unwrap();
    until("the processes did not start", || {
        let seen = processes();
        seen.contains("trap") && seen.contains("sleep 77")
    })
    .await;
    let stopped = container.client.clone().stop(StopRequest::default()).await.unwrap().into_inner();
    assert_eq!(stopped.exit.unwrap().signal, 15);
    let left = processes();
    assert!(left.contains("sleep 77") && !left.contains("trap") && !left.contains("sleep 60"), "{left}");
    guest.kill().unwrap();
    guest.wait().unwrap();
}

#[tokio::test]
async fn an_app_on_loopback_is_reached_from_outside() {
    let mut container = Container::run().await;
    let generation = container.start(&["python3", "-m", "http.server", "--bind", "127.0.0.1", "8000"]).await;
    let Outcome::Ready(Ready { upstream_port, loopback_only: true, .. }) = container.ready(generation, 8000).await
    else {
        panic!()
    };
    let address = format!("{}:{upstream_port}", container.ip());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}

#[tokio::test]
async fn out_of_memory_is_named() {
    let mut container = Container::run().await;
    let generation = container.start(&["python3", "-c", "x = b'x' * (400 << 20)"]).await;
    let outcome = container.ready(generation, 1).await;
    let Outcome::Exited(Exit { signal: 9, out_of_memory: true, .. }) = outcome else { panic!("{outcome:?}") };
    let generation = container.start(&["false"]).await;
    let outcome = container.ready(generation, 1).await;
    let Outcome::Exited(Exit { code: 1, out_of_memory: false, .. }) = outcome else { panic!("{outcome:?}") };
}

#[tokio::test]
async fn a_stopped_container_ends_soon_and_keeps_its_files_and_their_list() {
    let mut container = Container::run().await;
    container.sync("/app", 3, "x").await;
    container.start(&["sleep", "60"]).await;
    let instance = container.client.status(StatusRequest {}).await.unwrap().into_inner().instance;
    let begun = Instant::now();
    docker(&["stop", &container.id]).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(docker(&["inspect", "-f", "{{.State.ExitCode}}", &container.id]).unwrap(), "0");
    docker(&["start", &container.id]).unwrap();
    container.client = Container::dial(&container.id).await;
    let status = container.client.status(StatusRequest {}).await.unwrap().into_inner();
    assert!(status.revision.is_empty() && status.instance != instance && status.process.is_none());
    let begin = SyncBegin { root: "/app".into(), revision: "r2".into(), full: true, made: false };
    let messages = [Message::Begin(begin), Message::Finish(SyncFinish {})];
    let requests = messages.map(|message| SyncRequest { message: Some(message) });
    let answer = container.client.sync(tokio_stream::iter(requests)).await.unwrap().into_inner();
    assert_eq!(answer.deleted, 3);
}
