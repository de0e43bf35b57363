//! Files into the root.

use std::{fs, os::unix::fs::MetadataExt, os::unix::fs::PermissionsExt, os::unix::fs::symlink as link};

use tonic::Code;

use crate::{
    harness::{Agent, delete, file, symlink},
    proto::{MarkRequest, StatusRequest, SyncFile, SyncFinish, sync_request::Message},
};

fn finish() -> Message {
    Message::Finish(SyncFinish {})
}

#[tokio::test]
async fn a_revision_brings_files_modes_and_links() {
    let mut agent = Agent::run().await;
    let mut messages = vec![agent.begin(true)];
    messages.extend(file("a.txt", "A", false));
    messages.extend(file("deep/er/run.sh", "#!/bin/sh", true));
    messages.extend(file("empty", "", false));
    messages.extend(symlink("link", "../../nowhere"));
    messages.push(finish());

    let answer = agent.send(messages).await.unwrap();

    assert_eq!((answer.written, answer.deleted), (4, 0));
    assert_eq!(agent.read("a.txt"), "A");
    assert_eq!(agent.read("empty"), "");
    let mode = |path: &str| agent.root().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a.txt"), mode("deep/er/run.sh")), (0o644, 0o755));
    assert_eq!(fs::read_link(agent.root().join("link")).unwrap().to_str(), Some("../../nowhere"));
    assert_eq!(agent.client.status(StatusRequest {}).await.unwrap().into_inner().revision, "r1");
    let names: Vec<_> = fs::read_dir(agent.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "nothing of the agent's own is in the root: {names:?}");
}

#[tokio::test]
async fn without_finish_nothing_changes() {
    let mut agent = Agent::run().await;
    agent.sync(true, &[("a", "1")], &[]).await;
    let mut messages = vec![agent.begin(true)];
    messages.extend(file("b", "2", false));

    let error = agent.send(messages).await.unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(agent.has("a") && !agent.has("b"));
    agent.sync(false, &[("b", "3")], &[]).await;
    assert_eq!(agent.read("b"), "3");
}

#[tokio::test]
async fn what_is_there_already_is_left_alone() {
    let mut agent = Agent::run().await;
    agent.sync(true, &[("a", "same"), ("b", "old")], &[]).await;
    let stat = |path: &str| agent.root().join(path).metadata().map(|stat| (stat.ino(), stat.mtime())).unwrap();
    let before = stat("a");

    let root = agent.root();
    let answer = agent.sync(true, &[("a", "same"), ("b", "new")], &[]).await;

    assert_eq!(answer.written, 1);
    assert_eq!(root.join("a").metadata().map(|stat| (stat.ino(), stat.mtime())).unwrap(), before);
    assert_eq!(agent.read("b"), "new");
}

#[tokio::test]
async fn modification_times_rise_in_whole_seconds() {
    let mut agent = Agent::run().await;
    let mut last = 0;
    for round in 0..4 {
        agent.sync(false, &[("a", &round.to_string())], &[]).await;
        let stat = agent.root().join("a").metadata().unwrap();
        assert!(stat.mtime() > last && stat.mtime_nsec() == 0, "{} after {last}", stat.mtime());
        last = stat.mtime();
    }
    agent.sync(false, &[], &["a"]).await;
    agent.sync(false, &[("a", "x")], &[]).await;
    assert!(agent.root().join("a").metadata().unwrap().mtime() > last);
}

#[tokio::test]
async fn a_full_revision_takes_away_what_an_earlier_one_brought_and_nothing_else() {
    let mut agent = Agent::run().await;
    agent.sync(true, &[("a", "1"), ("gone/deep/x", "1"), ("node_modules_not/x", "1"), ("kept/x", "1")], &[]).await;
    fs::create_dir_all(agent.root().join("node_modules/p")).unwrap();
    fs::write(agent.root().join("node_modules/p/index.js"), "").unwrap();
    fs::write(agent.root().join("kept/made-by-the-app"), "").unwrap();

    let answer = agent.sync(true, &[("a", "2")], &[]).await;

    assert_eq!((answer.written, answer.deleted), (1, 3));
    assert!(!agent.has("gone") && !agent.has("node_modules_not") && !agent.has("kept/x"));
    assert!(agent.has("node_modules/p/index.js") && agent.has("kept/made-by-the-app"));
}

#[tokio::test]
async fn the_list_of_what_was_brought_outlives_the_agent() {
    let mut agent = Agent::run().await;
    agent.sync(true, &[("a", "1"), ("b", "1")], &[]).await;
    let (status, folder) = agent.terminate().await;
    assert!(status.success());
    fs::write(folder.path().join("app/c"), "").unwrap();

    let mut agent = Agent::run_in(folder).await;
    assert_eq!(agent.client.status(StatusRequest {}).await.unwrap().into_inner().revision, "");
    agent.sync(true, &[("a", "1")], &[]).await;

    assert!(agent.has("a") && !agent.has("b") && agent.has("c"));
}

#[tokio::test]
async fn links_lead_nowhere() {
    let mut agent = Agent::run().await;
    let outside = agent.outside();
    fs::write(outside.join("file"), "outside").unwrap();
    let mut messages = vec![agent.begin(true)];
    messages.extend(symlink("dir", outside.to_str().unwrap()));
    messages.extend(symlink("file", outside.join("file").to_str().unwrap()));
    messages.extend(file("tree/x", "x", false));
    messages.push(finish());
    agent.send(messages).await.unwrap();
    // The app does the same on its own.
    fs::remove_dir_all(agent.root().join("tree")).unwrap();
    link(&outside, agent.root().join("tree")).unwrap();
    fs::write(outside.join("x"), "outside").unwrap();

    let answer = agent.sync(false, &[("dir/new", "in"), ("file", "in")], &["tree/x"]).await;

    assert_eq!((answer.written, answer.deleted), (2, 0));
    assert_eq!((agent.read("dir/new").as_str(), agent.read("file").as_str()), ("in", "in"));
    assert!(!agent.root().join("dir").is_symlink());
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "outside");
    assert_eq!(fs::read_to_string(outside.join("x")).unwrap(), "outside");
    assert!(!outside.join("new").exists());
    // A folder in the way is emptied without following either.
    fs::create_dir(agent.root().join("way")).unwrap();
    link(&outside, agent.root().join("way/link")).unwrap();
    agent.sync(false, &[("way", "file")], &[]).await;
    assert_eq!(agent.read("way"), "file");
    assert!(outside.join("x").exists());
}

#[tokio::test]
async fn the_projects_files_win() {
    let mut agent = Agent::run().await;
    agent.sync(true, &[("file", "1"), ("dir/a/b", "1")], &[]).await;
    fs::write(agent.root().join("dir/untracked"), "").unwrap();

    agent.sync(false, &[("dir", "now a file"), ("file/x", "now a folder")], &["dir/a/b", "file"]).await;

    assert_eq!((agent.read("dir").as_str(), agent.read("file/x").as_str()), ("now a file", "now a folder"));
}

#[tokio::test]
async fn a_broken_contract_is_refused_and_changes_nothing() {
    let mut agent = Agent::run().await;
    agent.sync(true, &[("a", "1")], &[]).await;
    let head = |path: &str, size_bytes| {
        Message::File(SyncFile { path: path.into(), size_bytes, executable: false, symlink: false })
    };
    let chunk = |size: usize| Message::Chunk(vec![b'x'; size].into());
    let table: Vec<(&str, Vec<Message>, Code)> = vec![
        ("a path out of the root", vec![head("../x", 0)], Code::InvalidArgument),
        ("an absolute path", vec![head("/x", 0)], Code::InvalidArgument),
        ("a deletion out of the root", vec![delete(&["a/../../x"])], Code::InvalidArgument),
        ("a control character", vec![head("x\ny", 0)], Code::InvalidArgument),
        ("a chunk without a file", vec![chunk(1)], Code::InvalidArgument),
        ("a file that lacks bytes", vec![head("x", 2), chunk(1)], Code::InvalidArgument),
        ("a file with too many", vec![head("x", 2), chunk(3)], Code::InvalidArgument),
        ("a chunk that is too long", vec![head("x", 2 << 20), chunk(2 << 20)], Code::InvalidArgument),
        ("more than is taken", vec![head("x", 600 << 20)], Code::ResourceExhausted),
        ("a path twice", vec![head("x", 0), head("x", 0)], Code::InvalidArgument),
        ("written and deleted", vec![head("x", 0), delete(&["x"])], Code::InvalidArgument),
        ("a second begin", vec![agent.begin(true)], Code::InvalidArgument),
    ];
    for (what, middle, code) in table {
        let mut messages = vec![agent.begin(true)];
        messages.extend(middle);
        messages.push(finish());
        let error = agent.send(messages).await.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
        assert_eq!(fs::read_dir(agent.root()).unwrap().count(), 1, "{what}");
    }
    assert_eq!(agent.send(vec![finish()]).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_large_file_comes_in_chunks() {
    let mut agent = Agent::run().await;
    let mut messages = vec![agent.begin(true)];
    messages.push(Message::File(SyncFile { path: "big".into(), size_bytes: 24 << 20, ..SyncFile::default() }));
    messages.extend((0..24).map(|at| Message::Chunk(vec![at; 1 << 20].into())));
    messages.push(finish());
    agent.send(messages).await.unwrap();

    let content = fs::read(agent.root().join("big")).unwrap();
    assert!(content.len() == 24 << 20 && content.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at >> 20));
}

#[tokio::test]
async fn a_mark_stays_until_the_next_one_or_until_files_change() {
    let mut agent = Agent::run().await;
    let mark = |revision: &str| MarkRequest { revision: revision.to_owned() };
    agent.sync(true, &[("a", "1")], &[]).await;
    agent.client.mark(mark("r1")).await.unwrap();
    for (content, marked) in [("1", "r1"), ("2", "")] {
        agent.sync(true, &[("a", content)], &[]).await;
        let status = agent.client.status(StatusRequest {}).await.unwrap().into_inner();
        assert_eq!((status.marked.as_str(), status.revision.as_str()), (marked, "r1"));
    }
    let error = agent.client.mark(mark(&"x".repeat(65))).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}
