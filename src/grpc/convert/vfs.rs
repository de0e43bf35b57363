//! The requests and answers of the VFS.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{fields::Fields, previews::text};
use crate::{
    domain::{
        error::Error,
        ids::{BranchName, CommitId, FilePath, ProjectId},
        tree::{Entry, EntryKind},
    },
    grpc::page::{Binding, page_size},
    proto::preview::v1 as proto,
    vfs::{Change, CommitInfo, Committed, Scope},
};

const DEFAULT_FILES: usize = 1_000;
const MOST_FILES: usize = 20_000;
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// A `Commit`, checked.
#[derive(Debug)]
pub struct CommitCall {
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchName,
    /// What to change.
    pub change: Change,
}

impl TryFrom<proto::CommitRequest> for CommitCall {
    type Error = Error;

    fn try_from(request: proto::CommitRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let branch = fields.branch(&request.branch);
        let changes = fields.changes(request.files, &request.delete_paths);
        let message = fields.message(request.message);
        let expected_head = fields.optional_name("expected_head", &request.expected_head);
        fields.finish(|| {
            let (writes, deletes) = changes?;
            let (message, expected_head) = (message?, expected_head?);
            let change = Change { scope: Scope::Overlay, writes, deletes, message, expected_head };
            Some(Self { project: project?, branch: branch?, change })
        })
    }
}

impl From<Committed> for proto::CommitResponse {
    fn from(committed: Committed) -> Self {
        Self { commit_id: committed.commit.into(), parent_commit_id: text(committed.parent) }
    }
}

/// What to read: a commit, or the head of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// This commit.
    Commit(CommitId),
    /// The head of this branch.
    Head(BranchName),
}

impl Fields {
    fn revision(&mut self, branch: &str, commit_id: &str) -> Option<Revision> {
        if commit_id.is_empty() {
            return self.branch(branch).map(Revision::Head);
        }
        if !branch.is_empty() {
            return self.fail("commit_id", "must not be given together with branch");
        }
        self.name("commit_id", commit_id).map(Revision::Commit)
    }
}

/// A `ReadFile`, checked.
#[derive(Debug)]
pub struct ReadFileCall {
    /// The project.
    pub project: ProjectId,
    /// What to read.
    pub revision: Revision,
    /// The file.
    pub path: FilePath,
}

impl TryFrom<proto::ReadFileRequest> for ReadFileCall {
    type Error = Error;

    fn try_from(request: proto::ReadFileRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let revision = fields.revision(&request.branch, &request.commit_id);
        let path = fields.name("path", &request.path);
        fields.finish(|| Some(Self { project: project?, revision: revision?, path: path? }))
    }
}

impl ReadFileCall {
    /// Returns the answer of the file that was found.
    pub fn response(self, commit: CommitId, entry: &Entry, content: Bytes) -> proto::ReadFileResponse {
        let content = match String::from_utf8(content.into()) {
            Ok(text) => proto::file::Content::Text(text),
            Err(error) => proto::file::Content::Data(error.into_bytes()),
        };
        let executable = entry.kind == EntryKind::Executable;
        let file = proto::File { path: self.path.into(), content: Some(content), executable };
        proto::ReadFileResponse { file: Some(file), commit_id: commit.into() }
    }
}

/// A `ListFiles`, checked.
#[derive(Debug)]
pub struct ListFilesCall {
    /// The project.
    pub project: ProjectId,
    /// What to read: on a later page the commit of the first.
    pub revision: Revision,
    /// Only files after this one.
    pub after: Option<FilePath>,
    /// How many, from 1.
    pub page_size: usize,
    binding: Binding,
}

/// Where a page of files ends.
#[derive(Serialize, Deserialize)]
struct FilePlace {
    commit: CommitId,
    path: FilePath,
}

impl TryFrom<proto::ListFilesRequest> for ListFilesCall {
    type Error = Error;

    fn try_from(request: proto::ListFilesRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let revision = fields.revision(&request.branch, &request.commit_id);
        let page_size = fields.take(page_size(request.page_size, DEFAULT_FILES, MOST_FILES));
        let binding = Binding::new("ListFiles", &(&project, &revision));
        let place = fields.take(binding.place::<FilePlace>(&request.page_token));
        fields.finish(|| {
            let (revision, after) = match place? {
                Some(FilePlace { commit, path }) => (Revision::Commit(commit), Some(path)),
                None => (revision?, None),
            };
            Some(Self { project: project?, revision, after, page_size: page_size?, binding })
        })
    }
}

impl ListFilesCall {
    /// Returns the answer of the files that follow the page before, of which there may be more than fit.
    pub fn response<'a>(
        &self,
        commit: CommitId,
        mut files: impl Iterator<Item = (&'a FilePath, &'a Entry)>,
    ) -> proto::ListFilesResponse {
        let page: Vec<_> = files.by_ref().take(self.page_size).collect();
        let last = page.last().filter(|_| files.next().is_some());
        let next_page_token = last.map_or_else(String::new, |(path, _)| {
            self.binding.token(&FilePlace { commit: commit.clone(), path: (*path).clone() })
        });
        let files = page.into_iter().map(|(path, entry)| proto::FileInfo {
            path: path.to_string(),
            size_bytes: entry.size_bytes,
            executable: entry.kind == EntryKind::Executable,
        });
        proto::ListFilesResponse { files: files.collect(), commit_id: commit.into(), next_page_token }
    }
}

/// A `ListCommits`, checked.
#[derive(Debug)]
pub struct ListCommitsCall {
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchName,
    /// The commit that the page begins with; `None` for the head.
    pub from: Option<CommitId>,
    /// How many, from 1.
    pub page_size: usize,
    binding: Binding,
}

impl TryFrom<proto::ListCommitsRequest> for ListCommitsCall {
    type Error = Error;

    fn try_from(request: proto::ListCommitsRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let branch = fields.branch(&request.branch);
        let page_size = fields.take(page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE));
        let binding = Binding::new("ListCommits", &(&project, &branch));
        let from = fields.take(binding.place(&request.page_token));
        fields.finish(|| Some(Self { project: project?, branch: branch?, from: from?, page_size: page_size?, binding }))
    }
}

impl ListCommitsCall {
    /// Returns the answer of the commits that were found: one more than fits where there are more.
    pub fn response(&self, mut commits: Vec<CommitInfo>) -> proto::ListCommitsResponse {
        let more = commits.split_off(self.page_size.min(commits.len()));
        let next_page_token = more.first().map_or_else(String::new, |next| self.binding.token(&next.commit));
        proto::ListCommitsResponse { commits: commits.into_iter().map(proto::Commit::from).collect(), next_page_token }
    }
}

impl From<CommitInfo> for proto::Commit {
    fn from(info: CommitInfo) -> Self {
        Self {
            commit_id: info.commit.into(),
            parent_commit_id: text(info.parent),
            message: info.message,
            author: info.author,
            committed_at: Some(info.time.into()),
        }
    }
}

/// A `Diff`, checked.
#[derive(Debug)]
pub struct DiffCall {
    /// The project.
    pub project: ProjectId,
    /// The older commit; `None` for the first parent of the newer one.
    pub base: Option<CommitId>,
    /// The newer commit.
    pub commit: CommitId,
}

impl TryFrom<proto::DiffRequest> for DiffCall {
    type Error = Error;

    fn try_from(request: proto::DiffRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let base = fields.optional_name("base_commit_id", &request.base_commit_id);
        let commit = fields.name("commit_id", &request.commit_id);
        fields.finish(|| Some(Self { project: project?, base: base?, commit: commit? }))
    }
}

/// A `CreateBranch`, checked.
#[derive(Debug)]
pub struct CreateBranchCall {
    /// The project.
    pub project: ProjectId,
    /// The new branch.
    pub branch: BranchName,
    /// Where it begins; `None` for the head of `main`.
    pub at: Option<CommitId>,
}

impl TryFrom<proto::CreateBranchRequest> for CreateBranchCall {
    type Error = Error;

    fn try_from(request: proto::CreateBranchRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let branch = fields.name("branch", &request.branch);
        let at = fields.optional_name("commit_id", &request.commit_id);
        fields.finish(|| Some(Self { project: project?, branch: branch?, at: at? }))
    }
}

impl CreateBranchCall {
    /// Returns the answer of the head that the branch has.
    pub fn response(self, head: CommitId) -> proto::CreateBranchResponse {
        proto::CreateBranchResponse { branch: Some(sent_branch(self.branch, head)) }
    }
}

/// A `ListBranches`, checked.
#[derive(Debug)]
pub struct ListBranchesCall {
    /// The project.
    pub project: ProjectId,
    /// Only branches after this one.
    pub after: Option<BranchName>,
    /// How many, from 1.
    pub page_size: usize,
    binding: Binding,
}

impl TryFrom<proto::ListBranchesRequest> for ListBranchesCall {
    type Error = Error;

    fn try_from(request: proto::ListBranchesRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let page_size = fields.take(page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE));
        let binding = Binding::new("ListBranches", &project);
        let after = fields.take(binding.place(&request.page_token));
        fields.finish(|| Some(Self { project: project?, after: after?, page_size: page_size?, binding }))
    }
}

impl ListBranchesCall {
    /// Returns the answer of the branches that were found: one more than fits where there are more.
    pub fn response(&self, mut branches: Vec<(BranchName, CommitId)>) -> proto::ListBranchesResponse {
        let more = branches.len() > self.page_size;
        branches.truncate(self.page_size);
        let next_page_token =
            branches.last().filter(|_| more).map_or_else(String::new, |(last, _)| self.binding.token(last));
        let branches = branches.into_iter().map(|(branch, head)| sent_branch(branch, head)).collect();
        proto::ListBranchesResponse { branches, next_page_token }
    }
}

/// A `Rollback`, checked.
#[derive(Debug)]
pub struct RollbackCall {
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchName,
    /// The commit whose tree the new one has.
    pub to: CommitId,
    /// The new commit's message.
    pub message: Option<String>,
    /// The head that is expected.
    pub expected_head: Option<CommitId>,
}

impl TryFrom<proto::RollbackRequest> for RollbackCall {
    type Error = Error;

    fn try_from(request: proto::RollbackRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project = fields.name("project_id", &request.project_id);
        let branch = fields.branch(&request.branch);
        let to = fields.name("commit_id", &request.commit_id);
        let message = fields.message(request.message);
        let expected_head = fields.optional_name("expected_head", &request.expected_head);
        fields.finish(|| {
            let (message, expected_head) = (message?, expected_head?);
            Some(Self { project: project?, branch: branch?, to: to?, message, expected_head })
        })
    }
}

impl From<Committed> for proto::RollbackResponse {
    fn from(committed: Committed) -> Self {
        Self { commit_id: committed.commit.into(), parent_commit_id: text(committed.parent) }
    }
}

fn sent_branch(branch: BranchName, head: CommitId) -> proto::Branch {
    proto::Branch { branch: branch.into(), commit_id: head.into() }
}
