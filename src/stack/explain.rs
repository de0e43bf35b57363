//! Why an app did not run: from the end of a process and its last lines to a typed failure.
//!
//! What the programs themselves say is found by `readers`. Logs come from untrusted code: only their end is read, lines are
//! bounded, and what is found is cut to size.

mod app;
mod imports;
mod install;
mod lines;
mod page;

use self::{
    app::from_app,
    lines::{MAX_INSTALL_LINE_CHARS, MAX_INSTALL_LINES, MAX_LINE_CHARS, MAX_LINES, moved, readable, shortened},
    page::own_lines,
};
pub use self::{
    imports::{import_line, listing_line},
    install::installed,
    page::{PageAnswer, explain_page, is_cut_short},
};
use super::{
    kinds,
    readers::cause::{Cause, in_project},
};
use crate::domain::{
    failure::{Failure, FailureStage, MAX_EXCERPT_LINES},
    reason::Reason,
    runtime::{ImagePlan, RunPlan},
};

/// How many lines before the one that tells the cause are in the excerpt of an installation's log.
const LINES_BEFORE: usize = 15;

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

/// What an engine says of a registry that it cannot reach.
const UNREACHED: [&str; 7] = [
    "no such host",
    "server misbehaving",
    "i/o timeout",
    "TLS handshake timeout",
    "connection refused",
    "network is unreachable",
    "Client.Timeout",
];

/// Explains a failure: a stable reason, a sentence, the file from the project's root and the line where they are known,
/// and the last lines of the log, without the frames of code that is not the project's.
///
/// `lines` are the log's last lines, oldest first, of the process that failed alone; at most 400 of them are looked at, of
/// an installation 10,000. Where the cause of an installation stands above the last lines, those around it are the excerpt.
/// Reasons: `OUT_OF_MEMORY`, `SYNTAX_ERROR`, `TYPE_ERROR`, `MODULE_NOT_FOUND`, `IMPORT_ERROR`, `MISSING_VARIABLE`,
/// `EXCEPTION`, `PORT_IN_USE`, `COMMAND_NOT_FOUND`, `TRANSFORM_FAILED`, `Reason::InstallFailed`, `BUILD_FAILED`, `EXITED`, `NOT_LISTENING`,
/// `NOT_ANSWERING`, `FAILED`.
pub fn explain(plan: &RunPlan, stage: FailureStage, end: &End, lines: &[String]) -> Failure {
    explain_in(plan, stage, end, lines, "")
}

/// Explains as [`explain`] does a failure of an app whose project is in another folder of the container than usual, where
/// its own Dockerfile has put it. An empty one is the usual one.
pub fn explain_in(plan: &RunPlan, stage: FailureStage, end: &End, lines: &[String], folder: &str) -> Failure {
    if stage == FailureStage::Install {
        return installation(plan, end, lines);
    }
    let readable = |line: &String| readable(line, MAX_LINE_CHARS);
    let tail: Vec<String> = lines[lines.len().saturating_sub(MAX_LINES)..].iter().map(readable).collect();
    let usual = moved(plan, &tail, folder);
    let cause = cause_of(plan, stage, end, &usual);
    let excerpt = own_lines(&tail, &usual);
    failure(stage, end, cause, excerpt[excerpt.len().saturating_sub(MAX_EXCERPT_LINES)..].to_vec())
}

/// Explains the failure of an installation from all that it printed.
fn installation(plan: &RunPlan, end: &End, lines: &[String]) -> Failure {
    let stage = FailureStage::Install;
    let lines = &lines[lines.len().saturating_sub(MAX_INSTALL_LINES)..];
    let lines: Vec<String> = lines.iter().map(|line| readable(line, MAX_INSTALL_LINE_CHARS)).collect();
    let out_of_memory = matches!(end, End::Exited { out_of_memory: true, .. });
    let found = match end {
        End::Exited { .. } if !out_of_memory => install::read(plan, &lines),
        _ => None,
    };
    let (cause, at) = found.map_or((None, None), |(cause, at)| (Some(cause), Some(at)));
    let told: Vec<(usize, &String)> = lines.iter().enumerate().filter(|(_, line)| !install::is_idle(line)).collect();
    let cause = cause.unwrap_or_else(|| {
        let told: Vec<String> = told.iter().map(|(_, line)| (*line).clone()).collect();
        match (from_app(plan, &lines), end) {
            // A program of the project's own that the installation runs.
            (Some(cause), End::Exited { code, .. }) if !out_of_memory => {
                let message = format!("the installation ended with status {code}: {}", cause.message);
                Cause { reason: Reason::InstallFailed, message, ..cause }
            }
            _ => cause_of(plan, stage, end, &told),
        }
    });
    let last = told.len().saturating_sub(MAX_EXCERPT_LINES);
    let start =
        at.map_or(last, |at| told.partition_point(|(index, _)| *index < at).saturating_sub(LINES_BEFORE).min(last));
    let excerpt =
        told[start..].iter().take(MAX_EXCERPT_LINES).map(|(_, line)| readable(line, MAX_LINE_CHARS)).collect();
    failure(stage, end, cause, excerpt)
}

fn failure(stage: FailureStage, end: &End, cause: Cause, log_excerpt: Vec<String>) -> Failure {
    let mut failure = Failure::new(stage, cause.reason, shortened(&cause.message));
    failure.file = cause.file;
    failure.line = cause.line.filter(|line| *line > 0);
    failure.log_excerpt = log_excerpt;
    if let End::Exited { code, .. } = end {
        failure.exit_code = Some(*code);
    }
    failure
}

fn cause_of(plan: &RunPlan, stage: FailureStage, end: &End, lines: &[String]) -> Cause {
    if let End::Exited { out_of_memory: true, .. } = end {
        return Cause::new(Reason::OutOfMemory, "the container ran out of memory");
    }
    if let End::Reported { message, file, line } = end {
        let unreached = if stage == FailureStage::Build { base_image(message, lines) } else { None };
        return reported(plan, stage, unreached.as_ref().unwrap_or(message), file.as_deref(), *line);
    }
    let found = match stage {
        FailureStage::Install | FailureStage::Build => None,
        _ => from_app(plan, lines),
    };
    // What the log says is the cause of an end; a silent app is explained by what it does.
    if let (Some(cause), End::Exited { .. }) = (&found, end) {
        return cause.clone();
    }
    if let (Some(cause), End::TimedOut { listening, .. }) = (&found, end)
        && listening.is_empty()
    {
        return cause.clone();
    }
    ended(stage, end, lines)
}

/// Says which base image a build lacks, and what can be done, where the registry that has it does not answer.
fn base_image(message: &str, lines: &[String]) -> Option<String> {
    if !UNREACHED.iter().any(|words| message.contains(words)) || !message.contains("://") {
        return None;
    }
    let last = lines.iter().rev().find(|line| !line.trim().is_empty())?;
    let image = last.split_once(" : FROM ")?.1.split_whitespace().find(|word| !word.starts_with("--"))?;
    Some(format!(
        "the base image {image} cannot be fetched, as its registry does not answer; stack in previewd.toml, such as \
         \"node\" or \"python\", runs the project without its Dockerfile: {message}"
    ))
}

/// Explains what the app or the engine said.
fn reported(plan: &RunPlan, stage: FailureStage, message: &str, file: Option<&str>, line: Option<u32>) -> Cause {
    let reason = match stage {
        FailureStage::Build => Reason::BuildFailed,
        FailureStage::Install => Reason::InstallFailed,
        _ => kinds::of(plan.stack).reported(),
    };
    let dockerfile = match (&plan.image, stage) {
        (ImagePlan::Build { dockerfile, .. }, FailureStage::Build) => Some(dockerfile.clone()),
        _ => None,
    };
    let file = file.map(|file| in_project(file, "").unwrap_or_else(|| file.to_owned())).or(dockerfile);
    Cause { reason, message: message.to_owned(), file, line }
}

/// Returns the host that an app asked for last in vain, as far as its log tells it: it may wait for that.
fn unknown_host(lines: &[String]) -> Option<&str> {
    let rest = lines.iter().rev().find_map(|line| {
        let words = ["ENOTFOUND ", "EAI_AGAIN "].into_iter();
        words.filter_map(|word| line.split_once(word)).map(|(_, rest)| rest).next()
    })?;
    let host = rest.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')).next()?;
    (!host.is_empty()).then_some(host)
}

/// Explains an end that the log says nothing of.
fn ended(stage: FailureStage, end: &End, lines: &[String]) -> Cause {
    let last = lines.iter().rev().find(|line| !line.trim().is_empty()).map(|line| format!(": {}", line.trim()));
    let last = last.unwrap_or_default();
    let (reason, message) = match (stage, end) {
        (FailureStage::Install, End::Exited { code, .. }) => {
            (Reason::InstallFailed, format!("the installation ended with status {code}{last}"))
        }
        (FailureStage::Install, _) => (Reason::InstallFailed, format!("the installation did not end in time{last}")),
        (FailureStage::Build, _) => (Reason::BuildFailed, format!("the build failed{last}")),
        (FailureStage::Run, End::Exited { code, .. }) => {
            (Reason::Exited, format!("the app ended with status {code}{last}"))
        }
        (_, End::Exited { code, .. }) => {
            (Reason::Exited, format!("the app ended with status {code} before it answered{last}"))
        }
        (_, End::TimedOut { listening, message }) if listening.is_empty() => {
            (Reason::NotListening, format!("the app listens on no port: {message}"))
        }
        (_, End::TimedOut { listening, message }) => {
            let ports: Vec<String> = listening.iter().map(u16::to_string).collect();
            let ports = ports.join(", ");
            let waits = unknown_host(lines).map(|host| format!("; its log says that the host {host} was not found"));
            let waits = waits.unwrap_or_default();
            (Reason::NotAnswering, format!("the app listens on {ports} and does not answer: {message}{waits}"))
        }
        (_, End::Reported { message, .. }) => (Reason::Failed, message.clone()),
    };
    Cause { reason, message, file: None, line: None }
}

#[cfg(test)]
mod tests;
