//! One container that a preview has claimed: its agent, its files, its process.
//!
//! Owned by the driver alone. What the agent says is checked by its client, and believed no further than it concerns
//! this one preview.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{
    sync::{Semaphore, mpsc},
    task::AbortHandle,
};

use crate::{
    domain::{
        ids::{CommitId, FilePath, ProjectId},
        ports::{AppPort, ExpectedPort},
        runtime::{ReloadPlan, RunPlan, StartPlan},
        spec::Stack,
        text::unix_script,
        tree::EntryKind,
    },
    engine::{APP_ROOT, EngineError, SharedEngine},
    preview::{
        agent::{
            AgentClient, AgentError, AgentEvent, Exit, Page, ReadyOutcome, ReadyRequest, StartSpec, SyncFile, SyncPlan,
        },
        bounds::Bounds,
        files::{Content, Difference, FileSet, MAX_CONTENT_BYTES},
        images::Lease,
    },
    vfs::{Vfs, VfsError},
};

/// How long an app has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long an app that is starting may do nothing at all, and how often it is said what is waited for.
const STILL: Duration = Duration::from_secs(30);
const SAY: Duration = Duration::from_secs(10);
/// The time between two probes of an app that is starting.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);
/// How long a development server may take to take a change in.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the output of a process that has ended may take to arrive.
const DRAIN: Duration = Duration::from_secs(2);
/// How many ends of processes may wait for the driver.
const EVENTS: usize = 16;

const MEBIBYTE: u64 = 1024 * 1024;
/// Files of at most so much in all are brought in at once.
const SMALL_BYTES: u64 = 4 * MEBIBYTE;
/// How much of larger ones all sessions of the process hold in memory together.
const ROOM_MEBIBYTES: u32 = 512;
static ROOM: Semaphore = Semaphore::const_new(ROOM_MEBIBYTES as usize);

/// Why a session could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The engine did not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The agent did not do its part.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The files could not be read.
    #[error(transparent)]
    Vfs(#[from] VfsError),
    /// The files are too many to be brought in.
    #[error(
        "the project's files have {size_bytes} bytes, and at most {MAX_CONTENT_BYTES} are brought into a container"
    )]
    TooLarge {
        /// How many bytes they have.
        size_bytes: u64,
    },
}

impl SessionError {
    /// Returns whether the container is as good as gone.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Agent(error) => error.is_lost(),
            Self::Engine(error) => matches!(error, EngineError::NotFound { .. }),
            Self::Vfs(_) | Self::TooLarge { .. } => false,
        }
    }
}

/// What happens in a container without having been asked for.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// The app's process ended; the number of the log's newest line then. All that it wrote is in the log.
    Exited(Exit, u64),
    /// The agent cannot be reached any more: the container has ended, or the stream to it.
    Lost,
}

/// Where an app answers, and what it took to find it.
#[derive(Debug, Clone)]
pub struct Answering {
    /// The address to reach it at from this process.
    pub upstream: SocketAddr,
    /// The port that it listens on inside.
    pub app_port: u16,
    /// Whether it listens on the loopback interface only.
    pub loopback_only: bool,
    /// What it answers.
    pub page: Page,
    /// The ports that it listens on; none if they were not looked at.
    pub ports: Vec<AppPort>,
    /// Another path that answers well, where the one that was asked for is 404.
    pub alternative: Option<String>,
}

/// How a wait for the first answer ended.
#[derive(Debug, Clone)]
pub enum Started {
    /// The app answers.
    Answering(Answering),
    /// Its process ended.
    Exited(Exit),
    /// The time passed; the ports that it listens on, and the last error.
    TimedOut(Vec<u16>, String),
    /// It speaks TLS, at this port.
    Tls(u16),
}

/// What is started in a container.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The working folder.
    pub cwd: String,
    /// Variables on top of the container's own.
    pub environment: BTreeMap<String, String>,
    /// The port that the app is expected to listen on.
    pub port: ExpectedPort,
}

/// How far the output of a container was read, in one life of its agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    instance: String,
    sequence: u64,
}

/// A claimed container.
pub struct Session {
    /// The engine's id of the container.
    pub container: String,
    /// What it may use.
    pub bounds: Arc<Bounds>,
    /// How much memory it might use when its process was started.
    pub started_under: u64,
    /// The dependency key of its image.
    pub key: String,
    /// How its app is run.
    pub plan: RunPlan,
    /// The files that are in it, as far as is known: after a sync that failed halfway they are not.
    pub files: FileSet,
    /// The commit that they are of.
    pub revision: CommitId,
    /// The folder that its process was started in.
    pub folder: String,
    /// What keeps its image, if that was built for it.
    pub lease: Option<Lease>,
    /// Whether nothing is heard of the container any more, so that it has to be taken over anew or replaced.
    pub deaf: bool,
    /// Whether its process runs, as far as is known.
    pub running: bool,
    /// Whether its process was to be told of changes and does not listen, so that another one is started for each.
    pub silent: bool,
    // The port that was found, and the plan that it was found for.
    found: Option<(StartPlan, u16)>,
    // Whether it was told which path is there where the one that is asked for is not.
    tried_others: bool,
    files_are_known: bool,
    generation: u64,
    agent: AgentClient,
    // The agent's life, and the sequence number of the newest line that is in the log.
    instance: String,
    read: Arc<AtomicU64>,
    events: mpsc::Receiver<SessionEvent>,
    pump: AbortHandle,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Session {
    /// Connects to the agent of a container that has no files yet.
    pub async fn open(
        engine: &SharedEngine,
        bounds: Arc<Bounds>,
        key: String,
        plan: RunPlan,
        revision: CommitId,
    ) -> Result<Self, SessionError> {
        let agent = AgentClient::connect(engine.dial(bounds.container()).await?).await?;
        Self::over(agent, bounds, key, plan, revision, &Position::default()).await
    }

    /// Begins with an agent that is connected already. Output up to `position` is in the log.
    pub async fn over(
        agent: AgentClient,
        bounds: Arc<Bounds>,
        key: String,
        plan: RunPlan,
        revision: CommitId,
        position: &Position,
    ) -> Result<Self, SessionError> {
        let instance = agent.status().await?.instance;
        // Another life of the agent counts anew.
        let sequence = if position.instance == instance { position.sequence } else { 0 };
        let read = Arc::new(AtomicU64::new(sequence));
        let (sender, events) = mpsc::channel(EVENTS);
        let pump = tokio::spawn(pump(agent.clone(), bounds.clone(), read.clone(), sender)).abort_handle();
        Ok(Self {
            container: bounds.container().to_owned(),
            bounds,
            started_under: 0,
            key,
            plan,
            files: FileSet::default(),
            revision,
            folder: String::new(),
            lease: None,
            deaf: false,
            running: false,
            silent: false,
            found: None,
            tried_others: false,
            files_are_known: true,
            generation: 0,
            agent,
            instance,
            read,
            events,
            pump,
        })
    }

    /// Returns how far the output was read.
    pub fn position(&self) -> Position {
        Position { instance: self.instance.clone(), sequence: self.read.load(Ordering::Acquire) }
    }

    /// Returns the client of the agent.
    pub fn agent(&self) -> &AgentClient {
        &self.agent
    }

    /// Takes over a process that runs already.
    pub fn adopt(&mut self, generation: u64) {
        self.started_under = self.bounds.memory_bytes();
        self.generation = generation;
        self.running = true;
    }

    /// Brings all files in; whatever an earlier life brought and these do not name goes.
    pub async fn sync_all(&mut self, vfs: &Vfs, project: &ProjectId, files: FileSet) -> Result<u32, SessionError> {
        let difference = FileSet::default().difference(&files);
        let written = self.send(vfs, project, difference, true).await?;
        self.files = files;
        Ok(written)
    }

    /// Brings in what differs.
    pub async fn sync(
        &mut self,
        vfs: &Vfs,
        project: &ProjectId,
        revision: CommitId,
        files: FileSet,
        difference: Difference,
    ) -> Result<(), SessionError> {
        self.revision = revision;
        if !self.files_are_known {
            self.sync_all(vfs, project, files).await?;
        } else if difference.is_empty() {
            self.files = files;
        } else {
            self.files_are_known = false;
            self.send(vfs, project, difference, false).await?;
            self.files = files;
        }
        self.files_are_known = true;
        Ok(())
    }

    /// Notes in the container which commit the app shows, for the next life of the service.
    pub async fn mark(&self, commit: &CommitId) {
        if let Err(error) = self.agent.mark(commit.as_str()).await {
            // Whoever takes the container over then makes it anew.
            tracing::debug!(container = self.container, error = %error, "the commit could not be noted");
        }
    }

    async fn send(
        &self,
        vfs: &Vfs,
        project: &ProjectId,
        difference: Difference,
        full: bool,
    ) -> Result<u32, SessionError> {
        let size_bytes = difference.writes.iter().map(|(_, _, content)| content.size_bytes()).sum();
        if size_bytes > MAX_CONTENT_BYTES {
            return Err(SessionError::TooLarge { size_bytes });
        }
        // The contents are in memory until the agent has them.
        let room = u32::try_from(size_bytes.div_ceil(MEBIBYTE)).unwrap_or(u32::MAX).min(ROOM_MEBIBYTES);
        let _room = if size_bytes > SMALL_BYTES { ROOM.acquire_many(room).await.ok() } else { None };
        let mut writes = read_contents(vfs, project, difference.writes).await?;
        self.mend_scripts(&mut writes);
        let plan = SyncPlan { full, writes, deletes: difference.deletes };
        Ok(self.agent.sync(APP_ROOT, self.revision.as_str(), plan).await?.written)
    }

    /// Takes Windows' line ends out of scripts, and says so.
    fn mend_scripts(&self, writes: &mut [SyncFile]) {
        for file in writes.iter_mut().filter(|file| file.kind != EntryKind::Symlink) {
            if let Some(script) = unix_script(file.path.as_str(), &file.content) {
                file.content = script.into();
                self.bounds
                    .log()
                    .lifecycle(format!("{} has Windows line ends; in the container it has none", file.path));
            }
        }
    }

    /// Starts the app's process, ending the one that was there.
    pub async fn start(&mut self, command: Command) -> Result<(), SessionError> {
        self.folder.clone_from(&command.cwd);
        self.started_under = self.bounds.memory_bytes();
        let spec = StartSpec {
            argv: command.argv,
            cwd: command.cwd,
            environment: command.environment,
            grace: GRACE,
            control: self.plan.start.reload == ReloadPlan::Control,
            install: false,
        };
        self.generation = self.agent.start(spec).await?;
        self.running = true;
        self.silent = false;
        Ok(())
    }

    /// Waits for the first answer of the process.
    ///
    /// `again` is for one that has answered: it is asked where it did.
    pub async fn started(
        &mut self,
        engine: &SharedEngine,
        port: ExpectedPort,
        timeout: Duration,
        again: bool,
    ) -> Result<Started, SessionError> {
        let found = self.found.as_ref().filter(|(plan, _)| !port.named && *plan == self.plan.start);
        let (port, held) = match found {
            Some((_, number)) => (ExpectedPort { number: *number, named: false }, true),
            None => (port, false),
        };
        let alternatives = if self.tried_others || again { Vec::new() } else { alternatives(&self.plan) };
        let request = ReadyRequest {
            generation: self.generation,
            port,
            held,
            again,
            alternatives,
            path: self.plan.start.ready_path.clone(),
            timeout,
            still: STILL,
            interval: PROBE_INTERVAL,
        };
        match self.awaited(request).await? {
            ReadyOutcome::Ready(ready) => {
                self.found = Some((self.plan.start.clone(), ready.app_port));
                self.tried_others |= ready.page.status == 404;
                Ok(Started::Answering(Answering {
                    upstream: engine.upstream(&self.container, ready.upstream_port).await?,
                    app_port: ready.app_port,
                    loopback_only: ready.loopback_only,
                    page: ready.page,
                    ports: ready.ports,
                    alternative: ready.alternative,
                }))
            }
            ReadyOutcome::Tls(port) => Ok(Started::Tls(port)),
            ReadyOutcome::Exited(exit) => Ok(Started::Exited(exit)),
            ReadyOutcome::TimedOut { listening_ports, message } => Ok(Started::TimedOut(listening_ports, message)),
            ReadyOutcome::Superseded => {
                Ok(Started::TimedOut(Vec::new(), "another process was started in its place".to_owned()))
            }
        }
    }

    /// Waits for the app, and says now and then what is waited for.
    async fn awaited(&self, request: ReadyRequest) -> Result<ReadyOutcome, SessionError> {
        let outcome = self.agent.await_ready(request);
        tokio::pin!(outcome);
        let begun = tokio::time::Instant::now();
        let mut ticks = tokio::time::interval_at(begun + SAY, SAY);
        loop {
            tokio::select! {
                outcome = &mut outcome => return Ok(outcome?),
                _ = ticks.tick() => {}
            }
            let status = tokio::select! {
                outcome = &mut outcome => return Ok(outcome?),
                status = self.agent.status() => status,
            };
            let Ok(status) = status else { continue };
            let ports: Vec<String> = status.listening_ports.iter().map(u16::to_string).collect();
            let listens = if ports.is_empty() { "no port".to_owned() } else { format!("port {}", ports.join(", ")) };
            let (waited, cpu) = (begun.elapsed().as_secs(), status.cpu.as_secs_f64());
            let text = format!(
                "waiting for the app for {waited} s: it listens on {listens} and does not answer, and has used {cpu:.1} s of CPU"
            );
            self.bounds.log().lifecycle(text);
        }
    }

    /// Takes over where the app of the session before was found, for the same way to start it.
    pub fn takes_after(&mut self, before: &Self) {
        self.found.clone_from(&before.found);
    }

    /// Returns the ports that the app listens on.
    pub async fn ports(&self) -> Result<Vec<AppPort>, SessionError> {
        Ok(self.agent.ports(&self.plan.start.ready_path).await?)
    }

    /// Tells the running app what changed, and returns its answer.
    pub async fn notify(&self, payload: String) -> Result<String, SessionError> {
        Ok(self.agent.notify(payload, NOTIFY_TIMEOUT).await?)
    }

    /// Returns once all output of a process that has ended is in the log: its end is told after it. If the end of the
    /// process before was still to be told, returns after which line of the log that one's output ends.
    pub async fn drained(&mut self, exit: &Exit) -> Option<u64> {
        let mut before = None;
        let told = async {
            loop {
                match self.events.recv().await {
                    Some(SessionEvent::Exited(told, newest)) if told.generation < exit.generation => {
                        before = Some(newest);
                    }
                    Some(SessionEvent::Exited(..) | SessionEvent::Lost) | None => return,
                }
            }
        };
        // What is late is left out of the failure, not lost.
        let _ = tokio::time::timeout(DRAIN, told).await;
        self.running = false;
        before
    }

    /// Returns what happened next in the container without having been asked for.
    pub async fn event(&mut self) -> SessionEvent {
        loop {
            // `Lost` was the last of them.
            let Some(event) = self.events.recv().await else { return std::future::pending().await };
            match &event {
                SessionEvent::Exited(exit, _) if exit.generation == self.generation => self.running = false,
                // The end of a process that made way for the present one.
                SessionEvent::Exited(..) => continue,
                SessionEvent::Lost => self.deaf = true,
            }
            return event;
        }
    }

    /// Returns whether an end is that of the present process.
    pub fn is_present(&self, exit: &Exit) -> bool {
        exit.generation == self.generation
    }
}

/// Returns the paths that people look at where the one of a plan is not there.
fn alternatives(plan: &RunPlan) -> Vec<String> {
    let paths: &[&str] = match plan.stack {
        Stack::Python => &["/docs", "/admin/", "/api", "/api/docs", "/health"],
        Stack::Node | Stack::React | Stack::Dockerfile => &["/api", "/docs", "/api-docs", "/graphql", "/health"],
        Stack::Static => &[],
    };
    paths.iter().map(|path| (*path).to_owned()).collect()
}

async fn read_contents(
    vfs: &Vfs,
    project: &ProjectId,
    writes: Vec<(FilePath, EntryKind, Content)>,
) -> Result<Vec<SyncFile>, VfsError> {
    let ids = writes
        .iter()
        .filter_map(|(_, _, content)| match content {
            Content::Blob { id, .. } => Some(id.clone()),
            Content::Supplied(_) => None,
        })
        .collect();
    let mut blobs = vfs.read(project, ids).await?.into_iter();
    Ok(writes
        .into_iter()
        .map(|(path, kind, content)| {
            let content = match content {
                Content::Blob { .. } => blobs.next().unwrap_or_default(),
                Content::Supplied(bytes) => bytes,
            };
            SyncFile { path, kind, content }
        })
        .collect())
}

/// Copies the container's output to the preview's log, and ends of processes to the driver.
async fn pump(agent: AgentClient, bounds: Arc<Bounds>, read: Arc<AtomicU64>, events: mpsc::Sender<SessionEvent>) {
    let log = bounds.log().clone();
    if let Ok(mut stream) = agent.watch(read.load(Ordering::Acquire)).await {
        while let Some(Ok((sequence, event))) = stream.next().await {
            match event {
                AgentEvent::Output(line) => log.push(line),
                AgentEvent::Dropped(lines) => log.lost(lines),
                // Here and now: the driver may be waiting for the app that needs it.
                AgentEvent::Memory(memory) => bounds.hear(memory).await,
                AgentEvent::Exit(exit) => {
                    if events.send(SessionEvent::Exited(exit, log.last())).await.is_err() {
                        return;
                    }
                }
            }
            read.store(sequence, Ordering::Release);
        }
    }
    // The driver being gone is no error.
    let _ = events.send(SessionEvent::Lost).await;
}
