//! Telling a running app what changed.

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        ids::CommitId,
        reload::Strategy,
        tree::ChangedPath,
    },
    preview::{
        driver::show::notice::{Answer, notice, take_answer},
        unit::session::{Session, SessionError},
    },
    stack::{self, End},
};

/// What came of telling the running app what changed.
pub(in crate::preview::driver) enum Told {
    /// It shows the change, in that way if it says so. With what its pages import of packages, where it says that.
    Taken(Option<Strategy>, Vec<String>),
    /// It says that the code is broken.
    Broken(Failure),
    /// It runs code that it cannot load anew: another process has to.
    Stale,
    /// It says nothing that can be understood, or nothing at all.
    Silent(String),
    /// Its container is gone.
    Lost(SessionError),
}

/// Tells the running app what changed, and waits until it has taken it in.
pub(in crate::preview::driver) async fn tell(session: &Session, commit: &CommitId, changed: &[ChangedPath]) -> Told {
    match session.notify(notice(commit, changed)).await {
        Ok(answer) => match take_answer(&answer) {
            Ok(Answer::Taken(strategy, packages)) => Told::Taken(strategy, packages),
            Ok(Answer::Broken(failure)) => Told::Broken(failure),
            Ok(Answer::Raised(lines)) => {
                let end = End::Exited { code: 1, out_of_memory: false };
                Told::Broken(stack::explain(&session.plan, FailureStage::Run, &end, &lines))
            }
            Ok(Answer::Restart) => Told::Stale,
            Err(error) => Told::Silent(error.to_string()),
        },
        // The agent answers, so it is the app that does not.
        Err(error) if session.agent().status().await.is_ok() => Told::Silent(error.to_string()),
        Err(error) => Told::Lost(error),
    }
}
