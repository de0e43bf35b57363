//! What a container says of its own accord.

use crate::agent::Exit;

/// What happens in a container without having been asked for.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// The app's process ended; the number of the log's newest line then. All that it wrote is in the log.
    Exited(Exit, u64),
    /// The agent cannot be reached any more: the container has ended, or the stream to it.
    Lost,
}
