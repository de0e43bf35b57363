//! One app process, from its start to the end of all that it left behind.
//!
//! It is started by a shim (see [`shim`](crate::shim)), below which everything stays that it starts. What belongs to it
//! goes with it: its control socket, its relays, what it listens on.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdUnixStream, process::ExitStatusExt},
    },
    process::{Child, Command, ExitStatus},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::UnixStream,
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
    reaper::{Ended, Reaper},
    relay::Relays,
    shim::Report,
    sockets::Candidate,
    spawn::{Launch, LaunchError},
};

/// How long the kernel has to take away what was killed.
pub const KILL_FOR: Duration = Duration::from_secs(5);
/// How long a shim has to start a program.
const START_FOR: Duration = Duration::from_secs(10);
/// How long a shim has to say how its program has ended.
const REPORT_FOR: Duration = Duration::from_secs(1);
/// More than the longest line of a shim.
const MAX_REPORT_BYTES: u64 = 64;

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
    /// As many processes run side by side as may.
    #[error("start another process: {0} run already")]
    TooMany(usize),
    /// What was killed is still there.
    #[error("end the process: it is still there {} s after it was killed", KILL_FOR.as_secs())]
    Stuck,
}

/// How the wait for a process came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It ended by itself, or on the way of being stopped.
    Exited(Exit),
    /// It was stopped, with all that it had left behind.
    Stopped,
}

/// What processes are made with.
#[derive(Debug, Clone)]
pub struct Means {
    /// Collects what ends.
    pub reaper: Arc<Reaper>,
    /// Takes what is written.
    pub output: Arc<Output>,
    /// Copies it to the engine's log.
    pub echo: Echo,
}

/// One process.
#[derive(Debug)]
pub struct Process {
    /// Counts the starts in this container, from 1.
    pub generation: u64,
    /// The control socket, if the app speaks the protocol.
    pub control: Option<Control>,
    /// The relays to what it listens on.
    pub relays: Relays,
    reaper: Arc<Reaper>,
    answered: Mutex<Option<Candidate>>,
    shim: i32,
    pid: i32,
    shim_ended: Ended,
    exit: watch::Sender<Option<Exit>>,
    stopped: CancellationToken,
}

impl Process {
    /// Starts the app, by the command that it is launched with.
    pub async fn start(
        means: &Means,
        launch: &Launch,
        mut command: Command,
        generation: u64,
    ) -> Result<Arc<Self>, ProcessError> {
        let program = launch.argv.first().cloned().unwrap_or_default();
        let refused = |source| ProcessError::Spawn { program: program.clone(), source };
        let control = launch.control.then(|| Control::listen(generation)).transpose().map_err(ProcessError::Control)?;
        if let Some(control) = &control {
            command.env("PREVIEWD_CONTROL", control.path());
        }
        let kills = memory::kills();
        let (mut reports, theirs) = Reports::pair().map_err(refused)?;
        command.stdin(theirs);
        let (child, shim_ended) = means.reaper.spawn(&mut command).map_err(refused)?;
        // With it goes this program's copy of the shim's end.
        drop(command);
        let shim = i32::try_from(child.id()).unwrap_or_default();
        let pid = match timeout(START_FOR, reports.next()).await {
            Ok(Some(Report::Started(pid))) => pid,
            Ok(Some(Report::Failed(errno))) => return Err(refused(io::Error::from_raw_os_error(errno))),
            Ok(_) => return Err(refused(io::ErrorKind::UnexpectedEof.into())),
            Err(_) => {
                means.reaper.signal(shim, Signal::KILL);
                return Err(refused(io::ErrorKind::TimedOut.into()));
            }
        };
        // Sent only where the shim is killed and the app becomes this program's child.
        let inherited = means.reaper.expect(pid);
        let process = Arc::new(Self {
            generation,
            control,
            relays: Relays::default(),
            reaper: Arc::clone(&means.reaper),
            answered: Mutex::default(),
            shim,
            pid,
            shim_ended,
            exit: watch::Sender::new(None),
            stopped: CancellationToken::new(),
        });
        let ended = CancellationToken::new();
        let drained = copy(means, child, launch.install, generation, &ended).map_err(refused)?;
        // It ends with the process, which nothing else waits for.
        tokio::spawn(
            Arc::clone(&process)
                .follow(Following { reports, inherited, ended, drained, kills }, Arc::clone(&means.output)),
        );
        Ok(process)
    }

    /// Returns the process below which everything stays that the app starts.
    pub fn shim(&self) -> i32 {
        self.shim
    }

    /// Returns how it ended, once all of its output was read.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Returns whether nothing is left of it.
    pub fn is_gone(&self) -> bool {
        self.exit().is_some() && self.shim_ended.borrow().is_some_and(|status| status.success())
    }

    /// Returns once it has ended or was stopped.
    pub async fn over(&self) -> Over {
        let mut exit = self.exit.subscribe();
        tokio::select! {
            biased;
            () = self.stopped.cancelled() => Over::Stopped,
            exit = exit.wait_for(Option::is_some) => match exit.ok().and_then(|exit| *exit) {
                Some(exit) => Over::Exited(exit),
                None => Over::Stopped,
            },
        }
    }

    /// Returns where the app answered last.
    pub fn answered_at(&self) -> Option<Candidate> {
        *self.answered.lock()
    }

    /// Notes where the app answers.
    pub fn answers_at(&self, candidate: Candidate) {
        *self.answered.lock() = Some(candidate);
    }

    /// Ends it and all that it left behind, and nothing else: SIGTERM to the group; once the process is gone or the grace
    /// is over, SIGKILL to everything below its shim, daemons too. `shims` are those of all processes, of which none is started
    /// or ended meanwhile but by whoever calls.
    pub async fn end(&self, grace: Duration, shims: &[i32]) -> Result<(), ProcessError> {
        if self.reaper.signal_group(self.pid, Signal::TERM) {
            // One that is stopped hears nothing until it goes on.
            self.reaper.signal_group(self.pid, Signal::CONT);
            let _ = timeout(grace, self.exit.subscribe().wait_for(Option::is_some)).await;
        }
        timeout(KILL_FOR, self.sweep(shims)).await.map_err(|_| ProcessError::Stuck)?;
        self.relays.close().await;
        self.stopped.cancel();
        Ok(())
    }

    async fn sweep(&self, shims: &[i32]) {
        kill(|| {
            let own = getpid().as_raw_pid();
            match *self.shim_ended.borrow() {
                None => processes::descendants(self.shim),
                // It ends by itself when nothing is left below it.
                Some(status) if status.success() => Vec::new(),
                // It was killed: what was below it is below this program now.
                Some(_) => processes::descendants_but(own, shims),
            }
        })
        .await;
        // The shim alone knows how the app ended. One that was stopped does not say.
        let _ = timeout(REPORT_FOR, self.exit.subscribe().wait_for(Option::is_some)).await;
        self.reaper.signal(self.shim, Signal::KILL);
        let _ = self.exit.subscribe().wait_for(Option::is_some).await;
    }

    async fn follow(self: Arc<Self>, mut following: Following, output: Arc<Output>) {
        let status = following.status(self.pid).await;
        self.reaper.forget(self.pid);
        let exit = exit(self.generation, status, memory::kills() > following.kills);
        following.ended.cancel();
        for drained in following.drained {
            let _ = timeout(DRAIN_FOR * 2, drained).await;
        }
        output.push(Event::Exit(exit));
        self.exit.send_replace(Some(exit));
    }
}

/// Kills processes until there are none any more.
pub async fn kill(mut left: impl FnMut() -> Vec<i32>) {
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// What is waited for until a process is gone.
struct Following {
    reports: Reports,
    inherited: Ended,
    ended: CancellationToken,
    drained: Vec<oneshot::Receiver<()>>,
    /// How often the out-of-memory killer had struck when it was started.
    kills: u64,
}

impl Following {
    /// Returns how the app ended; `None` if nobody knows, as where its shim was killed at the same moment.
    async fn status(&mut self, pid: i32) -> Option<ExitStatus> {
        match self.reports.next().await {
            Some(Report::Exited(status)) => Some(ExitStatus::from_raw(status)),
            _ if processes::is_there(pid) => {
                self.inherited.wait_for(Option::is_some).await.ok().and_then(|status| *status)
            }
            _ => *self.inherited.borrow(),
        }
    }
}

/// What a shim says.
struct Reports(BufReader<UnixStream>);

impl Reports {
    fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self(BufReader::new(UnixStream::from_std(ours)?)), theirs.into()))
    }

    async fn next(&mut self) -> Option<Report> {
        let mut line = String::new();
        (&mut self.0).take(MAX_REPORT_BYTES).read_line(&mut line).await.ok()?;
        Report::parse(&line)
    }
}

/// Takes what a process writes; each receiver is told when one of its streams has been read to its end.
fn copy(
    means: &Means,
    mut child: Child,
    install: bool,
    generation: u64,
    ended: &CancellationToken,
) -> io::Result<Vec<oneshot::Receiver<()>>> {
    let stdout = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), Source::Stdout, Stream::Stdout));
    let stderr = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), Source::Stderr, Stream::Stderr));
    let mut drained = Vec::new();
    for (descriptor, source, stream) in stdout.into_iter().chain(stderr) {
        let source = if install { Source::Install } else { source };
        let sink = Sink { output: Arc::clone(&means.output), echo: means.echo.clone(), source, stream, generation };
        let (sender, receiver) = oneshot::channel();
        // It ends when nobody holds the other end of the pipe.
        tokio::spawn(Pipe::new(descriptor, sink)?.run(ended.clone(), sender));
        drained.push(receiver);
    }
    Ok(drained)
}

fn exit(generation: u64, status: Option<ExitStatus>, out_of_memory: bool) -> Exit {
    let signal = status.and_then(|status| status.signal()).unwrap_or(0);
    let code = status.and_then(|status| status.code()).unwrap_or(128 + signal);
    Exit { generation, code, signal, out_of_memory }
}
