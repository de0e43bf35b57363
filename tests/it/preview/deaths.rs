//! Apps and containers that end by themselves.

use super::*;

impl Service {
    /// Returns the container that the preview has now.
    async fn container(&self) -> String {
        self.view().await.status.container.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_ends_at_any_call_of_a_commit_is_started_again_with_the_newest() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            it.create(files).await;
            let container = it.container().await;
            let (hold, commit) = it.commit_up_to(call, false, &[(file, "# newer")]).await;
            it.engine.kill_app(&container, 1);
            hold.release();
            let view = it.settles(&commit).await;
            if view.status.failure.is_some_and(|failure| failure.reason == Reason::Exited) {
                // It was the new code that ended before it had answered.
                assert_eq!(it.site(), Site::Failed(Reason::Exited));
                it.update(&[(file, "# after")]).await;
            }
            it.ends_on(&it.view().await.head.unwrap()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_at_any_call_of_a_commit_is_followed_by_one_that_answers() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            it.create(files).await;
            let container = it.container().await;
            let (hold, commit) = it.commit_up_to(call, false, &[(file, "# newer")]).await;
            it.engine.kill(&container, 137, false);
            hold.release();
            it.ends_on(&commit).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_somebody_freezes_is_said_to_be_and_is_woken() {
    for fault in [None, Some(Fault::Erred), Some(Fault::Away)] {
        let it = Service::new().await;
        let before = it.create(PYTHON).await;
        let container = it.container().await;
        if let Some(fault) = fault {
            it.engine.fail(Call::SetPaused, fault);
        }
        let mut hold = it.engine.hold(Call::SetPaused);
        it.engine.freeze(&container);
        hold.reached().await;
        // Nobody is to wait in it for an answer.
        assert_eq!((phase_of(&it.view().await.status), it.site()), (Phase::Paused, Site::Waits));
        hold.release();
        let view = it.until("it is woken", |view| phase_of(&view.status) == Phase::Running).await;
        assert_eq!(view.status.container, before.status.container, "the same container");
        it.ends_on(&view.head.unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_ends_at_any_call_of_its_replacement_is_replaced_all_the_same() {
    for call in CALLS {
        for whole in [false, true] {
            let it = Service::new().await;
            it.create(PYTHON).await;
            let container = it.container().await;
            let (hold, commit) = it.commit_up_to(call, false, &[("requirements.txt", "fastapi\nhttpx\n")]).await;
            if whole {
                it.engine.kill(&container, 137, false);
            } else {
                it.engine.kill_app(&container, 1);
            }
            hold.release();
            it.ends_on(&commit).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_goes_on_ending_is_a_crash_loop_until_a_commit_mends_it() {
    let it = Service::new().await;
    it.create(&[("main.py", "# fake: dies 1 after 10"), ("requirements.txt", "fastapi\n")]).await;
    let view = it.until("it is given up", |view| phase_of(&view.status) == Phase::Failed).await;
    assert_eq!(view.status.failure.unwrap().reason, Reason::CrashLoop);
    assert_eq!(it.site(), Site::Failed(Reason::CrashLoop));
    let mended = it.update(&[("main.py", "app = 1")]).await;
    it.shows(&mended.head.unwrap()).await;
    it.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_somebody_removed_is_made_anew() {
    let it = Service::new().await;
    let commit = it.create(PYTHON).await.head.unwrap();
    let container = it.container().await;
    it.engine.kill(&container, 137, false);
    it.engine.remove_unseen(&container);
    it.ends_on(&commit).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_to_the_agent_that_is_cut_ends_nothing() {
    let it = Service::new().await;
    let commit = it.create(PYTHON).await.head.unwrap();
    let container = it.container().await;
    for _ in 0..20 {
        it.engine.cut_streams(&container);
        tokio::time::sleep(Duration::from_secs(30)).await;
        it.answers_with(&commit);
    }
    assert_eq!(it.container().await, container);
    let newer = it.update(&[("main.py", "app = 2")]).await.head.unwrap();
    it.shows(&newer).await;
    assert_eq!(it.container().await, container);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_be_reached_is_replaced_once_a_request_shows_it() {
    let it = Service::new().await;
    let commit = it.create(PYTHON).await.head.unwrap();
    let container = it.container().await;
    it.engine.cut_off(Some(&container));
    it.doubt();
    it.ends_on(&commit).await;
    assert_ne!(it.container().await, container);
}

#[tokio::test(start_paused = true)]
async fn ready_is_not_said_of_an_app_that_cannot_be_reached() {
    let it = Service::new().await;
    it.create(PYTHON).await;
    let container = it.container().await;
    it.engine.cut_off(Some(&container));
    let commit = it.update(&[("main.py", "# newer")]).await.head.unwrap();
    it.ends_on(&commit).await;
    assert_ne!(it.container().await, container);

    it.engine.cut_off(None);
    it.engine.cut_off(Some(&it.container().await));
    let commit = it.commit(&[("main.py", "# newest")]).await;
    let view = it.settles(&commit).await;
    let failure = view.status.failure.unwrap();
    assert_eq!((failure.reason, view.status.applied == Some(commit)), (Reason::ContainerLost, false));
    assert!(failure.message.contains("cannot be reached"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_does_not_answer_any_more_is_said_not_to_until_it_does() {
    let it = Service::new().await;
    it.create(PYTHON).await;
    let container = it.container().await;
    // One that has not answered one request, and answers others, is well.
    it.doubt();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(it.view().await.status.failure, None);

    it.engine.hang(&container, true);
    it.doubt();
    let silent = it.until("it is said", |view| view.status.failure.is_some()).await;
    assert_eq!(silent.status.failure.as_ref().map(|failure| failure.reason), Some(Reason::NotAnswering));
    assert_eq!(phase_of(&silent.status), Phase::Running);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(it.view().await.status.failure.is_some());
    it.engine.hang(&container, false);
    let well = it.until("it is taken back", |view| view.status.failure.is_none()).await;
    assert_eq!((phase_of(&well.status), it.container().await), (Phase::Running, container));

    // Nothing that comes meanwhile waits for it.
    it.engine.hang(&it.container().await, true);
    it.doubt();
    let commit = it.commit(&[("main.py", "# newer")]).await;
    it.ends_on(&commit).await;
}
