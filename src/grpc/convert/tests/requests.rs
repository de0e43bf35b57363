//! What is wrong with requests, and what the right ones mean.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::{
    domain::{
        ids::BranchName,
        limits::{LimitOverrides, MAX_FILE_BYTES, MAX_REQUEST_BYTES},
        logs::LogSource,
        spec::{Overrides, ReloadMode, Stack},
    },
    preview::api::{Create, Target, Wait},
    vfs::Scope,
};

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
        (|r| r.ready_path = "/up?x=1".into(), &[]),
        (|r| r.ready_path = "up".into(), &["ready_path"]),
        (|r| r.ready_path = "/a b".into(), &["ready_path"]),
        (|r| r.ready_path = "/a\n".into(), &["ready_path"]),
        (|r| r.ready_path = format!("/{}", "x".repeat(1024)), &["ready_path"]),
        (|r| r.environment = [("_A1".into(), "x\ny".into())].into(), &[]),
        (|r| r.environment = (0..40).map(|n| (format!("A{n}"), "x".repeat(32 * 1024))).collect(), &["environment"]),
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
        ready_path: "/up".into(),
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
    assert_eq!(create.overrides.ready_path.as_deref(), Some("/up"));
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
fn every_stack_of_the_contract_is_in_the_list() {
    let known = (1..).map_while(|number| proto::Stack::try_from(number).ok());
    assert_eq!(known.filter_map(specs::stack).collect::<Vec<_>>(), Stack::ALL);
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
