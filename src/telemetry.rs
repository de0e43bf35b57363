//! Logs of the service itself: one line on standard error per thing that happened.

use std::{error::Error, io::IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogFormat;

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be understood.
    #[error("failed to read the log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Somebody else has set them up.
    #[error("failed to set up logs")]
    Install(#[source] Box<dyn Error + Send + Sync>),
}

/// Sends the process's logs to standard error.
///
/// # Errors
/// When the filter is wrong, or this was called before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    // A panic is an error of ours like any other, and belongs in the same place.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    let filter = EnvFilter::builder().parse(filter).map_err(TelemetryError::Filter)?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Install)
}

/// Returns an error with everything that it came from, on one line.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
