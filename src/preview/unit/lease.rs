//! What keeps an image that is not shared.

use std::sync::Arc;

/// Keeps an image that was built from a project's own Dockerfile.
#[derive(Debug, Clone)]
pub struct Lease(#[expect(dead_code, reason = "it is held, not read")] Arc<()>);

impl Lease {
    /// Returns a lease for as long as this is held.
    pub(in crate::preview) fn new(held: Arc<()>) -> Self {
        Self(held)
    }
}
