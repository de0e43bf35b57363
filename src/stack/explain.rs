//! Why an app did not run: from the end of a process and its last lines to a typed failure.

use crate::domain::{
    failure::{Failure, FailureStage, MAX_EXCERPT_LINES},
    runtime::RunPlan,
};

/// How what was waited for came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The process ended.
    Exited {
        /// The exit status, or 128 plus the signal's number.
        code: i32,
        /// Whether the kernel's out-of-memory killer struck.
        out_of_memory: bool,
    },
    /// The app did not answer in time.
    TimedOut {
        /// The ports that its processes listen on.
        listening: Vec<u16>,
        /// The last error, in a sentence.
        message: String,
    },
    /// The app, or the engine, said itself what is wrong.
    Reported {
        /// The sentence.
        message: String,
        /// The file at fault, absolute in the container or from the project's root.
        file: Option<String>,
        /// The line in it, from 1.
        line: Option<u32>,
    },
}

/// Explains a failure. `lines` are the last lines of the log, oldest first; only their end is looked at.
pub fn explain(plan: &RunPlan, stage: FailureStage, end: &End, lines: &[String]) -> Failure {
    let _ = plan;
    let mut failure = Failure::new(stage, "FAILED", format!("{end:?}"));
    failure.log_excerpt = lines[lines.len().saturating_sub(MAX_EXCERPT_LINES)..].to_vec();
    failure
}
