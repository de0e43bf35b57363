//! `preview.v1.PreviewService`, each handler in four steps: request, conversion, one call of the core, answer.

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::{
    call::Detached,
    callers::may_watch,
    convert::{ListCall, LogsCall, UpdateCall, WatchCall, log_response, watch_responses},
    layers::trace::{record_commit, record_preview, record_project, record_target},
    status::answer,
};
use crate::{
    preview::{
        api::{Create, Target},
        manager::Manager,
    },
    proto::{
        encoded::Encoded,
        preview::v1::{self as proto, preview_service_server::PreviewService},
    },
};

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The handlers of the service.
#[derive(Clone)]
pub struct PreviewHandlers {
    manager: Manager,
    detached: Detached,
    heartbeat_interval: Duration,
}

impl PreviewHandlers {
    /// Returns handlers that ask that core.
    pub fn new(manager: Manager, detached: Detached, heartbeat_interval: Duration) -> Self {
        Self { manager, detached, heartbeat_interval }
    }
}

#[tonic::async_trait]
impl PreviewService for PreviewHandlers {
    type StreamLogsStream = Messages<proto::StreamLogsResponse>;
    type WatchReloadsStream = Messages<Encoded>;

    async fn create(&self, request: Request<proto::CreateRequest>) -> Result<Response<proto::CreateResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let create = Create::try_from(message).map_err(answer)?;
        record_project(create.project.as_str(), create.branch.as_str());
        let (manager, project, branch) = (self.manager.clone(), create.project.clone(), create.branch.clone());
        let work = async move { manager.create(create).await };
        let (asked, created) = self.detached.run(&extensions, (&project, &branch), work).await?;
        let view = self.manager.outcome(asked).await;
        record_preview(&view.spec.id);
        Ok(Response::new(proto::CreateResponse { preview: Some(view.into()), created }))
    }

    async fn get(&self, request: Request<proto::GetRequest>) -> Result<Response<proto::GetResponse>, Status> {
        let target = Target::try_from(request.into_inner()).map_err(answer)?;
        record_target(&target);
        let view = self.manager.get(target).await.map_err(answer)?;
        record_preview(&view.spec.id);
        Ok(Response::new(proto::GetResponse { preview: Some(view.into()) }))
    }

    async fn update(&self, request: Request<proto::UpdateRequest>) -> Result<Response<proto::UpdateResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let UpdateCall { target, update } = message.try_into().map_err(answer)?;
        record_target(&target);
        let (project, branch) = self.manager.branch_of(&target).map_err(answer)?;
        let manager = self.manager.clone();
        let work = async move { manager.update(target, update).await };
        let (asked, commit) = self.detached.run(&extensions, (&project, &branch), work).await?;
        let view = self.manager.outcome(asked).await;
        record_preview(&view.spec.id);
        record_commit(&commit);
        Ok(Response::new(proto::UpdateResponse { preview: Some(view.into()), commit_id: commit.into() }))
    }

    async fn delete(&self, request: Request<proto::DeleteRequest>) -> Result<Response<proto::DeleteResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let target = Target::try_from(message).map_err(answer)?;
        record_target(&target);
        let (project, branch) = self.manager.branch_of(&target).map_err(answer)?;
        let manager = self.manager.clone();
        let work = async move { manager.delete(target).await };
        let asked = self.detached.run(&extensions, (&project, &branch), work).await?;
        let view = self.manager.outcome(asked).await;
        record_preview(&view.spec.id);
        Ok(Response::new(proto::DeleteResponse { preview: Some(view.into()) }))
    }

    async fn list(&self, request: Request<proto::ListRequest>) -> Result<Response<proto::ListResponse>, Status> {
        let list = ListCall::try_from(request.into_inner()).map_err(answer)?;
        let page = self.manager.list(list.filter.clone()).await.map_err(answer)?;
        Ok(Response::new(list.response(page)))
    }

    async fn stream_logs(
        &self,
        request: Request<proto::StreamLogsRequest>,
    ) -> Result<Response<Self::StreamLogsStream>, Status> {
        let LogsCall { target, query } = request.into_inner().try_into().map_err(answer)?;
        record_target(&target);
        let items = self.manager.logs(target, query).await.map_err(answer)?;
        Ok(Response::new(items.map(|item| Ok(log_response(item))).boxed()))
    }

    async fn watch_reloads(
        &self,
        request: Request<proto::WatchReloadsRequest>,
    ) -> Result<Response<Self::WatchReloadsStream>, Status> {
        let (_, extensions, message) = request.into_parts();
        let WatchCall { target, after } = message.try_into().map_err(answer)?;
        record_target(&target);
        may_watch(extensions.get(), self.manager.id_of(&target).as_ref())?;
        let items = self.manager.watch(target, after).await.map_err(answer)?;
        Ok(Response::new(watch_responses(items, self.heartbeat_interval).boxed()))
    }
}
