//! `preview.v1.VfsService`, each handler in four steps: request, conversion, one call of the core, answer.

use std::ops::Bound;

use tonic::{Request, Response, Status};

use super::{
    call::Detached,
    convert::{
        CommitCall, CreateBranchCall, DiffCall, ListBranchesCall, ListCommitsCall, ListFilesCall, ReadFileCall,
        Revision, RollbackCall,
    },
    layers::trace::{record_commit, record_project},
    status::answer,
};
use crate::{
    domain::{
        error::Error,
        ids::{CommitId, ProjectId},
    },
    preview::manager::Manager,
    proto::preview::v1::{self as proto, vfs_service_server::VfsService},
    vfs::Vfs,
};

/// The handlers of the service.
#[derive(Clone)]
pub struct VfsHandlers {
    manager: Manager,
    detached: Detached,
}

impl VfsHandlers {
    /// Returns handlers that ask that core.
    pub fn new(manager: Manager, detached: Detached) -> Self {
        Self { manager, detached }
    }

    fn vfs(&self) -> &Vfs {
        self.manager.vfs()
    }

    /// Returns the commit that a request means.
    async fn resolve(&self, project: &ProjectId, revision: &Revision) -> Result<CommitId, Status> {
        let commit = match revision {
            Revision::Commit(commit) => commit.clone(),
            Revision::Head(branch) => {
                let newest = self.vfs().log(project, branch, None, 1).await.map_err(answer)?;
                let missing = || answer(Error::NotFound { kind: "branch", name: branch.to_string() });
                newest.into_iter().next().ok_or_else(missing)?.commit
            }
        };
        record_commit(&commit);
        Ok(commit)
    }
}

#[tonic::async_trait]
impl VfsService for VfsHandlers {
    async fn commit(&self, request: Request<proto::CommitRequest>) -> Result<Response<proto::CommitResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let CommitCall { project, branch, change } = message.try_into().map_err(answer)?;
        record_project(project.as_str(), branch.as_str());
        let (vfs, into, onto) = (self.vfs().clone(), project.clone(), branch.clone());
        let work = async move { Ok(vfs.commit(&into, &onto, change).await?) };
        let committed = self.detached.run(&extensions, (&project, &branch), work).await?;
        record_commit(&committed.commit);
        Ok(Response::new(committed.into()))
    }

    async fn read_file(
        &self,
        request: Request<proto::ReadFileRequest>,
    ) -> Result<Response<proto::ReadFileResponse>, Status> {
        let call = ReadFileCall::try_from(request.into_inner()).map_err(answer)?;
        let commit = self.resolve(&call.project, &call.revision).await?;
        let tree = self.vfs().tree(&call.project, &commit).await.map_err(answer)?;
        let missing = || answer(Error::NotFound { kind: "file", name: call.path.to_string() });
        let entry = tree.get(&call.path).ok_or_else(missing)?;
        let blobs = vec![entry.blob.clone()];
        let content = self.vfs().read(&call.project, blobs).await.map_err(answer)?;
        let content = content.into_iter().next().ok_or_else(missing)?;
        Ok(Response::new(call.response(commit, entry, content)))
    }

    async fn list_files(
        &self,
        request: Request<proto::ListFilesRequest>,
    ) -> Result<Response<proto::ListFilesResponse>, Status> {
        let call = ListFilesCall::try_from(request.into_inner()).map_err(answer)?;
        let commit = self.resolve(&call.project, &call.revision).await?;
        let tree = self.vfs().tree(&call.project, &commit).await.map_err(answer)?;
        let from = call.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        Ok(Response::new(call.response(commit, tree.range((from, Bound::Unbounded)))))
    }

    async fn list_commits(
        &self,
        request: Request<proto::ListCommitsRequest>,
    ) -> Result<Response<proto::ListCommitsResponse>, Status> {
        let call = ListCommitsCall::try_from(request.into_inner()).map_err(answer)?;
        record_project(call.project.as_str(), call.branch.as_str());
        let commits = self.vfs().log(&call.project, &call.branch, call.from.as_ref(), call.page_size + 1).await;
        Ok(Response::new(call.response(commits.map_err(answer)?)))
    }

    async fn diff(&self, request: Request<proto::DiffRequest>) -> Result<Response<proto::DiffResponse>, Status> {
        let DiffCall { project, base, commit } = request.into_inner().try_into().map_err(answer)?;
        record_commit(&commit);
        let base = match base {
            Some(base) => Some(base),
            None => self.vfs().commit_info(&project, &commit).await.map_err(answer)?.parent,
        };
        let changed = self.vfs().diff(&project, base, &commit).await.map_err(answer)?;
        let changed_paths = changed.into_iter().map(proto::ChangedPath::from).collect();
        Ok(Response::new(proto::DiffResponse { changed_paths }))
    }

    async fn create_branch(
        &self,
        request: Request<proto::CreateBranchRequest>,
    ) -> Result<Response<proto::CreateBranchResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let call = CreateBranchCall::try_from(message).map_err(answer)?;
        record_project(call.project.as_str(), call.branch.as_str());
        let vfs = self.vfs().clone();
        let (project, branch, at) = (call.project.clone(), call.branch.clone(), call.at.clone());
        let work = async move { Ok(vfs.create_branch(&project, &branch, at.as_ref()).await?) };
        let head = self.detached.run(&extensions, (&call.project, &call.branch), work).await?;
        Ok(Response::new(call.response(head)))
    }

    async fn list_branches(
        &self,
        request: Request<proto::ListBranchesRequest>,
    ) -> Result<Response<proto::ListBranchesResponse>, Status> {
        let call = ListBranchesCall::try_from(request.into_inner()).map_err(answer)?;
        let branches = self.vfs().branches(&call.project, call.after.as_ref(), call.page_size + 1).await;
        Ok(Response::new(call.response(branches.map_err(answer)?)))
    }

    async fn rollback(
        &self,
        request: Request<proto::RollbackRequest>,
    ) -> Result<Response<proto::RollbackResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let call = RollbackCall::try_from(message).map_err(answer)?;
        record_project(call.project.as_str(), call.branch.as_str());
        let RollbackCall { project, branch, to, message, expected_head } = call;
        let (vfs, into, onto) = (self.vfs().clone(), project.clone(), branch.clone());
        let work = async move { Ok(vfs.rollback(&into, &onto, &to, message, expected_head).await?) };
        let committed = self.detached.run(&extensions, (&project, &branch), work).await?;
        record_commit(&committed.commit);
        Ok(Response::new(committed.into()))
    }
}
