//! One life of a container: its files, its process, and what its agent knows.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    gates::Gates,
    script::{Outcome, Script},
};
use crate::proto::agent::v1::{self as wire, watch_response::Event};

/// The files of a container. They outlive the agent.
pub(super) type Disk = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// When an app shows what came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// What was there when it was started.
    AtStart,
    /// Whatever is there.
    Now,
    /// What it was told of last.
    WhenTold,
}

/// What answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The engine's id of the container.
    pub container: String,
    /// The revision that it shows; empty for none.
    pub revision: String,
    /// The status of its answer.
    pub status: u16,
}

/// What runs, and what it has said.
#[derive(Default)]
pub(super) struct State {
    /// The revision whose files are in place; empty if that is not known.
    pub(super) revision: String,
    pub(super) marked: String,
    pub(super) process: Option<Process>,
    pub(super) said: Vec<wire::WatchResponse>,
}

pub(super) struct Process {
    pub(super) generation: u64,
    pub(super) exit: Option<wire::Exit>,
    /// The status that it answers with, once it does.
    pub(super) answers: Option<u16>,
    /// What it shows.
    pub(super) revision: String,
    shows: Shows,
    // Ends what it goes on to do.
    alive: CancellationToken,
}

/// One life.
pub(super) struct Life {
    pub(super) container: String,
    pub(super) instance: String,
    pub(super) gates: Arc<Gates>,
    pub(super) disk: Disk,
    /// Cancelled when the container ends.
    pub(super) over: CancellationToken,
    pub(super) frozen: watch::Sender<bool>,
    streams: Mutex<CancellationToken>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Life {
    pub(super) fn new(container: &str, gates: Arc<Gates>, disk: Disk) -> Arc<Self> {
        let over = CancellationToken::new();
        Arc::new(Self {
            container: container.to_owned(),
            instance: uuid::Uuid::new_v4().simple().to_string(),
            gates,
            disk,
            streams: Mutex::new(over.child_token()),
            over,
            frozen: watch::channel(false).0,
            state: Mutex::default(),
            changed: watch::channel(()).0,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn files(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.disk.lock()
    }

    /// Returns what follows every change of the state.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.state());
        self.changed.send_replace(());
        outcome
    }

    /// Returns what is cancelled when the streams to the agent that there are now are cut, or the container ends.
    pub(super) fn stream(&self) -> CancellationToken {
        self.streams.lock().clone()
    }

    /// Cuts the streams that there are.
    pub(super) fn cut_streams(&self) {
        let mut streams = self.streams.lock();
        std::mem::replace(&mut *streams, self.over.child_token()).cancel();
    }

    /// Returns once it is not frozen.
    pub(super) async fn thawed(&self) {
        let mut frozen = self.frozen.subscribe();
        let _ = frozen.wait_for(|frozen| !frozen).await;
    }

    /// Ends the process that is there, starts another and returns its generation.
    pub(super) fn start(self: &Arc<Self>, argv: &[String], install: bool) -> u64 {
        let script = Script::of(&self.files());
        let shows = match argv {
            argv if argv.iter().any(|word| word.contains("nginx")) => Shows::Now,
            argv if argv.iter().any(|word| word.contains("vite")) => Shows::WhenTold,
            _ => Shows::AtStart,
        };
        let alive = self.over.child_token();
        let generation = self.change(|state| {
            let before = state.process.as_ref().map_or(0, |process| process.generation);
            end(state, before, 143, 15);
            state.process = Some(Process {
                generation: before + 1,
                exit: None,
                answers: None,
                revision: state.revision.clone(),
                shows,
                alive: alive.clone(),
            });
            before + 1
        });
        let (life, outcome) = (self.clone(), if install { of_installation(script.outcome) } else { script.outcome });
        let running = async move {
            tokio::time::sleep(script.takes).await;
            life.thawed().await;
            match outcome {
                Outcome::Hangs => std::future::pending().await,
                Outcome::Exits(code) => life.exit(generation, code),
                Outcome::Answers { status, dies } => {
                    life.change(|state| {
                        if let Some(process) = state.process.as_mut().filter(|it| it.generation == generation) {
                            process.answers = Some(status);
                        }
                    });
                    if let Some((after, code)) = dies {
                        tokio::time::sleep(after).await;
                        life.exit(generation, code);
                    }
                }
            }
        };
        tokio::spawn(async move { alive.run_until_cancelled(running).await });
        generation
    }

    /// Ends a process, if it is there still.
    pub(super) fn exit(&self, generation: u64, code: i32) {
        self.change(|state| end(state, generation, code, 0));
    }

    /// Notes that a development server was told of what is there. Returns whether it can show it.
    pub(super) fn tell(&self) -> bool {
        let script = Script::of(&self.files());
        if script.breaks {
            return false;
        }
        self.change(|state| {
            let State { process, revision, .. } = state;
            if let Some(process) = process {
                process.revision.clone_from(revision);
                if let Outcome::Answers { status, .. } = script.outcome {
                    process.answers = process.answers.map(|_| status);
                }
            }
        });
        true
    }

    /// Returns what answers a request that comes from outside.
    pub(super) fn answer(&self) -> Option<Answer> {
        if self.over.is_cancelled() || *self.frozen.borrow() {
            return None;
        }
        let state = self.state();
        let process = state.process.as_ref().filter(|process| process.exit.is_none())?;
        let revision = if process.shows == Shows::Now { &state.revision } else { &process.revision };
        Some(Answer { container: self.container.clone(), revision: revision.clone(), status: process.answers? })
    }
}

/// An installation comes to its end where an app would answer.
fn of_installation(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Answers { .. } => Outcome::Exits(0),
        other => other,
    }
}

fn end(state: &mut State, generation: u64, code: i32, signal: i32) {
    let Some(process) = &mut state.process else { return };
    if process.generation != generation || process.exit.is_some() {
        return;
    }
    let exit = wire::Exit { generation, code, signal, out_of_memory: false };
    process.exit = Some(exit);
    process.alive.cancel();
    let sequence = state.said.len() as u64 + 1;
    state.said.push(wire::WatchResponse { sequence, timestamp: None, event: Some(Event::Exit(exit)) });
}
