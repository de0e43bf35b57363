//! What a container says of its own accord.

use std::fmt;

use crate::agent::Exit;

/// What happens in a container without having been asked for.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// The app's process ended; the number of the log's newest line then. All that it wrote is in the log.
    Exited(Exit, u64),
    /// The agent cannot be reached any more: the container has ended, or the stream to it.
    Lost,
}

/// An end of the app by itself: how its process ended, or that its container was lost.
pub struct Death {
    /// How its process ended; `None` where its container was lost.
    pub exit: Option<Exit>,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exit {
            None => f.write_str("its container was lost"),
            Some(exit) if exit.out_of_memory => f.write_str("it was out of memory"),
            Some(exit) if exit.signal != 0 => write!(f, "it was killed by signal {}", exit.signal),
            Some(exit) => write!(f, "it ended with status {}", exit.code),
        }
    }
}
