//! The ports that an app listens on, as they are told.

use std::fmt;

/// A TCP port that an app listens on, and what answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPort {
    /// Its number.
    pub number: u16,
    /// The status that it answers a navigation with; `None` where it does not answer HTTP.
    pub http_status: Option<u16>,
    /// The content type of its answer; empty where none is named.
    pub content_type: String,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl fmt::Display for AppPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        match self.http_status {
            Some(status) if kind.is_empty() => write!(f, "{} (answers {status})", self.number),
            Some(status) => write!(f, "{} (answers {status}, {kind})", self.number),
            None if self.tls => write!(f, "{} (speaks TLS)", self.number),
            None => write!(f, "{} (no HTTP)", self.number),
        }
    }
}

/// The port that an app is expected to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedPort {
    /// Its number.
    pub number: u16,
    /// Whether the project, the request or the kind names it, so that no other is taken.
    pub named: bool,
}
