//! Commits made through the store.

use std::{os::unix::fs::PermissionsExt, time::SystemTime};

use previewd::domain::tree::{ChangeKind, EntryKind};

use super::*;

#[tokio::test]
async fn first_commit_makes_project_and_branch() {
    let fixture = Fixture::new();
    assert_eq!(fixture.head().await, None);

    let done = fixture.commit(overlay(&[("index.html", "<p>hi</p>"), ("src/app.js", "1")])).await.unwrap();

    assert!(done.changed && done.parent.is_none());
    assert_eq!(fixture.head().await, Some(done.commit.clone()));
    assert_eq!(fixture.files(&done.commit).await, pairs(&[("index.html", "<p>hi</p>"), ("src/app.js", "1")]));
    fsck(&fixture.repository());
}

#[tokio::test]
async fn overlay_keeps_files_that_are_not_named() {
    let fixture = Fixture::new();
    fixture.commit(overlay(&[("a", "1"), ("d/b", "2"), ("d/c", "3")])).await.unwrap();

    let done = fixture.commit(change(Scope::Overlay, &[("d/b", "new")], &["d/c"])).await.unwrap();

    assert_eq!(fixture.files(&done.commit).await, pairs(&[("a", "1"), ("d/b", "new")]));
    fsck(&fixture.repository());
}

#[tokio::test]
async fn whole_drops_files_that_are_not_named() {
    let fixture = Fixture::new();
    let first = fixture.commit(overlay(&[("a", "1"), ("d/b", "2"), ("e/f/g", "3")])).await.unwrap();

    let done = fixture.commit(change(Scope::Whole, &[("d/b", "2"), ("h", "4")], &[])).await.unwrap();

    assert_eq!(done.parent, Some(first.commit));
    assert_eq!(fixture.files(&done.commit).await, pairs(&[("d/b", "2"), ("h", "4")]));
    fsck(&fixture.repository());
}

#[tokio::test]
async fn unchanged_tree_answers_with_the_head() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    let second = fixture.write("b", "2").await;

    for same in [
        overlay(&[("a", "1")]),
        overlay(&[]),
        change(Scope::Whole, &[("a", "1"), ("b", "2")], &[]),
        Change { expected_head: Some(second.clone()), ..overlay(&[("b", "2")]) },
    ] {
        let done = fixture.commit(same).await.unwrap();
        assert_eq!(done, Committed { commit: second.clone(), parent: Some(first.clone()), changed: false });
    }
}

#[tokio::test]
async fn stale_parent_is_refused_with_the_real_head() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    let second = fixture.write("a", "2").await;

    let stale = Change { expected_head: Some(first.clone()), ..overlay(&[("a", "3")]) };
    let error = fixture.commit(stale.clone()).await.unwrap_err();

    assert!(
        matches!(&error, VfsError::StaleHead { expected, head: Some(head) } if *expected == first && *head == second),
        "{error:?}"
    );
    assert_eq!(fixture.head().await, Some(second));
    let absent = fixture.vfs.commit(&"q".parse().unwrap(), &main(), stale).await.unwrap_err();
    assert!(matches!(absent, VfsError::StaleHead { head: None, .. }), "{absent:?}");
    assert!(!fixture.folder.path().join("vfs/q.git").exists());
}

#[tokio::test]
async fn executable_bit_is_kept_and_taken_away() {
    let fixture = Fixture::new();
    let run =
        |executable| Change { writes: vec![FileWrite { executable, ..file("run.sh", "#!/bin/sh\n") }], ..overlay(&[]) };
    for (executable, kind) in [(true, EntryKind::Executable), (false, EntryKind::File)] {
        let done = fixture.commit(run(executable)).await.unwrap();
        assert!(done.changed);
        let tree = fixture.vfs.tree(&project(), &done.commit).await.unwrap();
        assert_eq!((tree[&path("run.sh")].kind, tree[&path("run.sh")].size_bytes), (kind, 10));
    }
}

#[tokio::test]
async fn file_and_folder_may_take_each_others_place_in_one_change() {
    let fixture = Fixture::new();
    fixture.commit(overlay(&[("a", "1"), ("d/x", "2"), ("d/y/z", "3")])).await.unwrap();

    let done = fixture.commit(change(Scope::Overlay, &[("a/b", "4"), ("d", "5")], &["a", "d/x", "d/y/z"])).await;

    let done = done.unwrap();
    assert_eq!(fixture.files(&done.commit).await, pairs(&[("a/b", "4"), ("d", "5")]));
    fsck(&fixture.repository());
}

#[tokio::test]
async fn last_file_may_be_deleted() {
    let fixture = Fixture::new();
    fixture.write("d/a", "1").await;

    let done = fixture.commit(change(Scope::Overlay, &[], &["d/a"])).await.unwrap();

    assert_eq!(fixture.files(&done.commit).await, []);
    fsck(&fixture.repository());
    assert!(fixture.commit(overlay(&[("b", "1")])).await.unwrap().changed);
}

#[tokio::test]
async fn nothing_at_all_is_no_first_commit() {
    let fixture = Fixture::new();
    assert!(matches!(fixture.commit(overlay(&[])).await, Err(VfsError::NoFiles { .. })));
    fixture.write("a", "1").await;
    assert!(matches!(fixture.commit(change(Scope::Whole, &[], &[])).await, Err(VfsError::NoFiles { .. })));
}

#[tokio::test]
async fn commit_carries_message_author_and_time() {
    let fixture = Fixture::new();
    let before = SystemTime::now() - Duration::from_secs(2);
    let told = Change { message: Some("Grüße\n\nA body".into()), ..overlay(&[("a", "1")]) };
    let told = fixture.commit(told).await.unwrap().commit;
    let untold = fixture.commit(change(Scope::Overlay, &[("b", "1"), ("c", "2")], &["a"])).await.unwrap().commit;

    let info = fixture.vfs.commit_info(&project(), &told).await.unwrap();
    assert_eq!((info.message.as_str(), info.author.as_str(), info.parent), ("Grüße\n\nA body", "previewd", None));
    assert!(info.time >= before && info.time <= SystemTime::now());
    let info = fixture.vfs.commit_info(&project(), &untold).await.unwrap();
    assert_eq!((info.message.as_str(), info.parent), ("Write 2 files, delete 1", Some(told)));
    let log = git(&fixture.repository(), &["log", "--format=%an <%ae> %cn <%ce> %s", "-1", "main~1"]);
    assert_eq!(log, "previewd <previewd@localhost> previewd <previewd@localhost> Grüße");
}

#[tokio::test]
async fn large_commit_becomes_one_pack_and_small_ones_loose_objects() {
    let fixture = Fixture::new();
    let many: Vec<_> = (0..200).map(|n| file(&format!("src/{}/file{n}.js", n % 20), format!("content {n}"))).collect();
    let whole = Change { scope: Scope::Whole, writes: many, ..overlay(&[]) };
    let first = fixture.commit(whole).await.unwrap().commit;
    let count = || git(&fixture.repository(), &["count-objects", "-v"]);
    assert!(count().contains("count: 0\n") && count().contains("packs: 1\n"), "{}", count());

    fixture.write("src/3/file3.js", "changed").await;

    assert!(count().contains("count: 5\n"), "a blob, three trees and a commit: {}", count());
    assert_eq!(fixture.files(&first).await.len(), 200);
    fsck(&fixture.repository());
    let pack = std::fs::read_dir(fixture.repository().join("objects/pack")).unwrap().next().unwrap().unwrap();
    assert_eq!(pack.metadata().unwrap().permissions().mode() & 0o333, 0, "packs are read-only");
}

#[tokio::test]
async fn object_that_a_power_cut_broke_is_mended_by_the_next_commit_of_it() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let id = git_with(&fixture.repository(), &["hash-object", "-w", "--stdin"], b"half");
    let object = fixture.repository().join("objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, b"").unwrap();

    let done = fixture.write("b", "half").await;

    assert_eq!(fixture.files(&done).await, pairs(&[("a", "1"), ("b", "half")]));
    fsck(&fixture.repository());
}

#[tokio::test]
async fn concurrent_commits_lose_none() {
    let fixture = Fixture::new();
    let other = fixture.other_process();
    fixture.write("start", "0").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..60 {
        let vfs = if n % 2 == 0 { fixture.vfs.clone() } else { other.clone() };
        tasks.spawn(async move {
            let name = format!("f{n}");
            vfs.commit(&project(), &main(), overlay(&[(&name, "1")])).await.unwrap();
        });
    }
    // And git itself beside them, by its own compare-and-swap.
    let repository = fixture.repository();
    let by_git = tokio::task::spawn_blocking(move || {
        let mut moved = 0;
        while moved < 10 {
            let head = git(&repository, &["rev-parse", "main"]);
            let commit = git(&repository, &["commit-tree", "-p", &head, "-m", "by git", &format!("{head}^{{tree}}")]);
            let update = ["update-ref", "refs/heads/main", commit.as_str(), head.as_str()];
            moved += usize::from(run_git(&repository, &update, &[]).status.success());
        }
    });
    soon("the commits", async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        by_git.await.unwrap();
    })
    .await;

    let head = fixture.head().await.unwrap();
    assert_eq!(fixture.files(&head).await.len(), 61);
    assert_eq!(git(&fixture.repository(), &["rev-list", "--count", "main"]), "71");
    fsck(&fixture.repository());
}

#[tokio::test]
async fn only_one_of_two_commits_on_the_same_parent_is_taken() {
    let fixture = Fixture::new();
    let other = fixture.other_process();
    for round in 0..20 {
        let head = fixture.head().await;
        let on_head = |content: &str| Change { expected_head: head.clone(), ..overlay(&[("a", content)]) };
        let (mine, theirs) = (format!("{round} mine"), format!("{round} theirs"));
        let (p, m) = (project(), main());
        let (first, second) =
            tokio::join!(fixture.vfs.commit(&p, &m, on_head(&mine)), other.commit(&p, &m, on_head(&theirs)),);
        let taken = usize::from(first.is_ok()) + usize::from(second.is_ok());
        assert_eq!(taken, if head.is_some() { 1 } else { 2 }, "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn rollback_brings_an_older_tree_back_as_a_new_commit() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    let second = fixture.commit(overlay(&[("a", "2"), ("b", "2")])).await.unwrap().commit;
    let roll = |to: &CommitId, expected| {
        let to = to.clone();
        let vfs = fixture.vfs.clone();
        async move { vfs.rollback(&project(), &main(), &to, None, expected).await }
    };

    assert!(matches!(roll(&first, Some(first.clone())).await, Err(VfsError::StaleHead { .. })));
    let done = roll(&first, Some(second.clone())).await.unwrap();

    assert_eq!((done.changed, &done.parent), (true, &Some(second.clone())));
    assert_eq!(fixture.files(&done.commit).await, pairs(&[("a", "1")]));
    let changed = fixture.vfs.diff(&project(), Some(second), &done.commit).await.unwrap();
    let changed: Vec<_> = changed.iter().map(|change| (change.path.as_str(), change.kind)).collect();
    assert_eq!(changed, [("a", ChangeKind::Modified), ("b", ChangeKind::Deleted)]);
    assert!(!roll(&first, None).await.unwrap().changed, "the tree is there already");
    let unknown = "0123456789012345678901234567890123456789".parse().unwrap();
    assert!(matches!(roll(&unknown, None).await, Err(VfsError::CommitNotFound(_))));
}

#[tokio::test]
async fn dropped_call_still_commits() {
    let fixture = Fixture::new();
    let mut follower = fixture.vfs.follow(&project(), &main());
    let (p, m) = (project(), main());
    let mut call = Box::pin(fixture.vfs.commit(&p, &m, overlay(&[("a", "1")])));
    // The first poll takes the lock and hands the work over.
    let _ = futures_util::poll!(&mut call);
    drop(call);

    soon("the commit", follower.changed()).await;

    assert!(fixture.head().await.is_some());
}
