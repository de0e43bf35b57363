//! Why an engine did not do what was asked.

/// Why an engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine itself cannot be reached: nothing is known of what was asked.
    #[error("the engine cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no such container, image or network.
    #[error("no such {what}: {name}")]
    NotFound {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A name is taken, or what is to go is in use.
    #[error("{what} {name} is taken or in use")]
    Conflict {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An image could not be had; the engine's own words.
    #[error("image {image} could not be had: {message}")]
    Image {
        /// The image.
        image: String,
        /// The engine's own words.
        message: String,
    },
    /// A build failed because of what is built; the engine's own words.
    #[error("the build failed: {message}")]
    Build {
        /// The engine's own words.
        message: String,
        /// The last lines of the build's output, oldest first.
        lines: Vec<String>,
    },
    /// The engine erred: it answered with status 500, with what cannot be read, or with half an answer. Nothing is known of
    /// what was asked, and a moment later it may do it.
    #[error("the engine failed to {action}: {message}")]
    Erred {
        /// What was being done.
        action: &'static str,
        /// The engine's own words.
        message: String,
    },
    /// The engine refused, in its own words.
    #[error("failed to {action}: {message}")]
    Refused {
        /// What was being done.
        action: &'static str,
        /// The engine's own words.
        message: String,
    },
    /// The engine did not answer in time.
    #[error("the engine did not {0} in time")]
    Timeout(&'static str),
}

impl EngineError {
    /// Returns whether it says nothing of what was asked for: the engine is away, late, or out of order.
    pub fn says_nothing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout(_) | Self::Erred { .. })
    }
}
