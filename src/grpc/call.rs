//! Work that outlives its caller.

use std::{collections::HashMap, future::Future, sync::Arc};

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use tonic::{Code, Extensions, Status};
use tracing::Instrument;

use super::{
    layers::Slot,
    status::{answer, with_reason},
};
use crate::domain::error::Error;

/// Runs what callers ask for in tasks of its own, so that a caller who goes away, or whose deadline passes, leaves
/// nothing half done. Each keeps its caller's place, so that there is never more work than places; and of those one preview,
/// or one project, has at most half. To wait for what comes of it is no work, and ends with the caller.
#[derive(Debug, Clone)]
pub struct Detached {
    tasks: TaskTracker,
    shares: Arc<Shares>,
}

/// How many places the work for each has.
#[derive(Debug)]
struct Shares {
    most: usize,
    taken: Mutex<HashMap<String, usize>>,
}

/// A place of a share, until it is dropped.
struct Share {
    shares: Arc<Shares>,
    whose: String,
}

impl Share {
    fn take(shares: &Arc<Shares>, whose: &str) -> Option<Self> {
        let mut taken = shares.taken.lock();
        let own = taken.entry(whose.to_owned()).or_default();
        if *own >= shares.most {
            return None;
        }
        *own += 1;
        Some(Self { shares: shares.clone(), whose: whose.to_owned() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock();
        if let Some(own) = taken.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

impl Detached {
    /// Returns what runs work for so many callers at once.
    pub fn new(tasks: TaskTracker, places: usize) -> Self {
        let shares = Shares { most: places.div_ceil(2), taken: Mutex::default() };
        Self { tasks, shares: Arc::new(shares) }
    }

    /// Runs work for a preview or a project to its end, and returns its outcome to the caller if that is still there.
    pub async fn run<T: Send + 'static>(
        &self,
        extensions: &Extensions,
        whose: &str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Status> {
        let too_many = || {
            let message = format!("too many calls for {whose} are being served");
            with_reason(Code::ResourceExhausted, "TOO_MANY_CALLS", message)
        };
        let share = Share::take(&self.shares, whose).ok_or_else(too_many)?;
        let slot = extensions.get::<Slot>().cloned();
        let task = async move {
            let _held = (slot, share);
            work.await.map_err(answer)
        };
        // Not the supervisor's: it has an end, and its outcome has a reader.
        let joined = self.tasks.spawn(task.in_current_span()).await;
        joined.unwrap_or_else(|_| Err(with_reason(Code::Internal, "INTERNAL", "failed to answer")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_has_all_places() {
        let detached = Detached::new(TaskTracker::new(), 4);
        let nothing = Extensions::default();
        let busy = || {
            let detached = detached.clone();
            tokio::spawn(async move {
                detached.run(&Extensions::default(), "one", std::future::pending::<Result<(), Error>>()).await
            })
        };
        let held = [busy(), busy()];
        while detached.shares.taken.lock().get("one") != Some(&2) {
            tokio::task::yield_now().await;
        }
        let status = detached.run(&nothing, "one", async { Ok(()) }).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("one"), "{status}");
        detached.run(&nothing, "other", async { Ok(()) }).await.unwrap();
        assert!(!detached.shares.taken.lock().contains_key("other"), "it is given back");
        drop(held);
    }
}
