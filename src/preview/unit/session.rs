//! One container that a preview has claimed: its agent, its files, its process.
//!
//! Owned by the driver alone. What the agent says is checked by its client, and believed no further than it concerns
//! this one preview.

mod event;
mod files;
mod pump;
mod ready;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, task::AbortHandle};

use crate::{
    agent::{AgentClient, AgentError, Exit, Page, StartSpec},
    domain::{
        ids::CommitId,
        ports::{AppPort, ExpectedPort},
        runtime::{ReloadPlan, RunPlan, StartPlan},
    },
    engine::{EngineError, SharedEngine},
    preview::unit::{
        bounds::Bounds,
        files::{FileSet, MAX_CONTENT_BYTES},
        lease::Lease,
    },
    vfs::VfsError,
};

pub use self::event::{Death, SessionEvent};

/// How long an app has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long a development server may take to take a change in.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the output of a process that has ended may take to arrive.
const DRAIN: Duration = Duration::from_secs(2);
/// How many ends of processes may wait for the driver.
const EVENTS: usize = 16;

/// Why a session could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The engine did not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The agent did not do its part.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The app answers in its container and cannot be reached from here.
    #[error("the app answers in its container, which cannot be reached: {0}")]
    Unreached(#[source] EngineError),
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
            Self::Unreached(_) => true,
            Self::Vfs(_) | Self::TooLarge { .. } => false,
        }
    }
}

/// Connects to the agent of a container.
pub async fn connect(engine: &SharedEngine, container: &str) -> Result<AgentClient, SessionError> {
    Ok(AgentClient::connect(engine.dial(container).await?).await?)
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
    pub commit: CommitId,
    /// The folder that its process was started in.
    pub folder: String,
    /// What keeps its image, if that was built for it.
    pub lease: Option<Lease>,
    /// Whether nothing is heard of the container any more, so that it has to be taken over anew or replaced.
    pub disconnected: bool,
    /// Whether its process runs, as far as is known.
    pub running: bool,
    /// Whether its process was to be told of changes and does not listen, so that another one is started for each.
    pub silent: bool,
    /// Whether the project's data could not be brought in, so that what its app has written is not to take its place.
    pub lacks_data: bool,
    /// What its development server says that its pages import of packages. Untrusted.
    pub packages: Vec<String>,
    // The port that was found, and the plan that it was found for.
    found: Option<(StartPlan, u16)>,
    // Where a port of it is reached: it does not change in one life of a container.
    reached: Option<(u16, SocketAddr)>,
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
        commit: CommitId,
    ) -> Result<Self, SessionError> {
        let agent = connect(engine, bounds.container()).await?;
        Self::over(agent, bounds, key, plan, commit, &Position::default()).await
    }

    /// Begins with an agent that is connected already. Output up to `position` is in the log.
    pub async fn over(
        agent: AgentClient,
        bounds: Arc<Bounds>,
        key: String,
        plan: RunPlan,
        commit: CommitId,
        position: &Position,
    ) -> Result<Self, SessionError> {
        let instance = agent.status().await?.instance;
        // Another life of the agent counts anew.
        let sequence = if position.instance == instance { position.sequence } else { 0 };
        let read = Arc::new(AtomicU64::new(sequence));
        let (sender, events) = mpsc::channel(EVENTS);
        let pump = tokio::spawn(pump::pump(agent.clone(), bounds.clone(), read.clone(), sender)).abort_handle();
        Ok(Self {
            container: bounds.container().to_owned(),
            bounds,
            started_under: 0,
            key,
            plan,
            files: FileSet::default(),
            commit,
            folder: String::new(),
            lease: None,
            disconnected: false,
            running: false,
            silent: false,
            lacks_data: false,
            packages: Vec::new(),
            found: None,
            reached: None,
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

    /// Notes in the container which commit the app shows, for the next life of the service.
    pub async fn mark(&self, commit: &CommitId) {
        if let Err(error) = self.agent.mark(commit.as_str()).await {
            // Whoever takes the container over then makes it anew.
            tracing::debug!(container = self.container, error = %error, "the commit could not be noted");
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

    /// Takes over where the app of the session before was found, for the same way to start it, and what its container
    /// lacked.
    pub fn takes_after(&mut self, before: &Self) {
        self.found.clone_from(&before.found);
        self.lacks_data |= before.lacks_data;
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
            let event = match self.events.recv().await {
                Some(event) => event,
                // `Lost` is the last of them, unless whoever tells them has failed.
                None if !self.disconnected => SessionEvent::Lost,
                None => return std::future::pending().await,
            };
            match &event {
                SessionEvent::Exited(exit, _) if exit.generation == self.generation => self.running = false,
                // The end of a process that made way for the present one.
                SessionEvent::Exited(..) => continue,
                SessionEvent::Lost => self.disconnected = true,
            }
            return event;
        }
    }

    /// Returns whether an end is that of the present process.
    pub fn is_present(&self, exit: &Exit) -> bool {
        exit.generation == self.generation
    }
}
