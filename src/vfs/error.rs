//! Why the store did not do what was asked, and what the rest of the service sees of it.

use crate::domain::{
    error::{Error, FieldViolation},
    ids::{BranchName, CommitId, ProjectId},
};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VfsError {
    /// There is no such project.
    #[error("no project {0}")]
    ProjectNotFound(ProjectId),
    /// There is no such branch.
    #[error("no branch {branch} in project {project}")]
    BranchNotFound {
        /// The project.
        project: ProjectId,
        /// The branch.
        branch: BranchName,
    },
    /// There is no such commit in the project.
    #[error("no commit {0}")]
    CommitNotFound(CommitId),
    /// There is no content with this id in the project.
    #[error("no blob {0}")]
    BlobNotFound(String),
    /// The request is wrong; all that was found.
    #[error("the request is not valid")]
    Invalid(Vec<FieldViolation>),
    /// The branch is not where the caller expected it.
    #[error("the head is {}, not {expected}", head.as_ref().map_or("absent", |id| id.as_str()))]
    StaleHead {
        /// What the caller expected.
        expected: CommitId,
        /// What it is.
        head: Option<CommitId>,
    },
    /// A branch of this name is at another commit, or git cannot keep the new name beside it.
    #[error("branch {branch} of {project} is at {head}")]
    BranchExists {
        /// The project.
        project: ProjectId,
        /// The branch that is there.
        branch: BranchName,
        /// Where it is.
        head: CommitId,
    },
    /// The change would leave a branch with nothing on it: no head yet, or the whole project replaced by no files.
    #[error("no files for branch {branch} of {project}")]
    NoFiles {
        /// The project.
        project: ProjectId,
        /// The branch.
        branch: BranchName,
    },
    /// Another process committed what cannot be handed to a preview: paths that break the rules, or too much.
    #[error("the tree cannot be used: {message}")]
    UnusableTree {
        /// What is wrong with it, fit for the caller.
        message: String,
    },
    /// Other processes held or moved the branch at every try.
    #[error("branch {branch} of {project} is busy")]
    Busy {
        /// The project.
        project: ProjectId,
        /// The branch.
        branch: BranchName,
    },
    /// Git or the disk failed. The source is for the log alone.
    #[error("{action}")]
    Failed {
        /// What was being done; fits after "failed to".
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Source,
    },
}

impl VfsError {
    /// Returns a function for `map_err` that says what was being done.
    pub(super) fn failed<E: Into<Source>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Failed { action, source: source.into() }
    }
}

impl From<VfsError> for Error {
    fn from(error: VfsError) -> Self {
        match error {
            VfsError::ProjectNotFound(project) => Self::NotFound { kind: "project", name: project.into() },
            VfsError::BranchNotFound { branch, .. } => Self::NotFound { kind: "branch", name: branch.into() },
            VfsError::CommitNotFound(commit) => Self::NotFound { kind: "commit", name: commit.into() },
            VfsError::BlobNotFound(blob) => Self::NotFound { kind: "file", name: blob },
            VfsError::Invalid(violations) => Self::InvalidArgument(violations),
            VfsError::StaleHead { expected, head } => Self::StaleHead { expected, head },
            VfsError::BranchExists { project, branch, head } => Self::BranchExists { project, branch, head },
            VfsError::NoFiles { project, branch } => Self::EmptyProject(project, branch),
            VfsError::UnusableTree { message } => Self::UnusableTree(message),
            VfsError::Busy { .. } => Self::internal("move the branch", error),
            VfsError::Failed { action, source } => Self::internal(action, source),
        }
    }
}
