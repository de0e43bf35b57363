//! Requests that name one preview.

use std::collections::BTreeSet;

use super::{fields::Fields, scalars};
use crate::{
    domain::{error::Error, ids::CommitId, logs::LogSource},
    grpc::convert::logs::cursor,
    preview::api::{LogQuery, SourceOrder, Target},
    proto::preview::v1 as proto,
};

/// The most kept lines that a request may ask for.
const MAX_TAIL_LINES: u32 = 10_000;

impl Fields {
    /// Checks that a preview is named, in one way.
    pub(super) fn target(&mut self, preview_id: &str, project_id: &str, branch: &str) -> Option<Target> {
        match (preview_id.is_empty(), project_id.is_empty()) {
            (true, true) => self.both_wrong("must be given, or else {}"),
            (false, true) if branch.is_empty() => self.name("preview_id", preview_id).map(Target::Preview),
            (false, true) => self.fail("branch", "must not be given together with preview_id"),
            (false, false) => self.both_wrong("must not be given together with {}"),
            (true, false) => {
                let (project, branch) = (self.name("project_id", project_id), self.branch(branch));
                Some(Target::Branch(project?, branch?))
            }
        }
    }
}

impl Fields {
    /// Says of each of the two ways to name a preview what is wrong with it beside the other.
    fn both_wrong<T>(&mut self, problem: &str) -> Option<T> {
        self.fail::<T>("preview_id", problem.replace("{}", "project_id"));
        self.fail("project_id", problem.replace("{}", "preview_id"))
    }
}

macro_rules! target_request {
    ($request:ident) => {
        impl TryFrom<proto::$request> for Target {
            type Error = Error;

            fn try_from(request: proto::$request) -> Result<Self, Error> {
                let mut fields = Fields::default();
                let target = fields.target(&request.preview_id, &request.project_id, &request.branch);
                fields.finish(|| target)
            }
        }
    };
}

target_request!(GetRequest);
target_request!(DeleteRequest);

/// A `WatchReloads`, checked.
#[derive(Debug)]
pub struct WatchCall {
    /// The preview.
    pub target: Target,
    /// The last commit that the client saw.
    pub after: Option<CommitId>,
}

impl TryFrom<proto::WatchReloadsRequest> for WatchCall {
    type Error = Error;

    fn try_from(request: proto::WatchReloadsRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let target = fields.target(&request.preview_id, &request.project_id, &request.branch);
        let after = fields.optional_name("after_commit_id", &request.after_commit_id);
        fields.finish(|| Some(Self { target: target?, after: after? }))
    }
}

/// A `StreamLogs`, checked.
#[derive(Debug)]
pub struct LogsCall {
    /// The preview.
    pub target: Target,
    /// Which lines.
    pub query: LogQuery,
}

impl TryFrom<proto::StreamLogsRequest> for LogsCall {
    type Error = Error;

    fn try_from(request: proto::StreamLogsRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let target = fields.target(&request.preview_id, &request.project_id, &request.branch);
        let sources = sources(&mut fields, &request.sources);
        let since = fields.take(scalars::timestamp("since", request.since));
        let (tail, after) = match request.tail_lines {
            Some(lines) if lines > MAX_TAIL_LINES => {
                (fields.fail("tail_lines", format!("must be at most {MAX_TAIL_LINES}, is {lines}")), None)
            }
            Some(_) if !request.after_cursor.is_empty() => {
                (fields.fail("tail_lines", "must not be given together with after_cursor"), None)
            }
            lines => {
                let after = fields.take(cursor("after_cursor", &request.after_cursor));
                (Some(lines.map(|lines| lines as usize)), after)
            }
        };
        fields.finish(|| {
            let query =
                LogQuery { sources: sources?, follow: request.follow, tail: tail?, since: since?, after: after? };
            Some(Self { target: target?, query })
        })
    }
}

/// Returns the chosen sources; empty for every source.
fn sources(fields: &mut Fields, numbers: &[i32]) -> Option<BTreeSet<SourceOrder>> {
    let chosen = fields.variants("sources", numbers, |source| match source {
        proto::LogSource::Unspecified => None,
        proto::LogSource::Lifecycle => Some(LogSource::Lifecycle),
        proto::LogSource::Install => Some(LogSource::Install),
        proto::LogSource::Stdout => Some(LogSource::Stdout),
        proto::LogSource::Stderr => Some(LogSource::Stderr),
    })?;
    // One that is not specified means every one.
    Some(chosen.into_iter().map(|source| source.map(SourceOrder::from)).collect::<Option<_>>().unwrap_or_default())
}
