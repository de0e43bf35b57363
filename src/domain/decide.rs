//! What a preview does next, and what is said of it. What is wanted and what is observed go in; a step, a phase and the
//! state of its site come out.
//!
//! ```text
//! PENDING -> INSTALLING -> STARTING -> RUNNING -> STOPPING -> STOPPED
//!                             ^          |  ^
//!                             +----------+  +--> PAUSED
//! FAILED from every phase but the last two; left by the next commit that works.
//! ```
//!
//! Awaits nothing and remembers nothing: a driver observes, asks, does the step, and asks again. Nobody sets a phase or a
//! site's state by hand.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::domain::{
    failure::Failure,
    ids::CommitId,
    spec::{Phase, ReloadMode},
    status::{Ending, Making, PreviewStatus, Serving},
};

/// Ends of a running app within this time are counted together.
pub const DEATHS_WITHIN: Duration = Duration::from_secs(60);
/// So many of them are a crash loop.
pub const DEATHS_ALLOWED: usize = 3;

/// What is wanted of a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Whether it is to end.
    pub end: bool,
    /// The commit that it is to show; `None` where its branch is gone.
    pub commit: Option<CommitId>,
    /// Who applies commits.
    pub reload: ReloadMode,
    /// The newest request to apply the commit, whatever came of it before.
    pub apply_request: u64,
}

/// What is known of the container that a preview has, and of the app in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Perhaps there is one: the engine could not be asked.
    Unknown,
    /// There is none.
    None,
    /// It is as it was left.
    Well,
    /// Something says that it may not be as it was left.
    InDoubt,
    /// Nothing is heard of it any more.
    Disconnected,
    /// The app in it, or itself, has ended without having been told to, and is not started again yet.
    Ended,
}

/// What is observed of a preview by its driver, beside what is told to others.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// What is told to others.
    pub status: &'a PreviewStatus,
    /// What is known of its container.
    pub unit: Unit,
    /// When its app has ended by itself.
    pub deaths: &'a [Instant],
    /// Whether what only the engine kept from being done is to be tried again now.
    pub again: bool,
    /// When something is to be looked at again that was not as it should be.
    pub retry_at: Option<Instant>,
    /// When the ports of its app are to be looked at again.
    pub ports_at: Option<Instant>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing before something happens, or before that time.
    Wait(Option<Instant>),
    /// Take over the container that an earlier life of the service has left, if there is one.
    TakeOver,
    /// See what became of the container, and to it that it is heard again.
    LookAfter,
    /// Start the app again, which shows that commit.
    Revive(CommitId),
    /// Give the app up, which shows that commit: it ends each time that it is started.
    GiveUp(CommitId),
    /// Bring a commit into the preview.
    Bring(CommitId, u64),
    /// Record that what was asked for is as it is to be.
    Settle(Option<CommitId>, u64),
    /// Try once more what was not as it should be.
    Retry,
    /// Look at the ports of the app.
    LookAtPorts,
    /// End the preview.
    End,
}

/// Decides what is to be done next.
pub fn decide(desired: &Desired, observed: &Observed<'_>, now: Instant) -> Step {
    let status = observed.status;
    if desired.end {
        return Step::End;
    }
    let due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
    match (observed.unit, &status.applied) {
        // What is there may serve: nothing is made beside it before that is known.
        (Unit::Unknown, _) => {
            let wait = observed.retry_at.is_some() && !due(observed.retry_at);
            return if wait { Step::Wait(observed.retry_at) } else { Step::TakeOver };
        }
        (Unit::InDoubt, _) => return Step::LookAfter,
        // The end of what had failed already, or has not answered yet, is told with that.
        (Unit::Ended, Some(applied)) if !status.given_up => {
            let deaths = observed.deaths.iter().filter(|death| now.duration_since(**death) < DEATHS_WITHIN).count();
            let applied = applied.clone();
            return if deaths < DEATHS_ALLOWED { Step::Revive(applied) } else { Step::GiveUp(applied) };
        }
        _ => {}
    }
    let asked = desired.apply_request > status.apply_request;
    match &desired.commit {
        // The branch is gone: what runs goes on, and there is nothing to apply.
        None if asked => return Step::Settle(None, desired.apply_request),
        None => {}
        Some(commit) => {
            let new = desired.reload == ReloadMode::Auto && status.settled.as_ref() != Some(commit);
            if asked || new || observed.again {
                let shown = status.answering() == Some(commit) && status.failure.is_none();
                return if shown {
                    Step::Settle(Some(commit.clone()), desired.apply_request)
                } else {
                    Step::Bring(commit.clone(), desired.apply_request)
                };
            }
        }
    }
    if due(observed.retry_at) {
        return Step::Retry;
    }
    if due(observed.ports_at) {
        return Step::LookAtPorts;
    }
    Step::Wait([observed.retry_at, observed.ports_at].into_iter().flatten().min())
}

/// Returns where a preview is in its life.
pub fn phase_of(status: &PreviewStatus) -> Phase {
    match (status.ending, status.serving, status.making) {
        (Ending::Over, ..) => Phase::Stopped,
        (Ending::Asked, ..) => Phase::Stopping,
        // The version that answers goes on while the next is made.
        (_, Serving::App(_), _) => Phase::Running,
        (_, Serving::Frozen(_), _) => Phase::Paused,
        (_, Serving::Nothing, Making::Image) => Phase::Installing,
        (_, Serving::Nothing, Making::Process) => Phase::Starting,
        (_, Serving::Nothing, Making::Nothing) if status.given_up => Phase::Failed,
        (_, Serving::Nothing, Making::Nothing) => Phase::Pending,
    }
}

/// What the gateway does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteState {
    /// Nothing can answer now, and something will soon: the request waits.
    Hold,
    /// The app answers at this address.
    Open(SocketAddr),
    /// Nothing answers, and the next commit may mend it: the request gets a page that says why, with status 502.
    Failed(Arc<Failure>),
    /// The container is frozen: the request is held, and asks for it to be woken.
    Paused,
    /// The preview ends: connections are closed.
    Gone,
}

/// Returns what the gateway does with a preview's requests.
pub fn site_state_of(status: &PreviewStatus) -> SiteState {
    match (status.ending, status.serving) {
        (Ending::Asked | Ending::Over, _) => SiteState::Gone,
        (Ending::Not, Serving::App(address)) => SiteState::Open(address),
        (Ending::Not, Serving::Frozen(_)) => SiteState::Paused,
        // Also while the next is made: that may take minutes, and may fail too.
        (Ending::Not, Serving::Nothing) => match &status.failure {
            Some(failure) if status.given_up => SiteState::Failed(Arc::new(failure.clone())),
            _ => SiteState::Hold,
        },
    }
}

#[cfg(test)]
mod tests;
