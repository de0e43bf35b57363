//! The one app process: started, replaced, ended with all that it left behind.
//!
//! At most one runs at a time. Each start is a generation with a [`Session`]: what belongs to that process and goes
//! with it (its control socket, its relays). [`Snapshot`] is what everyone else looks at and waits on.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    control::Control,
    echo::{Echo, Stream},
    memory,
    output::{Event, Exit, Output, Source},
    pipes::{DRAIN_FOR, Pipe, Sink},
    processes,
    reaper::Reaper,
    relay::Relays,
    sockets::Candidate,
    spawn::{Launch, LaunchError},
};

/// How long the kernel has to take away what was killed.
const KILL_FOR: Duration = Duration::from_secs(5);

/// Which process was started last, and how it ended if it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Counts the starts, from 1; 0 before the first.
    pub generation: u64,
    /// How it ended; set once all of its output was read.
    pub exit: Option<Exit>,
}

impl Snapshot {
    /// Returns whether a process runs.
    pub fn running(&self) -> bool {
        self.generation > 0 && self.exit.is_none()
    }
}

/// What belongs to one process and goes with it.
#[derive(Debug)]
pub struct Session {
    /// Which one.
    pub generation: u64,
    /// The control socket, if the app speaks the protocol.
    pub control: Option<Control>,
    /// The relays to what it listens on.
    pub relays: Relays,
    answered: Mutex<Option<Candidate>>,
    pid: i32,
}

impl Session {
    /// Returns where the app answered last.
    pub fn answered_at(&self) -> Option<Candidate> {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where the app answers.
    pub fn answers_at(&self, candidate: Candidate) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(candidate);
    }
}

/// Why the app was not started or stopped. Fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is nothing to start.
    #[error("start: {0}")]
    Launch(#[from] LaunchError),
    /// The kernel refused.
    #[error("start {program}: {source}")]
    Spawn {
        /// What was to be started.
        program: String,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// The control socket could not be made.
    #[error("make the control socket: {0}")]
    Control(#[source] io::Error),
    /// What was killed is still there.
    #[error("end the process: it is still there {} s after it was killed", KILL_FOR.as_secs())]
    Stuck,
}

/// Starts and ends the app.
#[derive(Debug)]
pub struct Supervisor {
    reaper: Arc<Reaper>,
    output: Arc<Output>,
    echo: Echo,
    snapshot: watch::Sender<Snapshot>,
    session: Mutex<Option<Arc<Session>>>,
    /// Held while the app is started or stopped.
    turn: tokio::sync::Mutex<()>,
}

impl Supervisor {
    /// Returns one that has started nothing.
    pub fn new(reaper: Arc<Reaper>, output: Arc<Output>, echo: Echo) -> Self {
        let snapshot = watch::Sender::new(Snapshot::default());
        Self { reaper, output, echo, snapshot, session: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Returns what runs, now and whenever it changes.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// Returns a count of all that was written, now and whenever it grows.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.output.newest()
    }

    /// Returns the session of the process that was started last, unless it was stopped.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends what runs and starts the app. What can be seen to be wrong with the command is found before anything is
    /// ended.
    pub async fn start(&self, launch: &Launch, grace: Duration) -> Result<u64, ProcessError> {
        let mut command = launch.command()?;
        let _turn = self.turn.lock().await;
        self.end(grace).await?;
        let generation = self.snapshot.borrow().generation + 1;
        let control = launch.control.then(|| Control::listen(generation)).transpose().map_err(ProcessError::Control)?;
        if let Some(control) = &control {
            command.env("PREVIEWD_CONTROL", control.path());
        }
        let kills = memory::kills();
        let program = launch.argv.first().cloned().unwrap_or_default();
        let spawned = self.spawn(&mut command, generation, launch.install);
        let (pid, status, ended, drained) = spawned.map_err(|source| ProcessError::Spawn { program, source })?;
        self.replace_session(Some(Session {
            generation,
            control,
            relays: Relays::default(),
            answered: Mutex::default(),
            pid,
        }));
        self.snapshot.send_replace(Snapshot { generation, exit: None });
        let (output, snapshot) = (Arc::clone(&self.output), self.snapshot.clone());
        // It ends with the process, which nothing else waits for.
        tokio::spawn(async move {
            let status = status.await.ok();
            let exit = exit(generation, status, memory::kills() > kills);
            ended.cancel();
            for drained in drained {
                let _ = timeout(DRAIN_FOR * 2, drained).await;
            }
            output.push(Event::Exit(exit));
            snapshot.send_replace(Snapshot { generation, exit: Some(exit) });
        });
        Ok(generation)
    }

    /// Ends the app and all that it left behind, and returns how it ended if it was running.
    pub async fn stop(&self, grace: Duration) -> Result<Option<Exit>, ProcessError> {
        let _turn = self.turn.lock().await;
        let running = self.snapshot.borrow().running();
        self.end(grace).await?;
        Ok(if running { self.snapshot.borrow().exit } else { None })
    }

    /// SIGTERM to the group; once the process is gone or the grace is over, SIGKILL to everything that descends from
    /// this one, daemons too.
    async fn end(&self, grace: Duration) -> Result<(), ProcessError> {
        if let Some(session) = self.session()
            && self.reaper.signal_group(session.pid, Signal::TERM)
        {
            // One that is stopped hears nothing until it goes on.
            self.reaper.signal_group(session.pid, Signal::CONT);
            let mut snapshot = self.watch();
            let _ = timeout(grace, snapshot.wait_for(|now| !now.running())).await;
        }
        self.sweep().await?;
        if let Some(session) = self.session() {
            session.relays.close().await;
        }
        self.replace_session(None);
        Ok(())
    }

    async fn sweep(&self) -> Result<(), ProcessError> {
        let swept = async {
            let own = getpid().as_raw_pid();
            loop {
                let left = processes::descendants(own);
                if left.is_empty() {
                    break;
                }
                for pid in left.into_iter().filter_map(Pid::from_raw) {
                    let _ = kill_process(pid, Signal::KILL);
                }
                sleep(Duration::from_millis(1)).await;
            }
            let _ = self.watch().wait_for(|now| !now.running()).await;
        };
        timeout(KILL_FOR, swept).await.map_err(|_| ProcessError::Stuck)
    }

    fn spawn(&self, command: &mut Command, generation: u64, install: bool) -> io::Result<Spawned> {
        let (mut child, status) = self.reaper.spawn(command)?;
        let ended = CancellationToken::new();
        let mut drained = Vec::new();
        let stdout = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), Source::Stdout, Stream::Stdout));
        let stderr = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), Source::Stderr, Stream::Stderr));
        for (descriptor, source, stream) in stdout.into_iter().chain(stderr) {
            let source = if install { Source::Install } else { source };
            let sink = Sink { output: Arc::clone(&self.output), echo: self.echo.clone(), source, stream, generation };
            let (sender, receiver) = oneshot::channel();
            // It ends when nobody holds the other end of the pipe.
            tokio::spawn(Pipe::new(descriptor, sink)?.run(ended.clone(), sender));
            drained.push(receiver);
        }
        Ok((i32::try_from(child.id()).unwrap_or_default(), status, ended, drained))
    }

    fn replace_session(&self, session: Option<Session>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session.map(Arc::new);
    }
}

type Spawned = (i32, oneshot::Receiver<ExitStatus>, CancellationToken, Vec<oneshot::Receiver<()>>);

fn exit(generation: u64, status: Option<ExitStatus>, out_of_memory: bool) -> Exit {
    let signal = status.and_then(|status| status.signal()).unwrap_or(0);
    let code = status.and_then(|status| status.code()).unwrap_or(128 + signal);
    Exit { generation, code, signal, out_of_memory }
}
