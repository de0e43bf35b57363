//! Why a step of a driver did not get to its end.

use crate::{domain::failure::Failure, preview::unit::session::SessionEvent};

/// Why a step did not get to its end.
pub(super) enum Interrupted {
    Failed(Failure),
    /// A newer commit is there.
    Superseded,
    /// What goes on serving meanwhile has ended.
    Disturbed(SessionEvent),
}

impl From<Failure> for Interrupted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
