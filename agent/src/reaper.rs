//! Collects every process that ends in the container, and passes on how the app's own ended.
//!
//! PID 1 inherits orphans, so it waits for any child. Nobody else in this program may wait: whoever spawns does it
//! through [`Reaper::spawn`], under a lock that keeps the collector away until the new child is on the list.

use std::{
    collections::HashMap,
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use tokio::{signal::unix, sync::oneshot};

/// The list of children whose end someone waits for.
#[derive(Debug, Default)]
pub struct Reaper {
    awaited: Mutex<HashMap<i32, oneshot::Sender<ExitStatus>>>,
}

impl Reaper {
    /// Collects whenever the kernel says that a child ended. `signals` is SIGCHLD's, registered before the first spawn.
    pub async fn run(&self, mut signals: unix::Signal) {
        while signals.recv().await.is_some() {
            self.collect();
        }
    }

    /// Spawns a child whose end is sent to the receiver. The `Child` must not be waited for.
    pub fn spawn(&self, command: &mut Command) -> io::Result<(Child, oneshot::Receiver<ExitStatus>)> {
        let mut awaited = self.awaited();
        let child = command.spawn()?;
        let (sender, receiver) = oneshot::channel();
        awaited.insert(i32::try_from(child.id()).unwrap_or_default(), sender);
        Ok((child, receiver))
    }

    /// Signals the group of a child that has not been collected yet, and returns whether it did. A number that the kernel
    /// has given to somebody else is never signalled.
    pub fn signal_group(&self, leader: i32, signal: Signal) -> bool {
        let awaited = self.awaited();
        let group = awaited.contains_key(&leader).then(|| Pid::from_raw(leader)).flatten();
        group.is_some_and(|group| kill_process_group(group, signal).is_ok())
    }

    fn collect(&self) {
        let mut awaited = self.awaited();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(sender) = awaited.remove(&pid.as_raw_pid()) {
                let _ = sender.send(ExitStatus::from_raw(status.as_raw()));
            }
        }
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<i32, oneshot::Sender<ExitStatus>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
