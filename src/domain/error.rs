//! The error that the core answers with: a kind for the transport, and what a caller may see.

use crate::domain::{
    ids::{BranchName, CommitId, PreviewId, ProjectId},
    reason::Reason,
};

/// All that the transport looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request itself is wrong, whatever the state.
    InvalidArgument,
    /// What it names does not exist.
    NotFound,
    /// What it would make exists, and is something else.
    AlreadyExists,
    /// The state does not allow it.
    FailedPrecondition,
    /// Somebody else was faster; read again, then try again.
    Aborted,
    /// Something that is counted has run out.
    ResourceExhausted,
    /// The engine or the disk cannot be reached now; try again.
    Unavailable,
    /// Our own mistake.
    Internal,
}

/// One field of a request and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field, as a path such as `files[3].path`.
    pub field: String,
    /// What is wrong, with the limit where there is one.
    pub description: String,
}

impl FieldViolation {
    /// Returns a violation of one field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// Why a call of the core did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong; all that were found.
    #[error("the request is not valid")]
    InvalidArgument(Vec<FieldViolation>),
    /// There is no such preview.
    #[error("no preview {0}")]
    PreviewNotFound(String),
    /// There is no such project, branch, commit or file.
    #[error("no {kind} {name}")]
    NotFound {
        /// `project`, `branch`, `commit` or `file`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A branch is there at another commit.
    #[error("branch {branch} of {project} exists at {head}")]
    BranchExists {
        /// The project.
        project: ProjectId,
        /// The branch.
        branch: BranchName,
        /// Where it is.
        head: CommitId,
    },
    /// The request id made another preview.
    #[error("request_id was used for another project or branch, by preview {0}")]
    RequestIdReused(PreviewId),
    /// The branch has moved on.
    #[error("the branch's head is {}, not the expected {expected}", head.as_ref().map_or("absent", |id| id.as_str()))]
    StaleHead {
        /// What the caller expected.
        expected: CommitId,
        /// What it is.
        head: Option<CommitId>,
    },
    /// The project has no files.
    #[error("project {0} has no files on branch {1}")]
    EmptyProject(ProjectId, BranchName),
    /// No stack fits the files.
    #[error("no stack fits the project; looked for {}; stack and start in previewd.toml say how it is run", looked_for.join(", "))]
    StackNotFound {
        /// What was looked for, in order.
        looked_for: Vec<String>,
    },
    /// Another process committed files that cannot be handed to a preview.
    #[error("the commit's files cannot be used: {0}")]
    UnusableTree(String),
    /// `previewd.toml` or a manifest cannot be understood.
    #[error("{file} cannot be used: {message}")]
    BadManifest {
        /// The file.
        file: String,
        /// The line in it, from 1, where one is known.
        line: Option<u32>,
        /// Why.
        message: String,
    },
    /// The preview is being stopped, or has been.
    #[error("preview {0} is {1}")]
    WrongPhase(PreviewId, &'static str),
    /// A counted thing ran out.
    #[error("{what}: {limit} are in use")]
    Exhausted {
        /// What ran out.
        what: &'static str,
        /// How many there are.
        limit: String,
    },
    /// The engine cannot be reached.
    #[error("the container engine cannot be reached")]
    EngineUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something of ours went wrong. The source is for the log alone.
    #[error("failed to {action}")]
    Internal {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns an internal error with its source.
    pub fn internal(action: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { action, source: source.into() }
    }

    /// Returns an invalid-argument error of one field.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::InvalidArgument(vec![FieldViolation::new(field, description)])
    }

    /// Returns what the transport needs to know.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidArgument(_) => ErrorKind::InvalidArgument,
            Self::PreviewNotFound(_) | Self::NotFound { .. } => ErrorKind::NotFound,
            Self::BranchExists { .. } | Self::RequestIdReused(_) => ErrorKind::AlreadyExists,
            Self::StaleHead { .. } => ErrorKind::Aborted,
            Self::EmptyProject(..)
            | Self::UnusableTree(_)
            | Self::StackNotFound { .. }
            | Self::BadManifest { .. }
            | Self::WrongPhase(..) => ErrorKind::FailedPrecondition,
            Self::Exhausted { .. } => ErrorKind::ResourceExhausted,
            Self::EngineUnavailable(_) => ErrorKind::Unavailable,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    /// Returns the stable word for programs.
    pub fn reason(&self) -> Reason {
        match self {
            Self::InvalidArgument(_) => Reason::InvalidArgument,
            Self::PreviewNotFound(_) => Reason::PreviewNotFound,
            Self::NotFound { kind, .. } => match *kind {
                "project" => Reason::ProjectNotFound,
                "branch" => Reason::BranchNotFound,
                "commit" => Reason::CommitNotFound,
                _ => Reason::FileNotFound,
            },
            Self::BranchExists { .. } => Reason::BranchExists,
            Self::RequestIdReused(_) => Reason::RequestIdReused,
            Self::StaleHead { .. } => Reason::StaleHead,
            Self::EmptyProject(..) => Reason::EmptyProject,
            Self::UnusableTree(_) => Reason::UnusableTree,
            Self::StackNotFound { .. } => Reason::StackNotFound,
            Self::BadManifest { .. } => Reason::BadManifest,
            Self::WrongPhase(..) => Reason::WrongPhase,
            Self::Exhausted { .. } => Reason::Exhausted,
            Self::EngineUnavailable(_) => Reason::EngineUnavailable,
            Self::Internal { .. } => Reason::Internal,
        }
    }
}
