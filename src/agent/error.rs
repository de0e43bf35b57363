//! Why the agent did not do what was asked.

use std::error::Error;

/// Why the agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The stream is gone, and nothing is known of what was asked. Dial again. A container that is paused for more than
    /// half a minute looks the same.
    #[error("the agent cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// It says why not, or that the app which it asked did not answer: one line of at most 1 KiB.
    #[error("{0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("the agent did not answer in time")]
    Timeout,
    /// Its answer makes no sense.
    #[error("the agent's answer makes no sense: {0}")]
    Protocol(&'static str),
}

impl AgentError {
    /// Returns whether the container is as good as gone.
    pub fn is_lost(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}
