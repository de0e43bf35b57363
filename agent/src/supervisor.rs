//! The app's processes: started, replaced, stopped.
//!
//! Each start is a [`Process`] with a number, its generation. Mostly one replaces the other; one that is started beside the
//! others leaves them alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use rustix::process::getpid;
use tokio::{sync::watch, time::timeout};

use crate::{
    output::Exit,
    process::{KILL_FOR, Means, Process, ProcessError, kill},
    processes,
    spawn::Launch,
};

/// The most processes side by side.
const MAX_PROCESSES: usize = 16;

/// Starts and ends the app.
#[derive(Debug)]
pub struct Supervisor {
    means: Means,
    state: Mutex<State>,
    /// Held while the app is started or stopped: what is being started is below no shim that is known yet.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The generation that was started last; 0 before the first.
    last: u64,
    /// How the last one ended, kept beyond its stop.
    exit: Option<Exit>,
    /// What was started and not stopped.
    processes: BTreeMap<u64, Arc<Process>>,
}

impl Supervisor {
    /// Returns one that has started nothing.
    pub fn new(means: Means) -> Self {
        Self { means, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Returns the generation that was started last, 0 before the first, and how it ended if it has.
    pub fn last(&self) -> (u64, Option<Exit>) {
        let state = self.state.lock();
        let exit = state.processes.get(&state.last).and_then(|process| process.exit());
        (state.last, exit.or(state.exit.filter(|exit| exit.generation == state.last)))
    }

    /// Returns a count of all that was written, now and whenever it grows.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.means.output.newest()
    }

    /// Returns one process, or for 0 the one that was started last, unless it was stopped.
    pub fn process(&self, generation: u64) -> Option<Arc<Process>> {
        let state = self.state.lock();
        let generation = if generation == 0 { state.last } else { generation };
        state.processes.get(&generation).cloned()
    }

    /// Returns all processes that were not stopped, in the order of their starts.
    pub fn processes(&self) -> Vec<Arc<Process>> {
        self.state.lock().processes.values().cloned().collect()
    }

    /// Returns the ports that the relays of all processes listen on.
    pub async fn own_ports(&self) -> Vec<u16> {
        let mut ports = Vec::new();
        for process in self.processes() {
            ports.extend(process.relays.own_ports().await);
        }
        ports
    }

    /// Starts the app, and returns its generation. What runs is ended first, unless it is started beside that. What can be
    /// seen to be wrong with the command is found before anything is ended.
    pub async fn start(&self, launch: &Launch, grace: Duration) -> Result<u64, ProcessError> {
        let command = launch.command()?;
        let _turn = self.turn.lock().await;
        if launch.beside {
            self.forget();
            let running = self.processes().len();
            if running >= MAX_PROCESSES {
                return Err(ProcessError::TooMany(running));
            }
        } else {
            self.end_all(grace).await?;
        }
        let generation = self.state.lock().last + 1;
        let process = Process::start(&self.means, launch, command, generation).await?;
        let mut state = self.state.lock();
        state.last = generation;
        state.processes.insert(generation, process);
        Ok(generation)
    }

    /// Ends one process, or for 0 all, with all that it left behind. Returns how it, or the one that was started last, ended
    /// if it was running.
    pub async fn stop(&self, generation: u64, grace: Duration) -> Result<Option<Exit>, ProcessError> {
        let _turn = self.turn.lock().await;
        let process = self.process(generation);
        let running = process.as_ref().is_some_and(|process| process.exit().is_none());
        if generation == 0 {
            self.end_all(grace).await?;
        } else if let Some(process) = &process {
            self.end(process, grace).await?;
        }
        Ok(process.filter(|_| running).and_then(|process| process.exit()))
    }

    async fn end(&self, process: &Process, grace: Duration) -> Result<(), ProcessError> {
        let shims: Vec<i32> = self.processes().iter().map(|process| process.shim()).collect();
        process.end(grace, &shims).await?;
        let mut state = self.state.lock();
        state.processes.remove(&process.generation);
        if state.last == process.generation {
            state.exit = process.exit();
        }
        Ok(())
    }

    /// Ends all processes, and what is below this program though it is below none of them.
    async fn end_all(&self, grace: Duration) -> Result<(), ProcessError> {
        let processes = self.processes();
        try_join_all(processes.iter().map(|process| self.end(process, grace))).await?;
        let own = getpid().as_raw_pid();
        timeout(KILL_FOR, kill(|| processes::descendants(own))).await.map_err(|_| ProcessError::Stuck)
    }

    /// Forgets processes of which nothing is left, but for the last.
    fn forget(&self) {
        let mut state = self.state.lock();
        let last = state.last;
        state.processes.retain(|generation, process| *generation == last || !process.is_gone());
    }
}
