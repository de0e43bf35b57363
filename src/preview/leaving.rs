//! A container on its way out.

use crate::agent::AgentClient;

/// A container that ended and is of use no more, but for what its app has written.
pub(super) struct Leaving {
    pub(super) container: String,
    pub(super) agent: AgentClient,
}
