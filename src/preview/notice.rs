//! What a development server is told of a change, and what it answers: one line of JSON each.

use serde::Deserialize;

use crate::domain::{
    failure::{Failure, FailureStage},
    ids::CommitId,
    reload::Strategy,
    tree::{ChangeKind, ChangedPath},
};

/// Returns the line that tells a development server what changed.
pub(super) fn notice(commit: &CommitId, changed: &[ChangedPath]) -> String {
    let changes: Vec<_> = changed
        .iter()
        .map(|change| {
            let kind = match change.kind {
                ChangeKind::Added => "add",
                ChangeKind::Modified => "change",
                ChangeKind::Deleted => "unlink",
            };
            serde_json::json!({ "path": change.path.as_str(), "kind": kind })
        })
        .collect();
    serde_json::json!({ "revision": commit.as_str(), "changes": changes }).to_string()
}

/// What a development server answers. It is untrusted: anything that is not this is a failure.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    strategy: Option<String>,
    error: Option<AnswerError>,
}

#[derive(Debug, Deserialize)]
struct AnswerError {
    message: String,
    file: Option<String>,
    line: Option<u32>,
}

pub(super) fn take_answer(answer: &str) -> Result<Option<Strategy>, Failure> {
    let answer: Answer = serde_json::from_str(answer)
        .map_err(|error| Failure::new(FailureStage::Start, "NOT_RESPONDING", format!("the app's answer: {error}")))?;
    if answer.ok {
        return Ok(match answer.strategy.as_deref() {
            Some("full") => Some(Strategy::FullPage),
            Some("restart") => Some(Strategy::Restart),
            _ => None,
        });
    }
    let error = answer.error.unwrap_or(AnswerError { message: "it gave no reason".into(), file: None, line: None });
    let mut failure = Failure::new(FailureStage::Build, "BUILD_FAILED", error.message);
    failure.file = error.file;
    failure.line = error.line;
    Err(failure)
}
