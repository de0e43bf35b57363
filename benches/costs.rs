//! What single calls of the engine, of an agent and of the store cost: medians, and the shortest and longest.
//!
//! It needs a Docker daemon with the base images (`make setup`): `cargo bench --bench costs`.

#![allow(clippy::unwrap_used, reason = "a benchmark may end on what it does not expect")]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use previewd::{
    agent::{AgentClient, SyncFile, SyncPlan},
    domain::{
        ids::{BranchName, FilePath, ProjectId},
        limits::Limits,
        runtime::APP_ROOT,
        tree::EntryKind,
    },
    engine::{ContainerSpec, Containers, Images, LABEL_ROLE},
    stack::{self, StackConfig},
    vfs::{Change, FileWrite, Scope, Vfs, VfsOptions},
};

use support::{engine, image};

/// How long each call took.
#[derive(Default)]
struct Costs(BTreeMap<&'static str, Vec<Duration>>);

impl Costs {
    async fn of<T>(&mut self, what: &'static str, call: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let came = call.await;
        self.0.entry(what).or_default().push(began.elapsed());
        came
    }

    fn print(self) {
        for (what, mut all) in self.0 {
            all.sort_unstable();
            println!("{what:<44} {:>10.1?} {:>10.1?} {:>10.1?}", all[all.len() / 2], all[0], all[all.len() - 1]);
        }
    }
}

#[tokio::main]
async fn main() {
    println!("{:<44} {:>10} {:>10} {:>10}", "", "median", "shortest", "longest");
    store().await;
    containers().await;
}

/// A store with a project of 200 files, of which one is changed again and again.
async fn store() {
    let folder = tempfile::tempdir().unwrap();
    let (root, poll_interval) = (folder.path().join("vfs"), Duration::from_secs(60));
    let vfs = Vfs::open(VfsOptions { root, poll_interval, inotify: false }).unwrap();
    let (project, branch): (ProjectId, BranchName) = ("bench".parse().unwrap(), "main".parse().unwrap());
    let write = |n: usize, text: String| FileWrite {
        path: format!("src/{}/file{n}.js", n % 20).parse().unwrap(),
        content: text.into_bytes().into(),
        executable: false,
    };
    let change = |writes| Change { scope: Scope::Overlay, writes, deletes: vec![], message: None, expected_head: None };
    let mut costs = Costs::default();
    let all = (0..200).map(|n| write(n, format!("content {n}"))).collect();
    let mut before =
        costs.of("store: commit 200 files", vfs.commit(&project, &branch, change(all))).await.unwrap().commit;
    for n in 0..50 {
        let one = vec![write(3, n.to_string())];
        let commit = costs.of("store: commit 1 file of 200", vfs.commit(&project, &branch, change(one))).await.unwrap();
        costs.of("store: head", vfs.head(&project, &branch)).await.unwrap();
        costs.of("store: diff", vfs.diff(&project, Some(before), &commit.commit)).await.unwrap();
        costs.of("store: tree", vfs.tree(&project, &commit.commit)).await.unwrap();
        before = commit.commit;
    }
    costs.print();
}

/// Containers of their own, and the agents in them.
async fn containers() {
    let instance = format!("bench-{}", std::process::id());
    let engine = engine(&instance);
    let mut costs = Costs::default();
    costs.of("engine: prepare, first", engine.prepare()).await.unwrap();
    for round in 0..10 {
        costs.of("engine: prepare, again", engine.prepare()).await.unwrap();
        let spec = ContainerSpec {
            name: format!("{instance}-{round}"),
            image: image(),
            labels: BTreeMap::from([(LABEL_ROLE.to_owned(), "preview".to_owned())]),
            environment: stack::base_environment(&StackConfig::default()),
            limits: Limits { memory_bytes: 512 << 20, cpus: 0.5, pids: 256 },
            make_folders: true,
            volumes: Vec::new(),
        };
        let id = costs.of("engine: run", engine.run(spec)).await.unwrap();
        let io = costs.of("engine: dial", engine.dial(&id)).await.unwrap();
        agent(&mut costs, &AgentClient::connect(io).await.unwrap(), round).await;
        costs.of("engine: list", engine.containers()).await.unwrap();
        costs.of("engine: look at one", engine.container(&id)).await.unwrap();
        costs.of("engine: pause", engine.set_paused(&id, true)).await.unwrap();
        costs.of("engine: unpause", engine.set_paused(&id, false)).await.unwrap();
        let tag = format!("previewd-{instance}/costs:{round}");
        costs.of("engine: commit", engine.commit(&id, &tag, BTreeMap::new())).await.unwrap();
        costs.of("engine: remove", engine.remove(&id)).await.unwrap();
        engine.remove_image(&tag).await.unwrap();
    }
    engine.remove_all().await.unwrap();
    costs.print();
}

async fn agent(costs: &mut Costs, agent: &AgentClient, round: usize) {
    for _ in 0..20 {
        costs.of("agent: status", agent.status()).await.unwrap();
    }
    for (what, count) in [("agent: sync 1 file", 1), ("agent: sync 200 files", 200)] {
        for turn in 0..5 {
            let file = |n: usize| SyncFile {
                path: format!("src/{}/file{n}.js", n % 20).parse::<FilePath>().unwrap(),
                kind: EntryKind::File,
                content: format!("round {round}, turn {turn} of {count}").into_bytes().into(),
            };
            let plan = SyncPlan { full: false, writes: (0..count).map(file).collect(), deletes: Vec::new() };
            costs.of(what, agent.sync(APP_ROOT, "bench", plan)).await.unwrap();
        }
    }
}
