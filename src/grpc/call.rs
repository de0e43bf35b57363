//! Work that outlives its caller.

use std::future::Future;

use tokio_util::task::TaskTracker;
use tonic::{Code, Extensions, Status};
use tracing::Instrument;

use super::{
    layers::Slot,
    status::{answer, with_reason},
};
use crate::domain::{
    error::Error,
    ids::{BranchName, ProjectId},
};

/// Runs what callers ask for in tasks of its own, so that a caller who goes away, or whose deadline passes, leaves
/// nothing half done. Each keeps its caller's place, so that there is never more work than places. To wait for what comes
/// of it is no work, and ends with the caller.
#[derive(Debug, Clone, Default)]
pub struct Detached(pub TaskTracker);

impl Detached {
    /// Runs work for the preview of a branch to its end, and returns its outcome to the caller if that is still there.
    pub async fn run<T: Send + 'static>(
        &self,
        extensions: &Extensions,
        (project, branch): (&ProjectId, &BranchName),
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Status> {
        let slot = extensions.get::<Slot>().cloned();
        slot.iter().try_for_each(|slot| slot.is_for(project, branch))?;
        let task = async move {
            let outcome = work.await.map_err(answer);
            // To wait for what comes of it needs no request.
            slot.iter().for_each(Slot::is_light);
            outcome
        };
        // Not the supervisor's: it has an end, and its outcome has a reader.
        let joined = self.0.spawn(task.in_current_span()).await;
        joined.unwrap_or_else(|_| Err(with_reason(Code::Internal, "INTERNAL", "failed to answer")))
    }
}
