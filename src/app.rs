//! The composition root: what is built, started and stopped, in which order.

use crate::config::Config;

/// What `previewd serve` was told on the command line.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Whether previews are removed when the service stops, instead of being taken over by the next start.
    pub remove_on_exit: bool,
}

/// Why the service could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum AppError {}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When it could not start, or a task failed that it cannot do without.
pub async fn run(_config: Config, _options: ServeOptions) -> Result<(), AppError> {
    todo!()
}
