//! The removal of what nobody has any more, however often it takes: an engine may be away, or err.

use std::time::Duration;

use tokio::time::sleep;

use super::EngineError;
use crate::domain::pause::Pause;

/// The time between two tries: the first, and the longest.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Removes a container, until it is gone or the engine refuses for good. `remove` is one try.
pub async fn remove_in_the_end<F>(container: &str, remove: impl Fn() -> F)
where
    F: Future<Output = Result<(), EngineError>>,
{
    let mut pause = Pause::new(FIRST_PAUSE, LONGEST_PAUSE);
    while let Err(error) = remove().await {
        tracing::warn!(container, error = %error, "a container that is not needed could not be removed yet");
        if !error.says_nothing() && !matches!(error, EngineError::Conflict { .. }) {
            return;
        }
        sleep(pause.longer()).await;
    }
}
