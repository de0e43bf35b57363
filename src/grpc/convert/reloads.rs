//! What happens to commits, as it is sent.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use prost::Message;
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
        ids::CommitId,
        limits::MAX_CHANGED_PATHS,
        reload::Strategy,
        tree::{ChangeKind, ChangedPath},
    },
    preview::api::{CommitTold, PreviewView, WatchItem},
    proto::{
        encoded::Encoded,
        preview::v1::{self as proto, watch_reloads_response::Event},
    },
};

/// Returns the messages of a reload stream.
pub fn watch_responses(
    items: BoxStream<'static, WatchItem>,
    heartbeat_interval: Duration,
) -> impl Stream<Item = Result<Encoded, Status>> + Send + 'static {
    items.map(move |item| Ok(Encoded::from(response(item, heartbeat_interval))))
}

/// Returns one message as it is sent. What many are told is made once for all of them.
fn response(item: WatchItem, heartbeat_interval: Duration) -> Bytes {
    match item {
        WatchItem::Hello(view) => encoded(Event::Hello(hello(*view, heartbeat_interval))),
        WatchItem::Committed(told) => told.sent(|it| encoded(Event::Reload(committed(it)))),
        WatchItem::Stage(event, parent) => event.sent(|it| encoded(Event::Reload(stage(it, parent)))),
        WatchItem::Heartbeat(beat) => beat.sent(|it| {
            encoded(Event::Heartbeat(proto::Heartbeat {
                head_commit_id: text(it.head.clone()),
                applied_commit_id: text(it.applied.clone()),
                timestamp: Some(it.at.into()),
            }))
        }),
        WatchItem::Reset { head, applied, message } => encoded(Event::Reset(proto::Reset {
            head_commit_id: text(head),
            applied_commit_id: text(applied),
            message: message.to_owned(),
        })),
        WatchItem::MemoryGiven { before, after } => {
            encoded(Event::MemoryGiven(proto::MemoryGiven { memory_bytes: after, before_bytes: before }))
        }
        WatchItem::Goodbye(reason) => encoded(Event::Goodbye(goodbye(reason))),
    }
}

fn encoded(event: Event) -> Bytes {
    proto::WatchReloadsResponse { event: Some(event) }.encode_to_vec().into()
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

fn committed(told: &CommitTold) -> proto::Reload {
    let (changed_paths, cut) = changed_paths(&told.changed);
    let (commit, omitted) = (&told.commit, told.omitted);
    proto::Reload {
        commit_id: commit.commit.clone().into(),
        parent_commit_id: text(commit.parent.clone()),
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

pub(super) fn stage(event: &StageEvent, parent: Option<CommitId>) -> proto::Reload {
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
        commit_id: event.commit.clone().into(),
        parent_commit_id: text(parent),
        stage: stage.into(),
        strategy: strategy.into(),
        changed_paths,
        changed_paths_omitted,
        failure: event.failure.clone().map(proto::Failure::from),
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
