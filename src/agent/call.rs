//! One call, and how long it may take.

use std::time::Duration;

use tokio::time::timeout;

use super::{convert, error::AgentError};

/// How long a call may take beside what it was asked to wait for.
pub(super) const MARGIN: Duration = Duration::from_secs(10);
/// The slowest that files come in, beside [`MARGIN`].
const SYNC_BYTES_PER_SECOND: u64 = 1024 * 1024;
const SYNC_FILES_PER_SECOND: u64 = 500;

/// Returns how long so many files may take to come in.
pub(super) fn while_syncing(files: u64, bytes: u64) -> Duration {
    MARGIN + Duration::from_secs(bytes / SYNC_BYTES_PER_SECOND + files / SYNC_FILES_PER_SECOND)
}

/// Awaits a call's answer, for as long as it may take.
pub(super) async fn call<T>(
    within: Duration,
    answer: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, AgentError> {
    match timeout(within, answer).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(convert::error(status)),
        Err(_) => Err(AgentError::Timeout),
    }
}
