//! Runs an agent for one test and speaks to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::proto::{
    AwaitReadyRequest, StartRequest, StatusRequest, SyncBegin, SyncDelete, SyncFile, SyncFinish, SyncRequest,
    SyncResponse, WatchRequest, WatchResponse, agent_service_client::AgentServiceClient, await_ready_response::Outcome,
    sync_request::Message, watch_response::Event,
};

/// An agent in a folder of its own, and a client that came by `agent dial`.
pub struct Agent {
    child: Child,
    socket: String,
    folder: TempDir,
    pub client: AgentServiceClient<Channel>,
}

impl Agent {
    pub async fn run() -> Self {
        Self::run_in(TempDir::new().unwrap()).await
    }

    /// Runs an agent with the home folder that another had.
    pub async fn run_in(folder: TempDir) -> Self {
        for name in ["home", "tmp", "outside"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let socket = format!("@{}", folder.path().display());
        let child = Command::new(env!("CARGO_BIN_EXE_previewd-agent"))
            .args(["run", "--socket", &socket])
            .env("HOME", folder.path().join("home"))
            .env("TMPDIR", folder.path().join("tmp"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let client = dial(&socket).await;
        Self { child, socket, folder, client }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns a second client, through another `agent dial`.
    pub async fn dial(&self) -> AgentServiceClient<Channel> {
        dial(&self.socket).await
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    pub fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn has(&self, path: &str) -> bool {
        self.root().join(path).symlink_metadata().is_ok()
    }

    pub fn begin(&self, full: bool) -> Message {
        let root = self.root().display().to_string();
        Message::Begin(SyncBegin { root, revision: "r1".into(), full, made: false })
    }

    /// Brings a few text files, and deletes.
    pub async fn sync(&mut self, full: bool, files: &[(&str, &str)], deletes: &[&str]) -> SyncResponse {
        let mut messages = vec![self.begin(full)];
        for (path, text) in files {
            messages.extend(file(path, text, false));
        }
        messages.push(delete(deletes));
        messages.push(Message::Finish(SyncFinish {}));
        self.send(messages).await.unwrap()
    }

    pub async fn send(&mut self, messages: Vec<Message>) -> Result<SyncResponse, tonic::Status> {
        let requests = messages.into_iter().map(|message| SyncRequest { message: Some(message) });
        Ok(self.client.sync(tokio_stream::iter(requests.collect::<Vec<_>>())).await?.into_inner())
    }

    pub async fn start(&mut self, argv: &[&str]) -> u64 {
        let request = self.launch(argv);
        self.client.start(request).await.unwrap().into_inner().generation
    }

    /// Starts a process beside those that run.
    pub async fn start_beside(&mut self, argv: &[&str]) -> u64 {
        let request = StartRequest { beside: true, ..self.launch(argv) };
        self.client.start(request).await.unwrap().into_inner().generation
    }

    pub async fn python(&mut self, script: &str) -> u64 {
        self.start(&["python3", "-u", "-c", script]).await
    }

    pub fn launch(&self, argv: &[&str]) -> StartRequest {
        StartRequest {
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            cwd: self.folder.path().display().to_string(),
            ..StartRequest::default()
        }
    }

    pub async fn ready(&mut self, generation: u64, port: u16, seconds: f64) -> Outcome {
        let timeout = Some(Duration::from_secs_f64(seconds).try_into().unwrap());
        let request = AwaitReadyRequest { generation, port: port.into(), timeout, ..AwaitReadyRequest::default() };
        self.client.await_ready(request).await.unwrap().into_inner().outcome.unwrap()
    }

    /// Waits until a process has ended, and returns the code and all that was written until then.
    pub async fn finish(&mut self, generation: u64) -> (i32, Vec<WatchResponse>) {
        let mut stream = self.client.watch(WatchRequest::default()).await.unwrap().into_inner();
        let mut seen = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), stream.message()).await;
            let message = next.expect("the process did not end").unwrap().unwrap();
            if let Some(Event::Exit(exit)) = &message.event
                && exit.generation == generation
            {
                return (exit.code, seen);
            }
            seen.push(message);
        }
    }

    /// Waits until a file in the test's folder has text, and returns it.
    pub async fn wait_for_file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        let text = || fs::read_to_string(&path).unwrap_or_default();
        until(&format!("{name} was not written"), || !text().is_empty()).await;
        text()
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(mut self) -> (ExitStatus, TempDir) {
        signal(self.child.id(), Signal::TERM);
        let mut status = None;
        until("the agent did not end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        let folder = std::mem::replace(&mut self.folder, TempDir::new().unwrap());
        (status.unwrap(), folder)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // SIGTERM first: it takes with it what the test started.
        signal(self.child.id(), Signal::TERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(8) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn dial(socket: &str) -> AgentServiceClient<Channel> {
    dial_by(&[env!("CARGO_BIN_EXE_previewd-agent"), "dial", "--socket", socket]).await
}

/// Returns a client that speaks through the standard streams of a command.
pub async fn dial_by(argv: &[&str]) -> AgentServiceClient<Channel> {
    let mut dial = tokio::process::Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = Some(TokioIo::new(tokio::io::join(dial.stdout.take().unwrap(), dial.stdin.take().unwrap())));
    tokio::spawn(async move { dial.wait().await });
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| std::io::Error::other("used"));
        async move { stream }
    });
    let endpoint = Endpoint::from_static("http://agent").initial_stream_window_size(1024 * 1024);
    let mut client = AgentServiceClient::new(endpoint.connect_with_connector(connector).await.unwrap());
    client.status(StatusRequest {}).await.unwrap();
    client
}

pub fn file(path: &str, text: &str, executable: bool) -> [Message; 2] {
    let size_bytes = text.len() as u64;
    let head = SyncFile { path: path.into(), size_bytes, executable, symlink: false };
    [Message::File(head), Message::Chunk(text.to_owned().into())]
}

pub fn symlink(path: &str, target: &str) -> [Message; 2] {
    let size_bytes = target.len() as u64;
    let head = SyncFile { path: path.into(), size_bytes, executable: false, symlink: true };
    [Message::File(head), Message::Chunk(target.to_owned().into())]
}

pub fn delete(paths: &[&str]) -> Message {
    Message::Delete(SyncDelete { paths: paths.iter().map(|&path| path.to_owned()).collect() })
}

pub fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal);
}

/// Returns whether a process is there and no zombie.
pub fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

pub async fn until(otherwise: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{otherwise}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns a port that nobody listens on, of those that a program chooses for itself: below the ones that the system
/// gives out, and another one each time.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 20).unwrap() * 1000;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 1000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
