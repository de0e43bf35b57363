//! Tables of requests: what is wrong with them, and what the right ones mean.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::{
    domain::{
        error::Error,
        events::{Stage, StageEvent},
        failure::{Failure, FailureStage},
        ids::{BranchName, CommitId, PreviewId, ProjectId},
        limits::{LimitOverrides, Limits, MAX_FILE_BYTES, MAX_REQUEST_BYTES},
        logs::{LogLine, LogSource},
        reload::Strategy,
        spec::{EndReason, Ended, Overrides, Phase, PreviewSpec, PreviewStatus, ReloadMode, Stack},
        tree::{ChangeKind, ChangedPath, Entry, EntryKind},
    },
    preview::api::{Create, Goodbye, LogCursor, LogItem, PreviewView, Target, Wait},
    proto::preview::v1::{self as proto, file::Content},
    vfs::Scope,
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const PREVIEW: &str = "abcdefgh2345";

/// Returns the fields that a conversion found fault with, in order.
fn faults<T, R>(request: R) -> Vec<String>
where
    T: TryFrom<R, Error = Error>,
{
    match T::try_from(request) {
        Ok(_) => Vec::new(),
        Err(Error::InvalidArgument(violations)) => {
            assert!(violations.iter().all(|violation| !violation.description.is_empty()));
            violations.into_iter().map(|violation| violation.field).collect()
        }
        Err(error) => panic!("{error}"),
    }
}

fn text_file(path: &str) -> proto::File {
    proto::File { path: path.into(), content: Some(Content::Text("x".into())), executable: false }
}

fn data_file(path: &str, bytes: u64) -> proto::File {
    let data = vec![0; usize::try_from(bytes).unwrap()];
    proto::File { path: path.into(), content: Some(Content::Data(data)), executable: false }
}

fn create() -> proto::CreateRequest {
    proto::CreateRequest { project_id: "shop".into(), ..Default::default() }
}

fn commit(files: Vec<proto::File>, delete_paths: &[&str]) -> proto::CommitRequest {
    let delete_paths = delete_paths.iter().map(|path| (*path).to_owned()).collect();
    proto::CommitRequest { project_id: "shop".into(), files, delete_paths, ..Default::default() }
}

fn duration(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}

#[test]
fn create_finds_each_wrong_field() {
    type Edit = fn(&mut proto::CreateRequest);
    let table: &[(Edit, &[&str])] = &[
        (|_| {}, &[]),
        (|r| r.project_id.clear(), &["project_id"]),
        (|r| r.project_id = "a/b".into(), &["project_id"]),
        (|r| r.project_id = "a\0b".into(), &["project_id"]),
        (|r| r.branch = "a..b".into(), &["branch"]),
        (|r| r.files = vec![text_file("ok"), text_file("../no")], &["files[1].path"]),
        (|r| r.request_id = "x".repeat(128), &[]),
        (|r| r.request_id = "x".repeat(129), &["request_id"]),
        (|r| r.request_id = "a\u{85}b".into(), &["request_id"]),
        (|r| r.stack = 99, &["stack"]),
        (|r| r.stack = -1, &["stack"]),
        (|r| r.start_command = "x".repeat(4096), &[]),
        (|r| r.start_command = "x".repeat(4097), &["start_command"]),
        (|r| r.start_command = "a\0b".into(), &["start_command"]),
        (|r| r.app_port = 65_535, &[]),
        (|r| r.app_port = 65_536, &["app_port"]),
        (|r| r.environment = [("_A1".into(), "x\ny".into())].into(), &[]),
        (|r| r.environment = [("1A".into(), String::new())].into(), &["environment[\"1A\"]"]),
        (|r| r.environment = [(String::new(), String::new())].into(), &["environment[\"\"]"]),
        (|r| r.environment = [("A".into(), "x\0".into())].into(), &["environment[\"A\"]"]),
        (|r| r.environment = [("A".into(), "x".repeat(32 * 1024 + 1))].into(), &["environment[\"A\"]"]),
        (|r| r.environment = (0..101).map(|n| (format!("A{n}"), String::new())).collect(), &["environment"]),
        (|r| r.limits = Some(proto::Limits { memory_bytes: 1, cpus: 0.5, pids: 16 }), &["limits.memory_bytes"]),
        (|r| r.limits = Some(proto::Limits { memory_bytes: u64::MAX, ..Default::default() }), &["limits.memory_bytes"]),
        (|r| r.limits = Some(proto::Limits { cpus: -1.0, ..Default::default() }), &["limits.cpus"]),
        (|r| r.limits = Some(proto::Limits { cpus: f64::NAN, ..Default::default() }), &["limits.cpus"]),
        (|r| r.limits = Some(proto::Limits { cpus: f64::INFINITY, ..Default::default() }), &["limits.cpus"]),
        (|r| r.limits = Some(proto::Limits { pids: 15, ..Default::default() }), &["limits.pids"]),
        (|r| r.time_to_live = duration(-1, 0), &["time_to_live"]),
        (|r| r.time_to_live = duration(0, 0), &["time_to_live"]),
        (|r| r.time_to_live = duration(5, -5), &["time_to_live"]),
        (|r| r.time_to_live = duration(5, 1_000_000_000), &["time_to_live"]),
        (|r| r.time_to_live = duration(30 * 86_400, 0), &[]),
        (|r| r.time_to_live = duration(30 * 86_400, 1), &["time_to_live"]),
        (|r| r.time_to_live = duration(i64::MAX, 0), &["time_to_live"]),
        (|r| r.idle_timeout = duration(0, 999_999_999), &["idle_timeout"]),
        (|r| r.reload = 3, &["reload"]),
        (|r| r.wait = 3, &["wait"]),
        (|r| r.message = "x".repeat(64 * 1024), &[]),
        (|r| r.message = "x".repeat(64 * 1024 + 1), &["message"]),
        (|r| r.message = "a\0b".into(), &["message"]),
    ];
    for (index, (edit, expected)) in table.iter().enumerate() {
        let mut request = create();
        edit(&mut request);
        assert_eq!(faults::<Create, _>(request), *expected, "row {index}");
    }
}

#[test]
fn create_reports_every_wrong_field_at_once() {
    let request = proto::CreateRequest {
        project_id: "-".into(),
        branch: "a..b".into(),
        files: vec![text_file("/"), text_file("..")],
        app_port: 70_000,
        wait: 9,
        ..Default::default()
    };
    assert_eq!(
        faults::<Create, _>(request),
        ["project_id", "branch", "files[0].path", "files[1].path", "app_port", "wait"]
    );
}

#[test]
fn create_keeps_what_was_asked_for() {
    let request = proto::CreateRequest {
        stack: proto::Stack::Static.into(),
        start_command: "serve".into(),
        app_port: 8080,
        limits: Some(proto::Limits { memory_bytes: 0, cpus: 1.5, pids: 0 }),
        time_to_live: duration(60, 500_000_000),
        reload: proto::ReloadMode::Manual.into(),
        wait: proto::WaitMode::None.into(),
        files: vec![proto::File { path: "run.sh".into(), content: None, executable: true }],
        ..create()
    };
    let create = Create::try_from(request).unwrap();
    assert_eq!(create.branch, BranchName::default());
    assert_eq!(create.overrides.stack, Some(Stack::Static));
    assert_eq!(create.overrides.start_command.as_deref(), Some("serve"));
    assert_eq!(create.overrides.app_port, Some(8080));
    assert_eq!(create.overrides.limits, LimitOverrides { memory_bytes: None, cpus: Some(1.5), pids: None });
    assert_eq!(create.time_to_live, Some(Duration::from_millis(60_500)));
    assert_eq!((create.reload, create.wait), (ReloadMode::Manual, Wait::None));
    assert_eq!((create.message, create.request_id, create.idle_timeout), (None, None, None));
    assert!(create.files[0].executable && create.files[0].content.is_empty());
}

#[test]
fn empty_create_takes_every_default() {
    let create = Create::try_from(create()).unwrap();
    assert_eq!(create.overrides, Overrides::default());
    assert_eq!((create.reload, create.wait), (ReloadMode::Auto, Wait::Ready));
}

#[test]
fn changes_are_checked_alone_and_together() {
    let big = MAX_FILE_BYTES + 1;
    let third = MAX_REQUEST_BYTES / 4 + 1;
    let table: Vec<(proto::CommitRequest, &[&str])> = vec![
        (commit(vec![text_file("a/b")], &["a"]), &[]),
        (commit(vec![text_file("a")], &["a/b"]), &[]),
        (commit(vec![text_file("a"), text_file("a")], &[]), &["files[1].path"]),
        (commit(vec![text_file("../x"), text_file("a"), text_file("a")], &[]), &["files[0].path", "files[2].path"]),
        (commit(vec![text_file("a/b/c"), text_file("a")], &[]), &["files[0].path"]),
        (commit(vec![text_file("a"), text_file("a-b"), text_file("a/b")], &[]), &["files[2].path"]),
        (commit(vec![text_file("a")], &["b", "a"]), &["delete_paths[1]"]),
        (commit(vec![], &["b", "b"]), &["delete_paths[1]"]),
        (commit(vec![], &["ok", "a//b", ".git/config"]), &["delete_paths[1]", "delete_paths[2]"]),
        (commit(vec![data_file("a", MAX_FILE_BYTES)], &[]), &[]),
        (commit(vec![data_file("a", big)], &[]), &["files[0]"]),
        (commit((0..4).map(|n| data_file(&format!("f{n}"), third)).collect(), &[]), &["files"]),
        (commit((0..20_001).map(|n| text_file(&format!("f{n}"))).collect(), &[]), &["files"]),
        (commit((0..20_000).map(|n| text_file(&format!("f{n}"))).collect(), &[]), &[]),
    ];
    for (index, (request, expected)) in table.into_iter().enumerate() {
        assert_eq!(faults::<CommitCall, _>(request), *expected, "row {index}");
    }
}

#[test]
fn commit_lays_its_files_over_the_tree() {
    let mut request = commit(vec![text_file("a")], &["b"]);
    request.expected_head = COMMIT.into();
    let call = CommitCall::try_from(request).unwrap();
    assert_eq!(call.change.scope, Scope::Overlay);
    assert_eq!(call.change.expected_head.unwrap().as_str(), COMMIT);
    assert_eq!((call.change.writes.len(), call.change.deletes.len()), (1, 1));
}

#[test]
fn violations_of_a_monstrous_request_are_bounded() {
    let phases = vec![99; 3_000_000];
    assert_eq!(faults::<ListCall, _>(proto::ListRequest { phases, ..Default::default() }), ["phases"]);
    let files = (0..20_000).map(|_| text_file("..")).collect();
    assert_eq!(faults::<CommitCall, _>(commit(files, &[])).len(), 1_000);
}

#[test]
fn targets_are_named_in_exactly_one_way() {
    let table: &[([&str; 3], &[&str])] = &[
        ([PREVIEW, "", ""], &[]),
        (["", "shop", ""], &[]),
        (["", "shop", "dev"], &[]),
        (["", "", ""], &["preview_id", "project_id"]),
        (["", "", "main"], &["preview_id", "project_id"]),
        ([PREVIEW, "shop", ""], &["preview_id", "project_id"]),
        ([PREVIEW, "", "main"], &["branch"]),
        (["ABCDEFGHIJKL", "", ""], &["preview_id"]),
        (["", "/", "a..b"], &["project_id", "branch"]),
    ];
    for ([preview_id, project_id, branch], expected) in table {
        let request = proto::GetRequest {
            preview_id: (*preview_id).into(),
            project_id: (*project_id).into(),
            branch: (*branch).into(),
        };
        assert_eq!(faults::<Target, _>(request.clone()), *expected, "{request:?}");
    }
    let named = proto::DeleteRequest { project_id: "shop".into(), ..Default::default() };
    let expected = Target::Branch("shop".parse().unwrap(), BranchName::default());
    assert_eq!(Target::try_from(named).unwrap(), expected);
}

#[test]
fn log_requests_find_each_wrong_field() {
    type Edit = fn(&mut proto::StreamLogsRequest);
    let cursor = "00000000000000010000000000000002";
    let timestamp = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let table: Vec<(Edit, proto::StreamLogsRequest, &[&str])> = vec![
        (|r| r.sources = vec![4, 9, 1, -1], Default::default(), &["sources[1]", "sources[3]"]),
        (|r| r.tail_lines = Some(10_000), Default::default(), &[]),
        (|r| r.tail_lines = Some(10_001), Default::default(), &["tail_lines"]),
        (
            |r| r.tail_lines = Some(0),
            proto::StreamLogsRequest { after_cursor: cursor.into(), ..Default::default() },
            &["tail_lines"],
        ),
        (|r| r.after_cursor = "no cursor".into(), Default::default(), &["after_cursor"]),
        (|r| r.after_cursor = "+0000000000000010000000000000002".into(), Default::default(), &["after_cursor"]),
        (|r| r.after_cursor = "€€€€€€€€€€ab".into(), Default::default(), &["after_cursor"]),
        (|_| {}, proto::StreamLogsRequest { after_cursor: cursor.into(), ..Default::default() }, &[]),
        (|_| {}, proto::StreamLogsRequest { since: timestamp(i64::MAX, 0), ..Default::default() }, &["since"]),
        (|_| {}, proto::StreamLogsRequest { since: timestamp(0, -1), ..Default::default() }, &["since"]),
        (|_| {}, proto::StreamLogsRequest { since: timestamp(0, 1_000_000_000), ..Default::default() }, &["since"]),
        (|_| {}, proto::StreamLogsRequest { since: timestamp(-62_135_596_800, 0), ..Default::default() }, &[]),
    ];
    for (index, (edit, mut request, expected)) in table.into_iter().enumerate() {
        request.preview_id = PREVIEW.into();
        edit(&mut request);
        assert_eq!(faults::<LogsCall, _>(request), *expected, "row {index}");
    }
}

#[test]
fn log_query_means_what_was_asked() {
    let request = proto::StreamLogsRequest {
        preview_id: PREVIEW.into(),
        sources: vec![proto::LogSource::Stdout.into(), proto::LogSource::Stdout.into()],
        since: Some(prost_types::Timestamp { seconds: -1, nanos: 500_000_000 }),
        tail_lines: Some(0),
        ..Default::default()
    };
    let query = LogsCall::try_from(request.clone()).unwrap().query;
    assert_eq!(query.sources, [LogSource::Stdout.into()].into());
    assert_eq!(query.since, Some(UNIX_EPOCH - Duration::from_millis(500)));
    assert_eq!(query.tail, Some(0));
    let everything = proto::StreamLogsRequest { sources: vec![3, 0], ..request };
    assert!(LogsCall::try_from(everything).unwrap().query.sources.is_empty());
}

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
fn list_requests_find_each_wrong_field() {
    let list = |edit: fn(&mut proto::ListRequest)| {
        let mut request = proto::ListRequest::default();
        edit(&mut request);
        faults::<ListCall, _>(request)
    };
    assert_eq!(list(|r| r.page_size = -1), ["page_size"]);
    assert_eq!(list(|r| r.page_size = i32::MIN), ["page_size"]);
    assert_eq!(list(|r| r.page_token = "%%%".into()), ["page_token"]);
    assert_eq!(list(|r| r.page_token = "A".repeat(100_000)), ["page_token"]);
    assert_eq!(list(|r| r.phases = vec![1, 99]), ["phases[1]"]);
    assert_eq!(list(|r| r.project_id = "a/b".into()), ["project_id"]);
}

#[test]
fn page_sizes_have_a_default_and_a_bound() {
    let filter = |page_size| ListCall::try_from(proto::ListRequest { page_size, ..Default::default() }).unwrap().filter;
    assert_eq!(filter(0).page_size, 100);
    assert_eq!(filter(7).page_size, 7);
    assert_eq!(filter(i32::MAX).page_size, 1_000);
}

#[test]
fn unspecified_phase_means_every_phase() {
    let phases =
        |phases| ListCall::try_from(proto::ListRequest { phases, ..Default::default() }).unwrap().filter.phases;
    assert!(phases(vec![]).is_empty());
    assert_eq!(phases(vec![4, 4]), [Phase::Running]);
    assert_eq!(phases(vec![4, 0]).len(), 8);
}

#[test]
fn page_token_leads_on_and_only_with_the_same_filters() {
    let request = proto::ListRequest { project_id: "shop".into(), ..Default::default() };
    let place = (SystemTime::now(), PREVIEW.parse::<PreviewId>().unwrap());
    let page = crate::preview::api::ListPage { previews: vec![], next: Some(place.clone()) };
    let page_token = ListCall::try_from(request.clone()).unwrap().response(page).next_page_token;

    let next = proto::ListRequest { page_token: page_token.clone(), page_size: 3, ..request.clone() };
    assert_eq!(ListCall::try_from(next).unwrap().filter.after, Some(place));
    let other = proto::ListRequest { page_token: page_token.clone(), project_id: "other".into(), ..request.clone() };
    assert_eq!(faults::<ListCall, _>(other), ["page_token"]);
    let torn = proto::ListRequest { page_token: page_token[1..].to_owned(), ..request };
    assert_eq!(faults::<ListCall, _>(torn), ["page_token"]);
    let foreign = proto::ListBranchesRequest { project_id: "shop".into(), page_token, ..Default::default() };
    assert_eq!(faults::<ListBranchesCall, _>(foreign), ["page_token"]);
}

#[test]
fn pages_of_files_stay_on_the_commit_of_the_first() {
    let request = proto::ListFilesRequest { project_id: "shop".into(), page_size: 2, ..Default::default() };
    let entry = Entry { kind: EntryKind::Executable, blob: COMMIT.into(), size_bytes: 3 };
    let tree: crate::domain::tree::Tree =
        ["a", "b", "c"].into_iter().map(|path| (path.parse().unwrap(), entry.clone())).collect();

    let first = ListFilesCall::try_from(request.clone()).unwrap().response(COMMIT.parse().unwrap(), tree.iter());
    assert_eq!(first.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(first.files[0].executable && first.files[0].size_bytes == 3);

    let next = proto::ListFilesRequest { page_token: first.next_page_token, ..request };
    let next = ListFilesCall::try_from(next).unwrap();
    assert_eq!(next.revision, Revision::Commit(COMMIT.parse().unwrap()));
    assert_eq!(next.after.as_ref().map(|path| path.as_str()), Some("b"));
    let last = next.response(COMMIT.parse().unwrap(), tree.iter().skip(2));
    assert_eq!((last.files.len(), last.next_page_token.as_str()), (1, ""));
}

#[test]
fn pages_of_branches_and_commits_end() {
    let request = proto::ListBranchesRequest { project_id: "shop".into(), page_size: 1, ..Default::default() };
    let call = ListBranchesCall::try_from(request.clone()).unwrap();
    let head: CommitId = COMMIT.parse().unwrap();
    let branch = |name: &str| (name.parse::<BranchName>().unwrap(), head.clone());
    let page = call.response(vec![branch("a"), branch("b")]);
    assert_eq!(page.branches.len(), 1);
    let next = proto::ListBranchesRequest { page_token: page.next_page_token, ..request };
    assert_eq!(ListBranchesCall::try_from(next).unwrap().after.unwrap().as_str(), "a");
    assert!(call.response(vec![branch("a")]).next_page_token.is_empty());

    let call = ListCommitsCall::try_from(proto::ListCommitsRequest { project_id: "shop".into(), ..Default::default() });
    let call = call.unwrap();
    assert_eq!((call.page_size, call.from.is_none()), (100, true));
    assert!(call.response(vec![]).next_page_token.is_empty());
}

#[test]
fn vfs_requests_find_each_wrong_field() {
    let project_id = || "shop".to_owned();
    let read = proto::ReadFileRequest { project_id: project_id(), ..Default::default() };
    assert_eq!(faults::<ReadFileCall, _>(read.clone()), ["path"]);
    let both =
        proto::ReadFileRequest { path: "a".into(), branch: "main".into(), commit_id: COMMIT.into(), ..read.clone() };
    assert_eq!(faults::<ReadFileCall, _>(both), ["commit_id"]);
    let bad = proto::ReadFileRequest { path: "a".into(), commit_id: "HEAD~1".into(), ..read };
    assert_eq!(faults::<ReadFileCall, _>(bad), ["commit_id"]);

    let diff = proto::DiffRequest { project_id: project_id(), base_commit_id: "x".into(), commit_id: String::new() };
    assert_eq!(faults::<DiffCall, _>(diff), ["base_commit_id", "commit_id"]);
    let branch = proto::CreateBranchRequest { project_id: project_id(), ..Default::default() };
    assert_eq!(faults::<CreateBranchCall, _>(branch), ["branch"]);
    let rollback = proto::RollbackRequest { expected_head: COMMIT.to_uppercase(), ..Default::default() };
    assert_eq!(faults::<RollbackCall, _>(rollback), ["project_id", "commit_id", "expected_head"]);
    let watch = proto::WatchReloadsRequest { after_commit_id: "main".into(), ..Default::default() };
    assert_eq!(faults::<WatchCall, _>(watch), ["preview_id", "project_id", "after_commit_id"]);
    let update = proto::UpdateRequest { preview_id: PREVIEW.into(), wait: 7, ..Default::default() };
    assert_eq!(faults::<UpdateCall, _>(update), ["wait"]);
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
        strategy: Strategy::SwapStyles,
        changed: changed.into(),
        failure: None,
        sync: Some(Duration::from_millis(2)),
        ready: None,
        total: Duration::from_millis(5),
        timestamp: UNIX_EPOCH,
    };
    let sent = reloads::stage(event, None);
    assert_eq!((sent.stage(), sent.strategy()), (proto::ReloadStage::Ready, proto::ReloadStrategy::SwapStyles));
    assert_eq!((sent.changed_paths.len(), sent.changed_paths_omitted), (1_000, 3));
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
    let mut failure = Failure::new(FailureStage::Start, "EXITED", "it exited");
    failure.line = Some(3);
    failure.exit_code = Some(-1);
    PreviewView {
        spec: PreviewSpec {
            id: PREVIEW.parse().unwrap(),
            project,
            branch: BranchName::default(),
            request_id: None,
            overrides: Overrides::default(),
            reload: ReloadMode::Manual,
            port: 8100,
            created_at: at(10),
            expires_at: at(30),
            idle_timeout: Duration::from_millis(1_500),
            ended: None::<Ended>,
        },
        status: PreviewStatus {
            phase: Phase::Failed,
            stack: Some(Stack::Node),
            container: None,
            applied: None,
            settled: None,
            applies: 1,
            dependency_key: None,
            failure: Some(failure),
            limits: Limits { memory_bytes: 1, cpus: 0.5, pids: 2 },
        },
        url: "http://127.0.0.1:8100/".into(),
        last_accessed_at: at(20),
        head: Some(COMMIT.parse().unwrap()),
    }
}
