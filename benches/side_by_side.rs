//! What previewd does for one changed file, beside the usual ways to do it, in one run.
//!
//! Each row takes turns: ours, theirs, ours, theirs, so that whatever else the machine does falls on both. It needs
//! `git` and a Docker daemon with the base images (`make setup`), and prints medians and their ratio.

#![allow(clippy::unwrap_used, reason = "a benchmark may end on what it does not expect")]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use previewd::{
    agent::{AgentClient, ReadyOutcome, ReadyRequest, StartSpec, SyncFile, SyncPlan},
    domain::{
        ids::{BranchName, FilePath, ProjectId},
        limits::Limits,
        ports::ExpectedPort,
        runtime::{APP_ROOT, HOME},
        tree::EntryKind,
    },
    engine::{ContainerSpec, Containers, LABEL_ROLE, docker::DockerEngine},
    stack::{self, StackConfig},
    vfs::{Change, FileWrite, Scope, Vfs, VfsOptions},
};

use support::{engine, image};

const FILES: usize = 200;
const PORT: u16 = 3000;
/// A server that says which process it is.
const SERVER: &str = "require('node:http').createServer((_, answer) => answer.end(`${process.pid}`)).listen(3000)\n";

#[tokio::main]
async fn main() {
    println!("{:<52} {:>10} {:>10} {:>8}", "", "previewd", "usual", "ratio");
    commit().await;
    container().await;
}

/// A commit of one file into 200, on disk when it returns, against `git add` and `git commit`.
async fn commit() {
    let folder = tempfile::tempdir().unwrap();
    let vfs = Vfs::open(VfsOptions {
        root: folder.path().join("vfs"),
        poll_interval: Duration::from_secs(60),
        inotify: false,
    })
    .unwrap();
    let (project, branch): (ProjectId, BranchName) = ("bench".parse().unwrap(), "main".parse().unwrap());
    let write = |path: String, text: String| FileWrite {
        path: path.parse().unwrap(),
        content: text.into_bytes().into(),
        executable: false,
    };
    let change = |writes| Change { scope: Scope::Overlay, writes, deletes: vec![], message: None, expected_head: None };
    let all = (0..FILES).map(|n| write(path(n), format!("file {n}\n"))).collect();
    vfs.commit(&project, &branch, change(all)).await.unwrap();

    let work = folder.path().join("work");
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .args(["-c", "core.fsync=all", "-c", "user.name=b", "-c", "user.email=b@example.org", "-c", "gc.auto=0"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(&work)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "git {arguments:?}");
    };
    for n in 0..FILES {
        let file = work.join(path(n));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("file {n}\n")).unwrap();
    }
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "all"]);

    let mut row = Row::new("commit one file into 200 (git add, git commit)");
    for n in 0..100 {
        row.ours(async || {
            vfs.commit(&project, &branch, change(vec![write(path(7), format!("change {n}\n"))])).await.unwrap();
        })
        .await;
        row.theirs(async || {
            fs::write(work.join(path(7)), format!("change {n}\n")).unwrap();
            git(&["add", "--all"]);
            git(&["commit", "--quiet", "--message", "change"]);
        })
        .await;
    }
    row.print();
}

/// One file into a container, and a new process of its app, against what the Docker client does.
async fn container() {
    let instance = format!("bench-{}", std::process::id());
    let engine = engine(&instance);
    let spec = ContainerSpec {
        name: instance.clone(),
        image: image(),
        labels: BTreeMap::from([(LABEL_ROLE.to_owned(), "preview".to_owned())]),
        environment: stack::base_environment(&StackConfig::default()),
        limits: Limits { memory_bytes: 512 << 20, cpus: 0.5, pids: 256 },
        make_folders: true,
        volumes: Vec::new(),
    };
    let id = engine.run(spec).await.unwrap();
    let agent = AgentClient::connect(engine.dial(&id).await.unwrap()).await.unwrap();
    sync(&agent, "server.js", SERVER).await;
    start(&agent).await;
    bring(&agent, &id).await;
    restart(&engine, &agent, &id, &instance).await;
    engine.remove_all().await.unwrap();
}

/// Brings one file into a container.
async fn bring(agent: &AgentClient, id: &str) {
    let local = tempfile::tempdir().unwrap();
    let mut row = Row::new("bring one file into a container (docker cp)");
    for n in 0..40 {
        let text = format!("exports.version = {n}\n");
        row.ours(async || sync(agent, "version.js", &text).await).await;
        row.theirs(async || {
            fs::write(local.path().join("other.js"), &text).unwrap();
            docker(&["cp", "--quiet", local.path().join("other.js").to_str().unwrap(), &format!("{id}:{APP_ROOT}/")]);
        })
        .await;
    }
    row.print();
}

/// Starts an app anew, beside the same app as the process of a container without an agent.
async fn restart(engine: &DockerEngine, agent: &AgentClient, id: &str, instance: &str) {
    let plain = format!("{instance}-plain");
    let command = format!("echo \"{SERVER}\" > /tmp/server.js; exec node /tmp/server.js");
    docker(&[
        "run",
        "--detach",
        "--init",
        "--name",
        &plain,
        "--network",
        instance,
        "--cpus",
        "0.5",
        "--memory",
        "512m",
        "--user",
        "1000",
        "--entrypoint",
        "/bin/sh",
        &image(),
        "-c",
        &command.replace('`', "\\`").replace("${", "\\${"),
    ]);
    let address = engine.upstream(id, PORT).await.unwrap().ip();
    let other = docker(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &plain]);
    assert_ne!(address.to_string(), other);
    let mut row = Row::new("a new process that answers (docker restart)");
    for _ in 0..10 {
        row.ours(async || start(agent).await).await;
        row.theirs(async || {
            docker(&["restart", "--time", "2", &plain]);
            answers(&other).await;
        })
        .await;
    }
    row.print();

    docker(&["rm", "--force", "--volumes", &plain]);
}

async fn sync(agent: &AgentClient, path: &str, text: &str) {
    let file = SyncFile {
        path: path.parse::<FilePath>().unwrap(),
        kind: EntryKind::File,
        content: text.as_bytes().to_vec().into(),
    };
    let plan = SyncPlan { full: false, writes: vec![file], deletes: vec![] };
    agent.sync(APP_ROOT, "bench", plan).await.unwrap();
}

async fn start(agent: &AgentClient) {
    let spec = StartSpec {
        argv: vec!["node".into(), "server.js".into()],
        cwd: APP_ROOT.into(),
        environment: BTreeMap::from([("HOME".to_owned(), HOME.to_owned())]),
        grace: Duration::from_secs(2),
        ..StartSpec::default()
    };
    let generation = agent.start(spec).await.unwrap();
    let (timeout, interval) = (Duration::from_secs(30), Duration::from_millis(50));
    let port = ExpectedPort { number: PORT, named: true };
    let request = ReadyRequest {
        generation,
        port,
        held: false,
        has_page: false,
        again: false,
        alternatives: Vec::new(),
        path: "/".into(),
        timeout,
        still: timeout,
        interval,
    };
    assert!(matches!(agent.await_ready(request).await.unwrap(), ReadyOutcome::Ready(_)));
}

async fn answers(address: &str) {
    while tokio::net::TcpStream::connect((address, PORT)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn path(n: usize) -> String {
    format!("src/{}/file{n}.js", n % 20)
}

/// The times of two ways to do one thing.
struct Row {
    name: &'static str,
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

impl Row {
    fn new(name: &'static str) -> Self {
        Self { name, ours: Vec::new(), theirs: Vec::new() }
    }

    async fn ours(&mut self, work: impl AsyncFnOnce()) {
        self.ours.push(timed(work).await);
    }

    async fn theirs(&mut self, work: impl AsyncFnOnce()) {
        self.theirs.push(timed(work).await);
    }

    fn print(mut self) {
        let [ours, theirs] = [&mut self.ours, &mut self.theirs].map(|times| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1000.0
        });
        println!("{:<52} {:>7.2} ms {:>7.2} ms {:>7.1}x", self.name, ours, theirs, theirs / ours);
    }
}

async fn timed(work: impl AsyncFnOnce()) -> Duration {
    let began = Instant::now();
    work().await;
    began.elapsed()
}
