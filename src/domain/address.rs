//! Where a preview is reached.

use serde::{Deserialize, Serialize};

/// Where a preview is reached. Both are empty before the gateway has said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The URL at which a browser reaches it.
    #[serde(default)]
    pub url: String,
    /// The port of this machine that it has for itself, where it has one. Versions before wrote 0 for none.
    #[serde(default)]
    pub port: Option<u16>,
}
