//! Answers as they are sent.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::{
    domain::{
        address::Address,
        events::{Stage, StageEvent},
        failure::{Failure, FailureStage},
        ids::{BranchName, ProjectId},
        limits::Limits,
        logs::{LogLine, LogSource},
        reason::Reason,
        reload::Strategy,
        spec::{EndReason, Ended, Overrides, PreviewSpec, ReloadMode, Stack},
        status::PreviewStatus,
        tree::{ChangeKind, ChangedPath, Entry, EntryKind},
    },
    preview::api::{Goodbye, LogCursor, LogItem, PreviewView},
};

#[test]
fn cursor_of_a_sent_line_is_taken_back() {
    let cursor = LogCursor { log: u64::MAX, line: 7 };
    let line = LogLine { timestamp: UNIX_EPOCH, source: LogSource::Stderr, text: "oops".into(), partial: true };
    let Some(proto::stream_logs_response::Event::Entry(entry)) = log_response(LogItem::Line(cursor, line)).event else {
        panic!("no entry");
    };
    assert_eq!((entry.line.as_str(), entry.partial, entry.source()), ("oops", true, proto::LogSource::Stderr));
    let request =
        proto::StreamLogsRequest { preview_id: PREVIEW.into(), after_cursor: entry.cursor, ..Default::default() };
    assert_eq!(LogsCall::try_from(request).unwrap().query.after, Some(cursor));
}

#[test]
fn file_is_text_where_it_can_be() {
    let read = |content: &'static [u8]| {
        let request = proto::ReadFileRequest { project_id: "shop".into(), path: "a".into(), ..Default::default() };
        let entry = Entry { kind: EntryKind::File, blob: COMMIT.into(), size_bytes: 0 };
        let call = ReadFileCall::try_from(request).unwrap();
        call.response(COMMIT.parse().unwrap(), &entry, content.into()).file.unwrap().content.unwrap()
    };
    assert_eq!(read("ä".as_bytes()), Content::Text("ä".into()));
    assert_eq!(read(b"\xff"), Content::Data(vec![0xff]));
}

#[test]
fn preview_is_sent_whole() {
    let sent = proto::Preview::from(view());
    assert_eq!(sent.preview_id, PREVIEW);
    assert_eq!(sent.container_name, format!("preview-{PREVIEW}"));
    assert_eq!((sent.phase(), sent.stack()), (proto::Phase::Failed, proto::Stack::Node));
    assert_eq!((sent.commit_id.as_str(), sent.head_commit_id.as_str()), ("", COMMIT));
    assert_eq!(sent.created_at.unwrap().seconds, 10);
    assert_eq!(sent.last_accessed_at.unwrap().seconds, 20);
    assert_eq!(sent.expires_at.unwrap().seconds, 30);
    assert_eq!(sent.idle_timeout, duration(1, 500_000_000));
    assert_eq!(sent.notes, ["half of it"]);
    let failure = sent.failure.unwrap();
    assert_eq!((failure.stage(), failure.line), (proto::FailureStage::Start, 3));
    assert_eq!(failure.exit_code, Some(-1));
}

#[test]
fn stage_of_a_reload_is_sent_whole() {
    let changed: Vec<ChangedPath> = (0..1_003)
        .map(|n| ChangedPath { path: format!("f{n}").parse().unwrap(), kind: ChangeKind::Modified })
        .collect();
    let event = StageEvent {
        commit: COMMIT.parse().unwrap(),
        stage: Stage::Ready,
        strategy: Some(Strategy::SwapStyles),
        changed: changed.into(),
        failure: None,
        http_status: Some(200),
        sync: Some(Duration::from_millis(2)),
        ready: None,
        total: Duration::from_millis(5),
        timestamp: UNIX_EPOCH,
    };
    let sent = reloads::stage(&event, None);
    assert_eq!((sent.stage(), sent.strategy()), (proto::ReloadStage::Ready, proto::ReloadStrategy::SwapStyles));
    assert_eq!((sent.changed_paths.len(), sent.changed_paths_omitted), (1_000, 3));
    assert_eq!(sent.http_status, Some(200));
    let durations = sent.durations.unwrap();
    assert_eq!((durations.sync, durations.ready), (duration(0, 2_000_000), None));
}

#[test]
fn goodbyes_say_why() {
    let reason = |goodbye| match log_response(LogItem::Goodbye(goodbye)).event {
        Some(proto::stream_logs_response::Event::Goodbye(goodbye)) => goodbye.reason(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(Goodbye::Ended(EndReason::Deleted)), proto::GoodbyeReason::Deleted);
    assert_eq!(reason(Goodbye::Ended(EndReason::Expired)), proto::GoodbyeReason::Expired);
    assert_eq!(reason(Goodbye::ShuttingDown), proto::GoodbyeReason::ShuttingDown);
}

fn view() -> PreviewView {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let project: ProjectId = "shop".parse().unwrap();
    let mut failure = Failure::new(FailureStage::Start, Reason::Exited, "it exited");
    failure.line = Some(3);
    failure.exit_code = Some(-1);
    PreviewView {
        spec: PreviewSpec {
            claims: Vec::new(),
            id: PREVIEW.parse().unwrap(),
            project,
            branch: BranchName::default(),
            request_ids: Vec::new(),
            wanted: None,
            overrides: Overrides::default(),
            reload: ReloadMode::Manual,
            address: Address { url: "http://127.0.0.1:8100/".into(), port: Some(8100) },
            created_at: at(10),
            expires_at: at(30),
            idle_timeout: Duration::from_millis(1_500),
            ended: None::<Ended>,
        },
        status: PreviewStatus {
            given_up: true,
            stack: Some(Stack::Node),
            apply_request: 1,
            failure: Some(failure),
            notes: vec!["half of it".into()],
            http_status: Some(200),
            ..PreviewStatus::new(Limits { memory_bytes: 1, cpus: 0.5, pids: 2 })
        },
        url: "http://127.0.0.1:8100/".into(),
        last_accessed_at: at(20),
        head: Some(COMMIT.parse().unwrap()),
    }
}
