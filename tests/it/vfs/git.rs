//! Other processes at the same repository, with git's own tools.

use std::{fs::File, time::SystemTime};

use previewd::{domain::tree::EntryKind, vfs::History};

use super::*;

#[tokio::test]
async fn clone_log_and_push_work() {
    let fixture = Fixture::new();
    let first = fixture.commit(overlay(&[("a", "1"), ("d/b", "2")])).await.unwrap().commit;
    let clone = fixture.clone("clone");
    assert_eq!(std::fs::read_to_string(clone.join("d/b")).unwrap(), "2");

    let pushed = commit_in(&clone, "d/b", "3");
    git(&clone, &["push", "--quiet", "origin", "main"]);

    assert_eq!(fixture.head().await, Some(pushed.clone()));
    assert_eq!(fixture.files(&pushed).await, pairs(&[("a", "1"), ("d/b", "3")]));
    let info = fixture.vfs.commit_info(&project(), &pushed).await.unwrap();
    assert_eq!((info.author.as_str(), info.message.as_str(), info.parent), ("Ada", "write d/b", Some(first)));
    let next = fixture.write("c", "4").await;
    git(&clone, &["pull", "--quiet"]);
    assert_eq!(git(&clone, &["rev-parse", "HEAD"]), next.as_str());
    fsck(&fixture.repository());
}

#[tokio::test]
async fn push_of_many_objects_arrives_as_a_pack_and_is_seen() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let clone = fixture.clone("clone");
    for n in 0..150 {
        std::fs::write(clone.join(format!("f{n}")), n.to_string()).unwrap();
    }
    let pushed = commit_in(&clone, "b", "2");
    git(&clone, &["push", "--quiet", "origin", "main"]);

    assert_eq!(fixture.files(&pushed).await.len(), 152);
}

#[tokio::test]
async fn garbage_collection_changes_nothing() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    for n in 0..30 {
        fixture.write(&format!("d{}/f", n % 5), &n.to_string()).await;
    }
    fixture.vfs.create_branch(&project(), &branch("feature/x"), Some(&first)).await.unwrap();
    let before = fixture.head().await.unwrap();
    let files = fixture.files(&before).await;

    git(&fixture.repository(), &["gc", "--quiet", "--prune=now"]);

    assert!(!fixture.repository().join("refs/heads/main").exists(), "refs are packed now");
    assert_eq!(fixture.head().await, Some(before.clone()));
    assert_eq!(fixture.files(&before).await, files);
    let branches = fixture.vfs.branches(&project(), None, 10).await.unwrap();
    assert_eq!(branches, [(branch("feature/x"), first.clone()), (main(), before.clone())]);
    let after = fixture.write("a", "after").await;
    assert_eq!(fixture.head().await, Some(after.clone()));
    let history = fixture.vfs.history(&project(), Some(&before), &after, 10).await.unwrap();
    assert!(matches!(history, History::Commits(commits) if commits.len() == 1 && commits[0].commit == after));
    git(&fixture.repository(), &["gc", "--quiet", "--prune=now"]);
    fsck(&fixture.repository());
}

#[tokio::test]
async fn commits_and_reads_go_on_while_garbage_is_collected() {
    let fixture = Fixture::new();
    fixture.write("a", "0").await;
    let repository = fixture.repository();
    let collecting = tokio::task::spawn_blocking(move || {
        for _ in 0..5 {
            git(&repository, &["gc", "--quiet"]);
        }
    });
    let mut written = 0;
    while !collecting.is_finished() || written == 0 {
        written += 1;
        let commit = fixture.write("a", &written.to_string()).await;
        assert_eq!(fixture.head().await, Some(commit.clone()));
        assert_eq!(fixture.files(&commit).await, pairs(&[("a", &written.to_string())]));
    }
    collecting.await.unwrap();
    assert_eq!(git(&fixture.repository(), &["rev-list", "--count", "main"]), (written + 1).to_string());
    fsck(&fixture.repository());
}

#[tokio::test]
async fn branch_deleted_by_another_process_has_no_head() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    git(&fixture.repository(), &["pack-refs", "--all"]);
    git(&fixture.repository(), &["branch", "--quiet", "--delete", "--force", "main"]);

    assert_eq!(fixture.head().await, None);
    let stale = Change { expected_head: Some(first), ..overlay(&[("a", "2")]) };
    assert!(matches!(fixture.commit(stale).await, Err(VfsError::StaleHead { head: None, .. })));
    assert_eq!(fixture.commit(overlay(&[("a", "2")])).await.unwrap().parent, None);
}

#[tokio::test]
async fn branches_are_made_once_and_listed_in_pages() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    let second = fixture.write("a", "2").await;
    let make = |name: &str, at: Option<&CommitId>| {
        let (vfs, name, at) = (fixture.vfs.clone(), branch(name), at.cloned());
        async move { vfs.create_branch(&project(), &name, at.as_ref()).await }
    };
    assert_eq!(make("feature/b", None).await.unwrap(), second);
    assert_eq!(make("feature/b", Some(&second)).await.unwrap(), second, "a repeat is no error");
    assert_eq!(make("feature-a", Some(&first)).await.unwrap(), first);

    let moved = make("feature/b", Some(&first)).await.unwrap_err();
    assert!(matches!(&moved, VfsError::BranchExists { head, .. } if *head == second), "{moved:?}");
    for (name, holder) in [("feature/b/c", "feature/b"), ("feature", "feature/b"), ("main/x", "main")] {
        let conflict = make(name, None).await.unwrap_err();
        assert!(
            matches!(&conflict, VfsError::BranchExists { branch, .. } if branch.as_str() == holder),
            "{conflict:?}"
        );
        let conflict = fixture.vfs.commit(&project(), &branch(name), overlay(&[("a", "3")])).await.unwrap_err();
        assert!(
            matches!(&conflict, VfsError::BranchExists { branch, .. } if branch.as_str() == holder),
            "{conflict:?}"
        );
    }
    let list = |after: Option<&str>, limit| {
        let (vfs, after) = (fixture.vfs.clone(), after.map(branch));
        async move {
            let page = vfs.branches(&project(), after.as_ref(), limit).await.unwrap();
            page.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(None, 2).await, ["feature-a", "feature/b"]);
    assert_eq!(list(Some("feature/b"), 2).await, ["main"]);

    git(&fixture.repository(), &["branch", "--quiet", "--delete", "--force", "feature/b"]);
    std::fs::create_dir_all(fixture.repository().join("refs/heads/feature/empty/er")).unwrap();
    assert_eq!(make("feature", None).await.unwrap(), second, "empty folders are no branches");
    fsck(&fixture.repository());
}

#[tokio::test]
async fn symbolic_branch_is_followed_and_moved_where_it_points() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    git(&fixture.repository(), &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);

    let done = fixture.vfs.commit(&project(), &branch("alias"), overlay(&[("a", "2")])).await.unwrap();

    assert_eq!(fixture.head().await, Some(done.commit));
    assert_eq!(git(&fixture.repository(), &["symbolic-ref", "refs/heads/alias"]), "refs/heads/main");
}

#[tokio::test]
async fn lock_is_waited_for_and_a_dead_ones_is_removed() {
    let fixture = Fixture::new();
    fixture.write("a", "1").await;
    let lock = fixture.repository().join("refs/heads/main.lock");
    File::create_new(&lock).unwrap();
    let (p, m) = (project(), main());
    let mut waiting = Box::pin(fixture.vfs.commit(&p, &m, overlay(&[("a", "2")])));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    std::fs::remove_file(&lock).unwrap();
    soon("the commit", waiting).await.unwrap();

    let held = File::create_new(&lock).unwrap();
    held.set_modified(SystemTime::now() - Duration::from_secs(300)).unwrap();
    soon("the commit", fixture.write("a", "3")).await;
    assert!(!lock.exists());
    let objects = std::fs::read_dir(fixture.repository().join("objects")).unwrap();
    let left: Vec<_> = objects.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("tmp_")), "{left:?}");
}

#[tokio::test]
async fn half_made_repository_is_no_project() {
    let fixture = Fixture::new();
    let root = fixture.folder.path().join("vfs");
    let half = root.join(".new-abc");
    std::fs::create_dir_all(half.join("refs")).unwrap();
    File::open(&half).unwrap().set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
    std::fs::create_dir_all(root.join(".new-now")).unwrap();
    std::fs::create_dir_all(root.join("q.git")).unwrap();

    fixture.other_process();

    assert!(!half.exists() && root.join(".new-now").exists());
    assert_eq!(fixture.vfs.head(&"q".parse().unwrap(), &main()).await.unwrap(), None);
    fixture.vfs.commit(&"q".parse().unwrap(), &main(), overlay(&[("a", "1")])).await.unwrap();
    fsck(&root.join("q.git"));
}

#[tokio::test]
async fn first_commits_of_two_processes_make_one_repository() {
    for _ in 0..10 {
        let fixture = Fixture::new();
        let other = fixture.other_process();
        let (p, m) = (project(), main());
        let (mine, theirs) = tokio::join!(
            fixture.vfs.commit(&p, &m, overlay(&[("a", "1")])),
            other.commit(&p, &m, overlay(&[("b", "2")])),
        );
        mine.unwrap();
        theirs.unwrap();
        let head = fixture.head().await.unwrap();
        assert_eq!(fixture.files(&head).await, pairs(&[("a", "1"), ("b", "2")]));
    }
}

#[tokio::test]
async fn symbolic_links_are_named_and_submodules_left_out() {
    let fixture = Fixture::new();
    let first = fixture.write("a", "1").await;
    let clone = fixture.clone("clone");
    std::os::unix::fs::symlink("a", clone.join("link")).unwrap();
    git(&clone, &["update-index", "--add", "--cacheinfo", &format!("160000,{first},module")]);
    git(&clone, &["add", "link"]);
    git(&clone, &["commit", "--quiet", "--message", "link"]);
    git(&clone, &["push", "--quiet", "origin", "main"]);

    let head = fixture.head().await.unwrap();
    let tree = fixture.vfs.tree(&project(), &head).await.unwrap();
    let kinds: Vec<_> = tree.iter().map(|(path, entry)| (path.as_str(), entry.kind)).collect();
    assert_eq!(kinds, [("a", EntryKind::File), ("link", EntryKind::Symlink)]);
    let changed = fixture.vfs.diff(&project(), Some(first), &head).await.unwrap();
    assert_eq!(changed.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["link"]);

    let below = fixture.commit(overlay(&[("module/x", "1"), ("link/x", "1")])).await.unwrap_err();
    assert!(matches!(&below, VfsError::Invalid(violations) if violations.len() == 2), "{below:?}");
    let done = fixture.commit(overlay(&[("link", "a file now"), ("module", "too")])).await.unwrap();
    let expected = pairs(&[("a", "1"), ("link", "a file now"), ("module", "too")]);
    assert_eq!(fixture.files(&done.commit).await, expected);
    fsck(&fixture.repository());
}
