//! Many who watch one preview.

use futures_util::future::join_all;
use previewd::preview::api::Goodbye;

use super::*;

/// How many watch.
const WATCHERS: usize = 300;

/// Returns what a watcher is told up to the end of a commit: which commits, and their stages.
async fn told_until(stream: &mut BoxStream<'static, WatchItem>, last: &CommitId) -> Vec<(CommitId, Option<Stage>)> {
    let mut told = Vec::new();
    loop {
        match stream.next().await.unwrap() {
            WatchItem::Committed(it) => told.push((it.what.commit.commit.clone(), None)),
            WatchItem::Stage(it, parent) => {
                assert!(parent.is_some());
                told.push((it.what.commit.clone(), Some(it.what.stage)));
                if it.what.commit == *last && it.what.stage == Stage::Ready {
                    return told;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_all_are_told_is_made_once() {
    let it = Service::new().await;
    let first = it.create(STATIC).await.head.unwrap();
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        watchers.push(it.watch().await);
    }
    let commit = it.commit(&[("index.html", "two")]).await;
    let mut told = Vec::new();
    for watcher in &mut watchers {
        loop {
            if let WatchItem::Committed(it) = in_time(watcher.next()).await.unwrap() {
                told.push(it);
                break;
            }
        }
    }
    assert!(told.iter().all(|it| Arc::ptr_eq(it, &told[0])), "each has one of its own");
    let what = &told[0].what;
    assert_eq!((&what.commit.commit, what.commit.parent.as_ref(), what.omitted), (&commit, Some(&first), 0));
    assert_eq!(what.changed.len(), 1);
    for watcher in &mut watchers {
        let stages = in_time(told_until(watcher, &commit)).await;
        assert!(stages.iter().all(|(of, stage)| of == &commit && stage.is_some()), "{stages:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_or_is_slow_hears_of_what_was_missed_in_its_order() {
    let it = Service::new().await;
    let mut commits = vec![it.create(STATIC).await.head.unwrap()];
    // What is kept for all is there for as long as somebody watches; this one reads nothing meanwhile.
    let mut slow = it.watch().await;
    // More commits than are kept for all, and more news than anybody may be behind.
    for number in 1..=100 {
        let commit = it.commit(&[("index.html", &format!("version {number}"))]).await;
        it.settles(&commit).await;
        commits.push(commit);
    }
    let last = commits.last().unwrap().clone();
    let told = in_time(told_until(&mut slow, &last)).await;
    let told: Vec<_> = told.into_iter().filter(|(_, stage)| stage.is_none()).map(|(commit, _)| commit).collect();
    assert_eq!(told, commits[1..], "the slow one");

    let from = [0, 0, 0, 20, 36, 37, 50, 98, 99];
    let streams = from.map(|at| it.manager.watch(target(), Some(commits[at].clone())));
    for (at, stream) in from.into_iter().zip(join_all(streams).await) {
        let mut stream = stream.unwrap();
        let told = in_time(told_until(&mut stream, &last)).await;
        let (ready, told) = told.split_last().unwrap();
        assert_eq!(*ready, (last.clone(), Some(Stage::Ready)));
        let missed: Vec<_> = commits[at + 1..].iter().map(|it| (it.clone(), None)).collect();
        assert_eq!(told, missed, "after commit {at}");
    }
    // One that is at the head, and one that never was in its history.
    let mut stream = it.manager.watch(target(), Some(last.clone())).await.unwrap();
    assert!(matches!(stream.next().await, Some(WatchItem::Hello(_))));
    let next = it.commit(&[("index.html", "next")]).await;
    let told = in_time(told_until(&mut stream, &next)).await;
    assert_eq!(told[0], (next.clone(), None));
    let unknown: CommitId = "0123456789012345678901234567890123456789".parse().unwrap();
    let mut stream = it.manager.watch(target(), Some(unknown)).await.unwrap();
    assert!(matches!(stream.next().await, Some(WatchItem::Hello(_))));
    assert!(matches!(stream.next().await, Some(WatchItem::Reset { head: Some(head), .. }) if head == next));
}

#[tokio::test(start_paused = true)]
async fn all_are_told_how_it_ends() {
    for stops in [true, false] {
        let it = Service::new().await;
        it.create(STATIC).await;
        let mut watchers = Vec::new();
        for _ in 0..WATCHERS {
            watchers.push(it.watch().await);
        }
        if stops {
            it.delete().await;
        } else {
            it.shutdown.cancel();
        }
        for watcher in &mut watchers {
            let last =
                in_time(watcher.filter(|item| std::future::ready(matches!(item, WatchItem::Goodbye(_)))).next()).await;
            let Some(WatchItem::Goodbye(goodbye)) = last else { panic!("it is not told") };
            assert_eq!(matches!(goodbye, Goodbye::ShuttingDown), !stops);
            assert!(watcher.next().await.is_none());
        }
        // Whoever comes then is told at once.
        let mut late = it.manager.watch(target(), None).await.unwrap();
        assert!(matches!(late.next().await, Some(WatchItem::Hello(_))));
        assert!(matches!(in_time(late.next()).await, Some(WatchItem::Goodbye(_))));
    }
}
