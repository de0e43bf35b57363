//! The core at its own level: real git, an engine in memory, and a clock that moves when nothing else does.
//!
//! Every crossing that only luck brings about with a daemon is made to happen here: a call of the engine or of an agent
//! is stopped, something else happens, and the call goes on.

mod capabilities;
mod commits;
mod deaths;
mod endings;
mod engine_away;
mod model;
mod ports;
mod projects;
mod takeovers;
mod watching;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use previewd::{
    domain::{
        decide::{SiteState, phase_of},
        error::Error,
        events::Stage,
        ids::{BranchName, CommitId, FilePath, ProjectId},
        limits::Limits,
        reason::Reason,
        runtime::BaseImage,
        spec::{Overrides, Phase, ReloadMode},
    },
    engine::{
        LABEL_ROLE,
        fake::{Answer, Call, FakeEngine, Fault, Hold},
    },
    preview::{
        api::{Create, ListFilter, PreviewView, Target, Update, Wait, WatchItem},
        core::Core,
        face::log::LogMemory,
        image::images::Images,
        manager::Manager,
        settings::Settings,
        store::SpecStore,
        unit::data::DataStore,
        upkeep::{availability::Availability, reconciler},
    },
    vfs::{Change, FileWrite, Scope, Vfs, VfsOptions},
};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{ports::Ports, projects::*};

/// Longer than anything may take, by the clock that is not waited for.
const PATIENCE: Duration = Duration::from_secs(900);
const NEVER: Duration = Duration::from_secs(24 * 3600);
const MIB: u64 = 1024 * 1024;

/// One life of a service, on a folder and an engine that may outlive it.
struct Service {
    folder: TempDir,
    engine: FakeEngine,
    ports: Ports,
    manager: Manager,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Service {
    async fn new() -> Self {
        Self::begin(folder(), FakeEngine::new(&["python", "node", "static"])).await
    }

    /// Begins a life, as the composition root does.
    async fn begin(folder: TempDir, engine: FakeEngine) -> Self {
        let store = SpecStore::open(folder.path()).unwrap();
        let options = VfsOptions { root: folder.path().join("vfs"), poll_interval: NEVER, inotify: false };
        let vfs = Vfs::open(options).unwrap();
        let (shared, settings, ports) = (Arc::new(engine.clone()), Arc::new(settings()), Ports::default());
        let images = Images::new(shared.clone(), settings.clone(), store.instance());
        let data = DataStore::new(folder.path());
        let core = Arc::new(Core {
            engine: shared.clone(),
            store,
            vfs,
            images,
            data,
            logs: LogMemory::new(64 << 20),
            settings,
        });
        let (availability, available) = Availability::new(shared);
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let manager = Manager::new(core, Arc::new(ports.clone()), available, shutdown.clone());
        availability.look().await;
        let token = shutdown.clone();
        tasks.spawn(async move { availability.run(token).await });
        let leftovers = reconciler::take_over(&manager, Instant::now() + Duration::from_secs(4)).await.unwrap();
        let (core, token) = (manager.clone(), shutdown.clone());
        let removal = async move { reconciler::remove_leftovers(&core, &leftovers).await };
        tasks.spawn(async move { _ = token.run_until_cancelled(removal).await });
        Self { folder, engine, ports, manager, shutdown, tasks }
    }

    /// Ends this life as SIGTERM does, and begins another.
    async fn restarted(self) -> Self {
        self.shutdown.cancel();
        self.manager.drained().await;
        self.tasks.close();
        self.tasks.wait().await;
        let Self { folder, engine, manager, .. } = self;
        drop(manager);
        Self::begin(folder, engine).await
    }

    /// Ends this life as `kill -9` does, and begins another.
    async fn killed(self) -> Self {
        let (folder, engine) = self.dead().await;
        Self::begin(folder, engine).await
    }

    /// Ends this life as `kill -9` does.
    async fn dead(self) -> (TempDir, FakeEngine) {
        let engine = self.engine.crash();
        self.shutdown.cancel();
        self.manager.drained().await;
        self.tasks.close();
        self.tasks.wait().await;
        (self.folder, engine)
    }

    async fn create(&self, files: &[(&str, &str)]) -> PreviewView {
        self.ask(files, Wait::Ready).await
    }

    /// Asks for the preview, and does not wait for it.
    async fn begin_create(&self, files: &[(&str, &str)]) -> PreviewView {
        self.ask(files, Wait::None).await
    }

    async fn ask(&self, files: &[(&str, &str)], wait: Wait) -> PreviewView {
        self.try_create(files, wait).await.unwrap()
    }

    async fn try_create(&self, files: &[(&str, &str)], wait: Wait) -> Result<PreviewView, Error> {
        let request = Create {
            project: project(),
            branch: main(),
            files: writes(files),
            message: None,
            request_id: None,
            overrides: Overrides::default(),
            time_to_live: None,
            idle_timeout: None,
            reload: ReloadMode::Auto,
            wait,
            replace: false,
        };
        let (asked, _) = self.manager.create(request).await?;
        Ok(in_time(self.manager.outcome(asked)).await)
    }

    /// Commits a change of the files.
    async fn commit(&self, files: &[(&str, &str)]) -> CommitId {
        let change = Change {
            scope: Scope::Overlay,
            writes: writes(files),
            deletes: Vec::new(),
            message: None,
            expected_head: None,
        };
        self.manager.vfs().commit(&project(), &main(), change).await.unwrap().commit
    }

    /// Commits a change of the files, and returns once its way has come to a call, which is stopped before it does anything
    /// or after it has; or once it has come to its end, if it takes no such call.
    async fn commit_up_to(&self, call: Call, after: bool, files: &[(&str, &str)]) -> (Hold, CommitId) {
        let hold = self.hold(call, after);
        let commit = self.commit(files).await;
        (self.up_to(hold, &commit).await, commit)
    }

    /// Asks for the preview, and returns as [`Self::commit_up_to`] does.
    async fn create_up_to(&self, call: Call, after: bool, files: &[(&str, &str)]) -> (Hold, CommitId) {
        let hold = self.hold(call, after);
        let commit = self.begin_create(files).await.head.unwrap();
        (self.up_to(hold, &commit).await, commit)
    }

    fn hold(&self, call: Call, after: bool) -> Hold {
        if after { self.engine.hold_after(call) } else { self.engine.hold(call) }
    }

    async fn up_to(&self, mut hold: Hold, commit: &CommitId) -> Hold {
        tokio::select! {
            () = hold.reached() => {}
            _ = self.settles(commit) => {}
        }
        hold
    }

    /// Commits a change of the files, and waits until it has come to its end.
    async fn update(&self, files: &[(&str, &str)]) -> PreviewView {
        let update = Update {
            writes: writes(files),
            deletes: Vec::new(),
            message: None,
            expected_head: None,
            wait: Wait::Ready,
        };
        let (asked, _) = self.manager.update(target(), update).await.unwrap();
        in_time(self.manager.outcome(asked)).await
    }

    async fn delete(&self) -> PreviewView {
        let asked = self.manager.delete(target()).await.unwrap();
        in_time(self.manager.outcome(asked)).await
    }

    async fn view(&self) -> PreviewView {
        self.manager.get(target()).await.unwrap()
    }

    async fn watch(&self) -> BoxStream<'static, WatchItem> {
        let mut stream = self.manager.watch(target(), None).await.unwrap();
        // It begins when it is read.
        assert!(matches!(stream.next().await, Some(WatchItem::Hello(_))));
        stream
    }

    /// Returns once a commit has come to a stage. Whoever waits has watched from before.
    async fn settles(&self, commit: &CommitId) -> PreviewView {
        self.until("the commit has come to its end", |view| view.status.settled.as_ref() == Some(commit)).await
    }

    /// Returns what is observed once something is true of it.
    async fn until(&self, what: &str, condition: impl Fn(&PreviewView) -> bool) -> PreviewView {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(10);
        loop {
            let view = self.view().await;
            if condition(&view) {
                return view;
            }
            assert!(Instant::now() < deadline, "not in time: {what}: {:#?}", view.status);
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_secs(5));
        }
    }

    /// Says what a gateway says whose requests do not reach the app.
    fn doubt(&self) {
        self.ports.0.lock().unwrap().values().for_each(|route| route.doubt());
    }

    /// Returns what a request to the preview's URL gets.
    fn site(&self) -> Site {
        let previews = self.ports.0.lock().unwrap();
        let Some(route) = previews.values().find(|route| !matches!(*route.state().borrow(), SiteState::Gone)) else {
            return Site::Gone;
        };
        let state = route.state().borrow().clone();
        match state {
            SiteState::Hold | SiteState::Paused => Site::Waits,
            SiteState::Open(address) => Site::Answers(self.engine.answer(address)),
            SiteState::Failed(failure) => Site::Failed(failure.reason),
            SiteState::Gone => Site::Gone,
        }
    }

    /// Checks that a commit is what answers, and that everything says so.
    async fn shows(&self, commit: &CommitId) {
        let view = self.settles(commit).await;
        assert_eq!(phase_of(&view.status), Phase::Running, "{:#?}", view.status);
        assert_eq!(view.status.failure, None);
        assert_eq!(view.status.applied.as_ref(), Some(commit));
        self.answers_with(commit);
    }

    /// Checks that a commit is what answers, once everything that was wrong is over.
    async fn shows_in_the_end(&self, commit: &CommitId) {
        let what = "it answers with the newest commit";
        let is = |view: &PreviewView| {
            phase_of(&view.status) == Phase::Running
                && view.status.applied.as_ref() == Some(commit)
                && view.status.failure.is_none()
        };
        self.until(what, |view| is(view) && matches!(self.site(), Site::Answers(Some(_)))).await;
        self.answers_with(commit);
    }

    /// Checks that a commit is what answers in the end, and that nothing else is left.
    async fn ends_on(&self, commit: &CommitId) {
        self.shows_in_the_end(commit).await;
        self.is_tidy().await;
    }

    fn answers_with(&self, commit: &CommitId) {
        let Site::Answers(Some(answer)) = self.site() else { panic!("nothing answers: {:?}", self.site()) };
        assert_eq!(answer.revision, commit.as_str(), "another commit answers");
    }

    /// Checks that nothing is left on the engine but the container that answers, and what images are made of.
    async fn is_tidy(&self) {
        self.tidies(1..=1).await;
    }

    /// Checks that nothing is left of a preview that has ended.
    async fn is_empty(&self) {
        self.tidies(0..=0).await;
        assert!(self.ports.0.lock().unwrap().is_empty(), "a port is held");
    }

    /// Checks that so many containers are left in the end, and that they run.
    async fn tidies(&self, previews: RangeInclusive<usize>) {
        // What goes by itself has the time that it needs, an image that is put off too.
        for _ in 0..600 {
            let all = self.engine.all();
            if previews.contains(&all.len()) && all.iter().all(|it| it.runs()) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("it stays: {:#?}", self.engine.all());
    }
}

/// What a request to a preview's URL gets.
#[derive(Debug, PartialEq)]
enum Site {
    Answers(Option<Answer>),
    Waits,
    Failed(Reason),
    Gone,
}

/// Returns what comes within the time that anything may take.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

/// Returns the stages of commits that a stream has told so far, without waiting for more.
async fn stages(stream: &mut BoxStream<'static, WatchItem>) -> Vec<(CommitId, Stage)> {
    let mut seen = Vec::new();
    while let Ok(Some(item)) = tokio::time::timeout(Duration::from_secs(1), stream.next()).await {
        if let WatchItem::Stage(event, _) = item {
            seen.push((event.what.commit.clone(), event.what.stage));
        }
    }
    seen
}

/// Returns a folder for a service's data: in memory where there is such a place, as each commit waits for the disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn project() -> ProjectId {
    "p".parse().unwrap()
}

fn main() -> BranchName {
    "main".parse().unwrap()
}

fn target() -> Target {
    Target::Branch(project(), main())
}

fn writes(files: &[(&str, &str)]) -> Vec<FileWrite> {
    let write = |(path, content): &(&str, &str)| FileWrite {
        path: path.parse::<FilePath>().unwrap(),
        content: content.as_bytes().to_vec().into(),
        executable: false,
    };
    files.iter().map(write).collect()
}

fn settings() -> Settings {
    let images = [(BaseImage::Python, "python"), (BaseImage::Node, "node"), (BaseImage::Static, "static")];
    Settings {
        life: uuid::Uuid::new_v4().simple().to_string(),
        images: images.map(|(image, name)| (image, name.to_owned())).into(),
        limits: BTreeMap::new(),
        memory_named: Vec::new(),
        max_memory_bytes: 2048 * MIB,
        burst_cpus: 2.0,
        install_limits: Limits { memory_bytes: 2048 * MIB, cpus: 2.0, pids: 256 },
        start_timeout: Duration::from_secs(180),
        downloads: None,
        install_timeout: Duration::from_secs(600),
        prebundle_after: Duration::ZERO,
        heartbeat_interval: Duration::from_secs(15),
        expiry: NEVER,
        idle_timeout: NEVER,
        cleanup_interval: NEVER,
        environment: BTreeMap::new(),
        authorities: BTreeMap::new(),
        build_arguments: BTreeMap::new(),
    }
}
