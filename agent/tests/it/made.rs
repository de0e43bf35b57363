//! What the app has made, sent and taken.

use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;

use crate::{
    harness::{Agent, file, until},
    proto::{
        ExportRequest, ExportSummary, SyncBegin, SyncFinish, export_response::Message as Made, sync_request::Message,
    },
};

const MEBIBYTE: u64 = 1024 * 1024;

async fn export(agent: &mut Agent, only: &[&str], max_bytes: u64) -> (ExportSummary, Vec<Message>) {
    let only = only.iter().map(|&path| path.to_owned()).collect();
    let root = agent.root().display().to_string();
    let request = ExportRequest { root, only, except: vec!["except.txt".into()], max_bytes };
    let mut stream = agent.client.export(request).await.unwrap().into_inner();
    let Some(Made::Summary(summary)) = stream.message().await.unwrap().unwrap().message else { panic!("no summary") };
    let mut files = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        files.push(match part.message.unwrap() {
            Made::File(file) => Message::File(file),
            Made::Chunk(chunk) => Message::Chunk(chunk),
            Made::Summary(_) => panic!("a second summary"),
        });
    }
    (summary, files)
}

fn paths(files: &[Message]) -> Vec<&str> {
    files.iter().filter_map(|it| if let Message::File(file) = it { Some(file.path.as_str()) } else { None }).collect()
}

/// Returns an agent in whose root files were there before it, and others were brought and made.
async fn with_files() -> Agent {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("app/data")).unwrap();
    fs::write(folder.path().join("app/data/from-the-image.txt"), "old").unwrap();
    // The clock of the file system goes in steps.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let mut agent = Agent::run_in(folder).await;
    agent.sync(true, &[("main.py", "1"), ("data/seed.txt", "seed")], &[]).await;
    let root = agent.root();
    for name in ["data/deep", "node_modules/a", "uploads"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("data/deep/app.db"), vec![7; 600 * 1024]).unwrap();
    for name in ["data/seed.txt", "node_modules/a/index.js", "main.pyc", "except.txt", "uploads/run.sh"] {
        fs::write(root.join(name), "written by the app").unwrap();
    }
    symlink("run.sh", root.join("uploads/link")).unwrap();
    agent
}

#[tokio::test]
async fn what_the_app_has_made_is_sent_and_nothing_else() {
    let mut agent = with_files().await;
    let (summary, files) = export(&mut agent, &[], 256 * MEBIBYTE).await;
    assert_eq!(paths(&files), ["data/deep/app.db", "uploads/link", "uploads/run.sh"]);
    assert_eq!((summary.files, summary.left_files), (3, 0));
    let (summary, files) = export(&mut agent, &["data", "main.pyc", "gone"], 256 * MEBIBYTE).await;
    assert_eq!(
        paths(&files),
        ["data/deep/app.db", "data/from-the-image.txt", "main.pyc"],
        "these alone, whenever made"
    );
    assert_eq!(summary.files, 3);
    let (summary, files) = export(&mut agent, &[], 100).await;
    assert_eq!(paths(&files), ["uploads/link", "uploads/run.sh"]);
    assert_eq!((summary.left_files, summary.left_bytes), (1, 600 * 1024));
    let root = agent.root().display().to_string();
    let out = ExportRequest { root, only: vec!["../outside".into()], ..ExportRequest::default() };
    assert!(agent.client.export(out).await.is_err());
}

#[tokio::test]
async fn what_was_made_comes_into_another_container_and_not_over_what_was_brought() {
    let mut agent = with_files().await;
    let (_, files) = export(&mut agent, &[], 256 * MEBIBYTE).await;
    let mut other = Agent::run().await;
    other.sync(true, &[("main.py", "2"), ("uploads", "a file now")], &[]).await;
    let root = other.root().display().to_string();
    let mut messages = vec![Message::Begin(SyncBegin { root, revision: String::new(), full: false, made: true })];
    messages.extend(files);
    messages.extend(file("main.py", "no", false));
    messages.push(Message::Finish(SyncFinish {}));
    assert_eq!(other.send(messages).await.unwrap().written, 1);
    assert_eq!(fs::read(other.root().join("data/deep/app.db")).unwrap(), vec![7; 600 * 1024]);
    assert_eq!((other.read("main.py"), other.read("uploads")), ("2".into(), "a file now".into()));
    // It is the app's, and stays when a revision is all there is.
    other.sync(true, &[("main.py", "3")], &[]).await;
    assert!(other.has("data/deep/app.db"));
}

#[tokio::test]
async fn the_app_stands_still_meanwhile_and_goes_on() {
    let mut agent = with_files().await;
    agent.python("import time\nwhile True:\n open('ticks', 'a').write('x'); time.sleep(0.001)").await;
    agent.wait_for_file("ticks").await;
    export(&mut agent, &[], 256 * MEBIBYTE).await;
    let ticks = agent.outside().join("../ticks");
    let length = || fs::metadata(&ticks).unwrap().len();
    let before = length();
    until("the app stays stopped", || length() > before + 5).await;
}
