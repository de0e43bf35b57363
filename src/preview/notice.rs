//! What a development server is told of a change, and what it answers: one line of JSON each.

use serde::Deserialize;

use crate::domain::{
    failure::{Failure, FailureStage},
    ids::{CommitId, FilePath},
    reload::Strategy,
    text::{MAX_SENTENCE_BYTES, sentence},
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

/// What a development server makes of a change.
#[derive(Debug)]
pub(super) enum Answer {
    /// It shows the change, in that way if it says so.
    Taken(Option<Strategy>),
    /// The code is broken.
    Broken(Failure),
}

/// The line that it answers with.
#[derive(Debug, Deserialize)]
struct Line {
    ok: bool,
    strategy: Option<String>,
    error: Option<LineError>,
}

#[derive(Debug, Deserialize)]
struct LineError {
    message: String,
    file: Option<String>,
    line: Option<u32>,
}

/// Returns what the answer says. It is untrusted: one that is not of this form is an error.
pub(super) fn take_answer(answer: &str) -> Result<Answer, serde_json::Error> {
    let answer: Line = serde_json::from_str(answer)?;
    if answer.ok {
        return Ok(Answer::Taken(match answer.strategy.as_deref() {
            Some("full") => Some(Strategy::FullPage),
            Some("restart") => Some(Strategy::Restart),
            _ => None,
        }));
    }
    let error = answer.error.unwrap_or(LineError { message: "it gave no reason".into(), file: None, line: None });
    let mut failure = Failure::new(FailureStage::Build, "BUILD_FAILED", sentence(&error.message, MAX_SENTENCE_BYTES));
    failure.file = error.file.filter(|file| file.parse::<FilePath>().is_ok());
    failure.line = error.line;
    Ok(Answer::Broken(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(file: &str, message: &str) -> Failure {
        let answer = serde_json::json!({ "ok": false, "error": { "message": message, "file": file, "line": 3 } });
        let Ok(Answer::Broken(failure)) = take_answer(&answer.to_string()) else { panic!("not a failure") };
        failure
    }

    #[test]
    fn what_an_app_says_of_its_failure_is_bounded() {
        let failure = broken("src/App.jsx", &"x\n".repeat(100_000));
        assert_eq!(failure.file.as_deref(), Some("src/App.jsx"));
        assert_eq!(failure.line, Some(3));
        assert_eq!(failure.message.len(), MAX_SENTENCE_BYTES);
        assert!(!failure.message.contains('\n'));
        assert_eq!(broken("../etc/passwd", "no").file, None);
        assert_eq!(broken(&"a/".repeat(100_000), "no").file, None);
    }
}
