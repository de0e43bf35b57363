//! What errors of the engine and of a container mean for a preview.

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        reason::Reason,
    },
    engine::EngineError,
    preview::{store::StoreError, unit::session::SessionError},
};

/// Returns a failure of the engine, in its own words.
pub fn engine_failure(stage: FailureStage, error: &EngineError) -> Failure {
    let (reason, message) = match error {
        error if error.says_nothing() => (Reason::EngineUnavailable, error.to_string()),
        EngineError::Image { .. } => (Reason::ImageUnavailable, error.to_string()),
        _ => (Reason::EngineRefused, error.to_string()),
    };
    Failure::new(stage, reason, message)
}

/// Returns a failure to note whose a container is.
pub(in crate::preview) fn claim_failure(error: &StoreError) -> Failure {
    tracing::error!(error = error as &dyn std::error::Error, "a claim could not be written");
    Failure::new(FailureStage::Start, Reason::Internal, "the service could not note whose the container is")
}

/// Returns the reason of what could not be done in a container that is there.
fn refused(stage: FailureStage) -> Reason {
    match stage {
        FailureStage::Sync => Reason::SyncFailed,
        FailureStage::Install => Reason::InstallFailed,
        _ => Reason::NotStarted,
    }
}

/// Returns a failure of a session.
pub fn session_failure(stage: FailureStage, error: &SessionError) -> Failure {
    match error {
        SessionError::Unreached(_) => Failure::new(stage, Reason::ContainerLost, error.to_string()),
        // Its container is gone, or its agent not heard any more.
        error if error.is_lost() => {
            Failure::new(stage, Reason::ContainerLost, format!("the container was lost: {error}"))
        }
        SessionError::Engine(error) => engine_failure(stage, error),
        SessionError::Agent(error) => Failure::new(stage, refused(stage), error.to_string()),
        SessionError::Vfs(_) => Failure::new(stage, Reason::Unreadable, error.to_string()),
        SessionError::TooLarge { .. } => Failure::new(stage, Reason::TooLarge, error.to_string()),
    }
}
