//! What a new life of the service makes of what the one before has left.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_restart_leaves_everything_as_it_was() {
    for (files, file) in PROJECTS {
        let it = Service::new().await;
        it.create(files).await;
        let before = it.update(&[(file, "# newer")]).await;
        let it = it.restarted().await;
        let after = it.view().await;
        let same = |view: &PreviewView| {
            (view.spec.id.clone(), view.url.clone(), view.status.container.clone(), view.status.applied.clone())
        };
        assert_eq!(same(&after), same(&before));
        assert_eq!(after.status.phase, Phase::Running);
        it.answers_with(&before.head.unwrap());
        let next = it.update(&[(file, "# after")]).await;
        assert_eq!(next.status.container, before.status.container);
        it.shows(&next.head.unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_killed_at_any_call_of_a_making_goes_on_with_it() {
    for (files, _) in PROJECTS {
        for call in CALLS {
            for after in [false, true] {
                let it = Service::new().await;
                let mut hold = if after { it.engine.hold_after(call) } else { it.engine.hold(call) };
                let before = it.begin_create(files).await;
                let commit = before.head.clone().unwrap();
                tokio::select! {
                    () = hold.reached() => {}
                    _ = it.settles(&commit) => {}
                }
                let it = it.killed().await;
                it.shows_in_the_end(&commit).await;
                let view = it.view().await;
                assert_eq!((view.spec.id, view.url), (before.spec.id, before.url), "{call:?}");
                it.is_tidy().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_killed_at_any_call_of_a_commit_goes_on_with_it() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            for after in [false, true] {
                let it = Service::new().await;
                it.create(files).await;
                let (_hold, commit) = it.commit_up_to(call, after, &[(file, "# newer")]).await;
                let it = it.killed().await;
                it.ends_on(&commit).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_killed_at_any_call_of_a_replacement_goes_on_with_it() {
    for call in CALLS {
        for after in [false, true] {
            let it = Service::new().await;
            it.create(PYTHON).await;
            let (_hold, commit) = it.commit_up_to(call, after, &[("requirements.txt", "fastapi\nhttpx\n")]).await;
            let it = it.killed().await;
            it.ends_on(&commit).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_killed_at_any_call_of_an_end_goes_on_with_it() {
    for call in CALLS {
        for after in [false, true] {
            let it = Service::new().await;
            it.create(PYTHON).await;
            let mut hold = if after { it.engine.hold_after(call) } else { it.engine.hold(call) };
            tokio::select! {
                () = hold.reached() => {}
                _ = it.delete() => {}
            }
            let it = it.killed().await;
            it.is_empty().await;
            assert_eq!(
                it.manager.list(ListFilter { page_size: 10, ..ListFilter::default() }).await.unwrap().previews.len(),
                0
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_came_while_no_service_ran_is_brought_at_the_start() {
    let it = Service::new().await;
    it.create(PYTHON).await;
    let (folder, engine) = it.dead().await;
    let vfs = Vfs::open(VfsOptions { root: folder.path().join("vfs"), poll_interval: NEVER, inotify: false }).unwrap();
    let change = Change {
        scope: Scope::Overlay,
        writes: writes(&[("main.py", "app = 2")]),
        deletes: Vec::new(),
        message: None,
        expected_head: None,
    };
    let commit = vfs.commit(&project(), &main(), change).await.unwrap().commit;
    let it = Service::begin(folder, engine).await;
    it.shows(&commit).await;
    it.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_engine_takes_over_when_it_is_there() {
    let it = Service::new().await;
    let before = it.create(PYTHON).await;
    let (folder, engine) = it.dead().await;
    engine.set_away(true);
    let it = Service::begin(folder, engine).await;
    assert_eq!(it.site(), Site::Failed(Reason::EngineUnavailable));
    tokio::time::sleep(Duration::from_secs(60)).await;
    it.engine.set_away(false);
    it.shows_in_the_end(&before.head.unwrap()).await;
    assert_eq!(it.view().await.status.container, before.status.container);
    it.is_tidy().await;
}
