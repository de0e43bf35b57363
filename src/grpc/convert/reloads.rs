//! What happens to commits, as it is sent.

use std::time::{Duration, SystemTime};

use futures_util::{Stream, StreamExt, stream::BoxStream};
use tonic::Status;

use super::{
    logs::goodbye,
    previews::{sent_phase, text},
    scalars::sent_duration,
};
use crate::{
    domain::{
        decide::phase_of,
        events::{Stage, StageEvent},
        ids::{CommitId, ProjectId},
        reload::Strategy,
        tree::{ChangeKind, ChangedPath},
    },
    preview::api::{PreviewView, WatchItem},
    proto::preview::v1::{self as proto, watch_reloads_response::Event},
    vfs::{CommitInfo, Vfs},
};

/// The most changed paths that one message names.
const MAX_CHANGED_PATHS: usize = 1_000;

/// Makes the messages of one reload stream.
#[derive(Clone)]
pub struct WatchResponses {
    vfs: Vfs,
    heartbeat_interval: Duration,
    project: Option<ProjectId>,
}

impl WatchResponses {
    /// Returns what makes the messages of a stream that has not begun.
    pub fn new(vfs: Vfs, heartbeat_interval: Duration) -> Self {
        Self { vfs, heartbeat_interval, project: None }
    }

    /// Returns the messages of a stream.
    pub fn of(
        mut self,
        items: BoxStream<'static, WatchItem>,
    ) -> impl Stream<Item = Result<proto::WatchReloadsResponse, Status>> + Send + 'static {
        items.then(move |item| {
            if let WatchItem::Hello(view) = &item {
                self.project = Some(view.spec.project.clone());
            }
            let this = self.clone();
            async move { Ok(proto::WatchReloadsResponse { event: Some(this.event(item).await) }) }
        })
    }

    async fn event(self, item: WatchItem) -> Event {
        match item {
            WatchItem::Hello(view) => Event::Hello(hello(*view, self.heartbeat_interval)),
            WatchItem::Committed { commit, changed, omitted } => Event::Reload(committed(commit, &changed, omitted)),
            WatchItem::Stage(event) => {
                let parent = self.parent(&event.commit).await;
                Event::Reload(stage(event, parent))
            }
            WatchItem::Heartbeat { head, applied } => Event::Heartbeat(proto::Heartbeat {
                head_commit_id: text(head),
                applied_commit_id: text(applied),
                timestamp: Some(SystemTime::now().into()),
            }),
            WatchItem::Reset { head, applied, message } => Event::Reset(proto::Reset {
                head_commit_id: text(head),
                applied_commit_id: text(applied),
                message: message.to_owned(),
            }),
            WatchItem::MemoryGiven { before, after } => {
                Event::MemoryGiven(proto::MemoryGiven { memory_bytes: after, before_bytes: before })
            }
            WatchItem::Goodbye(reason) => Event::Goodbye(goodbye(reason)),
        }
    }

    /// Returns the first parent of a commit; `None` too where git does not answer, since a stream is worth more.
    async fn parent(&self, commit: &CommitId) -> Option<CommitId> {
        let project = self.project.as_ref()?;
        self.vfs.commit_info(project, commit).await.ok()?.parent
    }
}

fn hello(view: PreviewView, heartbeat_interval: Duration) -> proto::Hello {
    proto::Hello {
        preview_id: view.spec.id.into(),
        head_commit_id: text(view.head),
        applied_commit_id: text(view.status.answering().cloned()),
        phase: sent_phase(phase_of(&view.status)).into(),
        failure: view.status.failure.map(proto::Failure::from),
        heartbeat_interval: Some(sent_duration(heartbeat_interval)),
    }
}

fn committed(commit: CommitInfo, changed: &[ChangedPath], omitted: usize) -> proto::Reload {
    let (changed_paths, cut) = changed_paths(changed);
    proto::Reload {
        commit_id: commit.commit.into(),
        parent_commit_id: text(commit.parent),
        stage: proto::ReloadStage::Committed.into(),
        strategy: proto::ReloadStrategy::Unspecified.into(),
        changed_paths,
        changed_paths_omitted: cut.saturating_add(omitted.try_into().unwrap_or(u32::MAX)),
        failure: None,
        durations: None,
        timestamp: Some(commit.time.into()),
        http_status: None,
    }
}

pub(super) fn stage(event: StageEvent, parent: Option<CommitId>) -> proto::Reload {
    let (changed_paths, changed_paths_omitted) = changed_paths(&event.changed);
    let stage = match event.stage {
        Stage::Synced => proto::ReloadStage::Synced,
        Stage::Ready => proto::ReloadStage::Ready,
        Stage::Failed => proto::ReloadStage::Failed,
    };
    let strategy = match event.strategy {
        None => proto::ReloadStrategy::Unspecified,
        Some(Strategy::SwapStyles) => proto::ReloadStrategy::SwapStyles,
        Some(Strategy::HotUpdate) => proto::ReloadStrategy::HotUpdate,
        Some(Strategy::FullPage) => proto::ReloadStrategy::FullPage,
        Some(Strategy::Restart) => proto::ReloadStrategy::Restart,
        Some(Strategy::Reinstall) => proto::ReloadStrategy::Reinstall,
        Some(Strategy::Rebuild) => proto::ReloadStrategy::Rebuild,
    };
    proto::Reload {
        commit_id: event.commit.into(),
        parent_commit_id: text(parent),
        stage: stage.into(),
        strategy: strategy.into(),
        changed_paths,
        changed_paths_omitted,
        failure: event.failure.map(proto::Failure::from),
        durations: Some(proto::ReloadDurations {
            sync: event.sync.map(sent_duration),
            ready: event.ready.map(sent_duration),
            total: Some(sent_duration(event.total)),
        }),
        timestamp: Some(event.timestamp.into()),
        http_status: event.http_status.map(u32::from),
    }
}

/// Returns as many paths as one message names, and how many are left out.
fn changed_paths(changed: &[ChangedPath]) -> (Vec<proto::ChangedPath>, u32) {
    let sent: Vec<_> = changed.iter().take(MAX_CHANGED_PATHS).cloned().map(proto::ChangedPath::from).collect();
    let omitted = changed.len() - sent.len();
    (sent, omitted.try_into().unwrap_or(u32::MAX))
}

impl From<ChangedPath> for proto::ChangedPath {
    fn from(changed: ChangedPath) -> Self {
        let kind = match changed.kind {
            ChangeKind::Added => proto::ChangeKind::Added,
            ChangeKind::Modified => proto::ChangeKind::Modified,
            ChangeKind::Deleted => proto::ChangeKind::Deleted,
        };
        Self { path: changed.path.into(), kind: kind.into() }
    }
}
