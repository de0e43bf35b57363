//! A container on its way out.

use crate::agent::AgentClient;

/// A container that ended and is of use no more, but for what its app has written.
pub(in crate::preview) struct Leaving {
    pub(in crate::preview) container: String,
    pub(in crate::preview) agent: AgentClient,
}
