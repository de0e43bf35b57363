//! The bounds of one container, which change while it runs: more CPU until it answers, more memory when it needs it.
//!
//! The driver decides when a start is over; memory is given where its need is heard, which may be in the middle of a
//! start. Both change the container through here, one after the other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_lot::Mutex as Held;
use tokio::sync::Mutex;

use crate::{
    agent::MemoryUse,
    domain::limits::{Allowance, Limits},
    engine::{EngineError, SharedEngine},
    preview::{face::log::Log, handle::Handle},
};

const MEBIBYTE: u64 = 1024 * 1024;

/// The bounds of one container.
pub struct Bounds {
    engine: SharedEngine,
    container: String,
    handle: Arc<Handle>,
    allowance: Allowance,
    /// How much the preview was given in any of its containers; the next one begins with it.
    given: Arc<AtomicU64>,
    /// The bounds when nothing is lifted. Held while the container is changed.
    limits: Mutex<Limits>,
    /// Whether the CPU is lifted above that.
    lifted: AtomicBool,
    seen: Held<Seen>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    memory_bytes: u64,
    peak: u64,
}

impl Bounds {
    /// Returns the bounds of a container that was made with them, its CPU lifted or not.
    pub fn new(
        engine: SharedEngine,
        container: String,
        handle: Arc<Handle>,
        (limits, allowance): (Limits, Allowance),
        lifted: bool,
        given: Arc<AtomicU64>,
    ) -> Arc<Self> {
        let seen = Held::new(Seen { memory_bytes: limits.memory_bytes, peak: 0 });
        Arc::new(Self {
            engine,
            container,
            handle,
            allowance,
            given,
            limits: Mutex::new(limits),
            lifted: AtomicBool::new(lifted),
            seen,
        })
    }

    /// Returns the engine's id of the container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Returns the preview's log.
    pub fn log(&self) -> &Log {
        &self.handle.log
    }

    /// Returns the limit of the memory now, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.seen.lock().memory_bytes
    }

    /// Returns the bounds when nothing is lifted.
    pub async fn limits(&self) -> Limits {
        *self.limits.lock().await
    }

    /// Puts the CPU down to what the preview may use once it answers. Nothing is done where it is down. Where that fails,
    /// it is to be tried again; see [`is_lifted`](Self::is_lifted).
    pub async fn put_down(&self) {
        if !self.is_lifted() {
            return;
        }
        let limits = self.limits.lock().await;
        match self.engine.update(&self.container, *limits).await {
            // One that is gone uses nothing.
            Ok(()) | Err(EngineError::NotFound { .. }) => self.lifted.store(false, Ordering::Release),
            Err(error) => {
                tracing::warn!(preview = %self.handle.id, error = %error, "the CPU limit could not be put down yet");
            }
        }
    }

    /// Returns whether the CPU is lifted.
    pub fn is_lifted(&self) -> bool {
        self.lifted.load(Ordering::Acquire)
    }

    /// Takes note of what is in use, and gives more where that is near the limit that is in force.
    pub async fn hear(&self, memory: MemoryUse) {
        {
            let mut seen = self.seen.lock();
            seen.peak = seen.peak.max(memory.peak_bytes);
        }
        let limit = self.memory_bytes();
        if self.allowance.is_near(memory.used_bytes, limit) {
            let used = memory.used_bytes / MEBIBYTE;
            self.grow(limit, &format!("it has {used} MiB in use")).await;
        }
    }

    /// Gives more memory after the out-of-memory killer struck a process that was started under a limit. Returns whether
    /// there is more now than there was then.
    pub async fn grow_after_kill(&self, started_under: u64) -> bool {
        let limit = self.memory_bytes();
        self.grow(limit, "a process was killed for memory").await || limit > started_under
    }

    /// Doubles the memory, unless it is another than that limit already, or may not. Returns whether it did.
    async fn grow(&self, from: u64, why: &str) -> bool {
        let mut now = self.limits.lock().await;
        if now.memory_bytes != from {
            return now.memory_bytes > from;
        }
        if !self.engine.capabilities().resize {
            return false;
        }
        let Some(memory_bytes) = self.allowance.more_than(from) else { return false };
        let limits = Limits { memory_bytes, ..*now };
        let in_force = if self.is_lifted() {
            // As it is: what it may have of a core is changed when its start is over.
            match self.engine.limits(&self.container).await {
                Ok(Some(found)) => Limits { cpus: found.cpus, ..limits },
                _ => limits,
            }
        } else {
            limits
        };
        if let Err(error) = self.engine.update(&self.container, in_force).await {
            tracing::warn!(preview = %self.handle.id, error = %error, "a container could not be given more memory");
            return false;
        }
        *now = limits;
        self.seen.lock().memory_bytes = memory_bytes;
        self.given.fetch_max(memory_bytes, Ordering::AcqRel);
        let (before, after) = (from / MEBIBYTE, memory_bytes / MEBIBYTE);
        self.handle.log.lifecycle(format!("memory: {before} MiB are too little, {after} MiB are given: {why}"));
        tracing::info!(preview = %self.handle.id, before, after, why, "memory given");
        self.handle.set_status(|status| {
            status.limits.memory_bytes = memory_bytes;
            status.memory_given = Some((from, memory_bytes));
        });
        true
    }

    /// Says that the memory did not suffice: the limit, the peak, and the setting that allows more.
    pub fn exhausted(&self) -> String {
        let seen = *self.seen.lock();
        let (limit, peak) = (seen.memory_bytes / MEBIBYTE, seen.peak.min(seen.memory_bytes) / MEBIBYTE);
        let peak = if peak > 0 { format!(", of which {peak} MiB were seen in use") } else { String::new() };
        let setting = self.allowance.said_by;
        format!("the app needed more than the {limit} MiB of memory that it may use{peak}; {setting} can allow more")
    }
}
