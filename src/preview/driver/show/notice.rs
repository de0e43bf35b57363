//! What a development server is told of a change, and what it answers: one line of JSON each.

use serde::Deserialize;

use crate::domain::{
    failure::{Failure, FailureStage},
    ids::{CommitId, FilePath},
    reason::Reason,
    reload::Strategy,
    text::{MAX_SENTENCE_BYTES, sentence},
    tree::{ChangeKind, ChangedPath},
};

/// The most lines of a traceback that are looked at.
const MAX_TRACEBACK: usize = 400;

/// Returns the line that tells a development server what changed.
pub(in crate::preview::driver) fn notice(commit: &CommitId, changed: &[ChangedPath]) -> String {
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
pub(in crate::preview::driver) enum Answer {
    /// It shows the change, in that way if it says so. With what its pages import of packages, where it says that.
    Taken(Option<Strategy>, Vec<String>),
    /// The code is broken.
    Broken(Failure),
    /// The code is broken: the last lines of what the app prints of it, at most 400.
    Raised(Vec<String>),
    /// What runs cannot show the change: it has to be started anew.
    Restart,
}

/// The line that it answers with.
#[derive(Debug, Deserialize)]
struct Line {
    ok: bool,
    strategy: Option<String>,
    error: Option<LineError>,
    #[serde(default)]
    packages: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct LineError {
    message: String,
    file: Option<String>,
    line: Option<u32>,
    /// What the app prints of it, for those who are read by that.
    #[serde(default)]
    traceback: Vec<String>,
    /// Whether a program has ended, and has not said why.
    #[serde(default)]
    ended: bool,
}

/// Returns what the answers of a development server, one line for each of its processes, come to: the first failure, else
/// the most that one of them needs. They are untrusted: one that is not of this form is an error.
pub(in crate::preview::driver) fn take_answer(answers: &str) -> Result<Answer, serde_json::Error> {
    let answers = answers.split('\n').map(serde_json::from_str).collect::<Result<Vec<Line>, _>>()?;
    if let Some(broken) = answers.iter().find(|answer| !answer.ok) {
        let lines = broken.error.as_ref().map_or(&[][..], |error| &error.traceback);
        let last = lines.get(lines.len().saturating_sub(MAX_TRACEBACK)..).unwrap_or_default();
        return Ok(match last {
            [] => Answer::Broken(broken.failure()),
            last => Answer::Raised(last.iter().map(|line| sentence(line, MAX_SENTENCE_BYTES)).collect()),
        });
    }
    let says = |strategy: &str| answers.iter().any(|answer| answer.strategy.as_deref() == Some(strategy));
    if says("process") {
        return Ok(Answer::Restart);
    }
    let strategy = match () {
        () if says("restart") => Some(Strategy::Restart),
        () if says("full") => Some(Strategy::FullPage),
        () => None,
    };
    Ok(Answer::Taken(strategy, answers.into_iter().flat_map(|answer| answer.packages).collect()))
}

impl Line {
    fn failure(&self) -> Failure {
        let message = self.error.as_ref().map_or("it gave no reason", |error| &error.message);
        let error = self.error.as_ref();
        let (stage, reason) = match error {
            Some(LineError { ended: true, .. }) => (FailureStage::Run, Reason::Exited),
            _ => (FailureStage::Build, Reason::BuildFailed),
        };
        let mut failure = Failure::new(stage, reason, sentence(message, MAX_SENTENCE_BYTES));
        failure.file = error.and_then(|error| error.file.clone()).filter(|file| file.parse::<FilePath>().is_ok());
        failure.line = error.and_then(|error| error.line);
        failure
    }
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

    #[test]
    fn a_program_that_has_ended_is_no_code_that_cannot_be_read() {
        let answer = r#"{"ok":false,"error":{"message":"server/index.js ended with 1","ended":true}}"#;
        let Ok(Answer::Broken(failure)) = take_answer(answer) else { panic!("not a failure") };
        assert_eq!((failure.stage, failure.reason.as_str()), (FailureStage::Run, "EXITED"));
    }

    #[test]
    fn the_answers_of_several_processes_come_to_the_most_that_one_needs() {
        let taken = |answers: &str| match take_answer(answers) {
            Ok(Answer::Taken(strategy, _)) => strategy,
            other => panic!("{other:?}"),
        };
        let (hot, full) = (r#"{"ok":true,"strategy":"hot"}"#, r#"{"ok":true,"strategy":"full"}"#);
        assert_eq!(taken(hot), None);
        assert_eq!(taken(&format!("{hot}\n{full}")), Some(Strategy::FullPage));
        let restart = r#"{"ok":true,"strategy":"restart"}"#;
        assert_eq!(taken(&format!("{restart}\n{hot}\n{full}")), Some(Strategy::Restart));
        let process = r#"{"ok":true,"strategy":"process"}"#;
        assert!(matches!(take_answer(&format!("{hot}\n{process}")), Ok(Answer::Restart)));
        let broken = r#"{"ok":false,"error":{"message":"no"}}"#;
        assert!(
            matches!(take_answer(&format!("{hot}\n{broken}")), Ok(Answer::Broken(failure)) if failure.message == "no")
        );
        assert!(take_answer(&format!("{hot}\nno JSON")).is_err());
    }
}
