//! How followers learn that a head has moved.

use std::time::Instant;

use previewd::vfs::HeadFollower;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

/// A feed that runs until it is dropped.
struct Running {
    task: JoinHandle<Result<(), VfsError>>,
    token: CancellationToken,
    _guard: DropGuard,
}

impl Running {
    fn start(fixture: &Fixture) -> Self {
        let token = CancellationToken::new();
        let task = tokio::spawn(fixture.vfs.clone().run_feed(token.clone()));
        Self { task, _guard: token.clone().drop_guard(), token }
    }
}

/// Waits until the head is what it should be, looking only when the follower says so.
async fn arrives(fixture: &Fixture, follower: &mut HeadFollower, name: &BranchName, wanted: Option<&CommitId>) {
    soon("the notice", async {
        loop {
            follower.changed().await;
            if fixture.vfs.head(&project(), name).await.unwrap().as_ref() == wanted {
                return;
            }
        }
    })
    .await;
}

/// Waits for the first hint, after which the watches are there.
async fn watched(fixture: &Fixture, name: &BranchName) -> HeadFollower {
    let mut follower = fixture.vfs.follow(&project(), name);
    soon("the watch", follower.changed()).await;
    follower
}

#[tokio::test]
async fn commit_through_this_process_is_announced_without_a_feed() {
    let fixture = Fixture::new();
    let mut follower = fixture.vfs.follow(&project(), &main());
    let mut other_branch = fixture.vfs.follow(&project(), &branch("other"));

    let first = fixture.write("a", "1").await;
    arrives(&fixture, &mut follower, &main(), Some(&first)).await;
    fixture.vfs.create_branch(&project(), &branch("other"), None).await.unwrap();
    arrives(&fixture, &mut other_branch, &branch("other"), Some(&first)).await;

    assert!(futures_util::poll!(Box::pin(follower.changed())).is_pending(), "one hint for one move");
}

#[tokio::test]
async fn push_from_a_clone_is_noticed_with_inotify() {
    let fixture = Fixture::new();
    let _running = Running::start(&fixture);
    fixture.write("a", "1").await;
    let clone = fixture.clone("clone");
    let mut follower = watched(&fixture, &main()).await;
    for n in 0..5 {
        let pushed = commit_in(&clone, "a", &format!("push {n}"));
        git(&clone, &["push", "--quiet", "origin", "main"]);
        arrives(&fixture, &mut follower, &main(), Some(&pushed)).await;
    }
}

#[tokio::test]
async fn ref_moved_by_another_process_is_noticed_within_milliseconds() {
    let fixture = Fixture::new();
    let _running = Running::start(&fixture);
    fixture.write("a", "1").await;
    let mut follower = watched(&fixture, &main()).await;
    let other = fixture.other_process();
    let mut times = Vec::new();
    for n in 0..20 {
        let text = n.to_string();
        let done = other.commit(&project(), &main(), overlay(&[("b", &text)])).await.unwrap();
        let start = Instant::now();
        arrives(&fixture, &mut follower, &main(), Some(&done.commit)).await;
        times.push(start.elapsed());
    }
    times.sort();
    println!("noticed by inotify: p50 {:?}, max {:?}", times[10], times[19]);
}

#[tokio::test]
async fn push_from_a_clone_is_noticed_by_the_poll_alone() {
    let fixture = Fixture::with(Duration::from_millis(50), false);
    let _running = Running::start(&fixture);
    fixture.write("a", "1").await;
    let clone = fixture.clone("clone");
    let mut follower = fixture.vfs.follow(&project(), &main());

    let pushed = commit_in(&clone, "a", "2");
    git(&clone, &["push", "--quiet", "origin", "main"]);
    arrives(&fixture, &mut follower, &main(), Some(&pushed)).await;

    git(&fixture.repository(), &["update-ref", "-d", "refs/heads/main"]);
    arrives(&fixture, &mut follower, &main(), None).await;
}

#[tokio::test]
async fn new_projects_and_nested_branches_are_noticed() {
    let fixture = Fixture::new();
    let _running = Running::start(&fixture);
    let nested = branch("team/feature/x");
    let mut on_main = watched(&fixture, &main()).await;
    let mut on_nested = watched(&fixture, &nested).await;

    let other = fixture.other_process();
    let first = other.commit(&project(), &main(), overlay(&[("a", "1")])).await.unwrap().commit;
    arrives(&fixture, &mut on_main, &main(), Some(&first)).await;

    let clone = fixture.clone("clone");
    git(&clone, &["push", "--quiet", "origin", "HEAD:team/feature/x"]);
    arrives(&fixture, &mut on_nested, &nested, Some(&first)).await;
    let second = commit_in(&clone, "a", "2");
    git(&clone, &["push", "--quiet", "origin", "HEAD:team/feature/x"]);
    arrives(&fixture, &mut on_nested, &nested, Some(&second)).await;

    git(&clone, &["push", "--quiet", "origin", "--delete", "team/feature/x"]);
    arrives(&fixture, &mut on_nested, &nested, None).await;
    git(&clone, &["push", "--quiet", "origin", "HEAD:team/feature/x"]);
    arrives(&fixture, &mut on_nested, &nested, Some(&second)).await;
}

#[tokio::test]
async fn moves_of_packed_refs_are_noticed() {
    let fixture = Fixture::new();
    let _running = Running::start(&fixture);
    let first = fixture.write("a", "1").await;
    fixture.write("a", "2").await;
    let mut follower = watched(&fixture, &main()).await;

    git(&fixture.repository(), &["gc", "--quiet"]);
    git(&fixture.repository(), &["update-ref", "refs/heads/main", first.as_str()]);
    arrives(&fixture, &mut follower, &main(), Some(&first)).await;
    git(&fixture.repository(), &["pack-refs", "--all"]);
    git(&fixture.repository(), &["update-ref", "-d", "refs/heads/main"]);
    arrives(&fixture, &mut follower, &main(), None).await;
}

#[tokio::test]
async fn repository_that_is_removed_and_made_again_is_noticed() {
    let fixture = Fixture::new();
    let _running = Running::start(&fixture);
    fixture.write("a", "1").await;
    let mut follower = watched(&fixture, &main()).await;

    std::fs::remove_dir_all(fixture.repository()).unwrap();
    arrives(&fixture, &mut follower, &main(), None).await;
    let other = fixture.other_process();
    for content in ["1", "2", "3"] {
        let done = other.commit(&project(), &main(), overlay(&[("b", content)])).await.unwrap();
        arrives(&fixture, &mut follower, &main(), Some(&done.commit)).await;
    }
}

#[tokio::test]
async fn feed_ends_when_it_is_told_and_can_be_run_again() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        let running = Running::start(&fixture);
        watched(&fixture, &main()).await;
        running.token.cancel();
        soon("the end", running.task).await.unwrap().unwrap();
    }
}
