//! Collects what ends in the container and has no other parent, and passes on how shims ended.
//!
//! PID 1 inherits orphans that are below no shim, so it waits for any child. Nobody else in this program may wait: whoever spawns does it
//! through [`Reaper::spawn`], under a lock that keeps the collector away until the new child is on the list.

use std::{
    collections::HashMap,
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};
use tokio::{signal::unix, sync::watch};

/// How a process ended, once it has.
pub type Ended = watch::Receiver<Option<ExitStatus>>;

/// The list of processes whose end someone waits for.
#[derive(Debug, Default)]
pub struct Reaper {
    awaited: Mutex<HashMap<i32, watch::Sender<Option<ExitStatus>>>>,
}

impl Reaper {
    /// Collects whenever the kernel says that a child ended. `signals` is SIGCHLD's, registered before the first spawn.
    pub async fn run(&self, mut signals: unix::Signal) {
        while signals.recv().await.is_some() {
            self.collect();
        }
    }

    /// Spawns a child. It must not be waited for by other means.
    pub fn spawn(&self, command: &mut Command) -> io::Result<(Child, Ended)> {
        let mut awaited = self.awaited.lock();
        let child = command.spawn()?;
        let (sender, receiver) = watch::channel(None);
        awaited.insert(i32::try_from(child.id()).unwrap_or_default(), sender);
        Ok((child, receiver))
    }

    /// Waits for the end of a process that is no child, and becomes one if its parent goes first. Its parent is expected to
    /// say when it has collected it: see [`Reaper::forget`].
    pub fn expect(&self, pid: i32) -> Ended {
        let (sender, receiver) = watch::channel(None);
        self.awaited.lock().insert(pid, sender);
        receiver
    }

    /// Waits no more for a process that its own parent has collected.
    pub fn forget(&self, pid: i32) {
        self.awaited.lock().remove(&pid);
    }

    /// Signals a process that has not been collected yet.
    pub fn signal(&self, pid: i32, signal: Signal) {
        let awaited = self.awaited.lock();
        if let Some(pid) = awaited.contains_key(&pid).then(|| Pid::from_raw(pid)).flatten() {
            // One that has ended has no need.
            let _ = kill_process(pid, signal);
        }
    }

    /// Signals the group of a process that has not been collected yet, as far as is known, and returns whether it did. A
    /// number that the kernel has given to somebody else long since is never signalled.
    pub fn signal_group(&self, leader: i32, signal: Signal) -> bool {
        let awaited = self.awaited.lock();
        let group = awaited.contains_key(&leader).then(|| Pid::from_raw(leader)).flatten();
        group.is_some_and(|group| kill_process_group(group, signal).is_ok())
    }

    fn collect(&self) {
        let mut awaited = self.awaited.lock();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(sender) = awaited.remove(&pid.as_raw_pid()) {
                sender.send_replace(Some(ExitStatus::from_raw(status.as_raw())));
            }
        }
    }
}
