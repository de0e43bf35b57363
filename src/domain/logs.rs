//! The lines of a preview's log.

use std::time::SystemTime;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// What previewd did.
    Lifecycle,
    /// An installation, a pull, a build.
    Install,
    /// The app's standard output.
    Stdout,
    /// The app's standard error.
    Stderr,
}

/// One line, before it has a place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read.
    pub timestamp: SystemTime,
    /// Where it came from.
    pub source: LogSource,
    /// The line, at most [`crate::domain::limits::MAX_LOG_LINE_BYTES`].
    pub text: String,
    /// Whether it goes on in the next line of the same source.
    pub partial: bool,
}
