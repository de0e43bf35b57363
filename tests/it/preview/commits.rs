//! Commits, and what comes between them.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_way_of_showing_changes_shows_the_newest_commit() {
    for (files, file) in PROJECTS {
        let it = Service::new().await;
        let first = it.create(files).await;
        it.shows(&first.head.unwrap()).await;
        for round in 0..3 {
            let commit = it.commit(&[(file, &format!("# {round}"))]).await;
            it.shows(&commit).await;
        }
        it.is_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_overtakes_another_at_any_call_is_what_answers() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            for after in [false, true] {
                let it = Service::new().await;
                it.create(files).await;
                let (hold, _) = it.commit_up_to(call, after, &[(file, "# older")]).await;
                let newer = it.commit(&[(file, "# newer")]).await;
                hold.release();
                it.shows(&newer).await;
                it.is_tidy().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_overtakes_new_dependencies_at_any_call_is_what_answers() {
    for call in CALLS {
        for (file, content) in [("requirements.txt", "fastapi\nhttpx\nrich\n"), ("main.py", "app = 2\n")] {
            let it = Service::new().await;
            it.create(PYTHON).await;
            let (hold, _) = it.commit_up_to(call, false, &[("requirements.txt", "fastapi\nhttpx\n")]).await;
            let newer = it.commit(&[(file, content)]).await;
            hold.release();
            it.shows(&newer).await;
            it.is_tidy().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_while_the_preview_is_made_is_what_answers() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            let (hold, _) = it.create_up_to(call, false, files).await;
            let files = [(file, "# newer")];
            let (view, ()) = tokio::join!(it.update(&files), async { hold.release() });
            it.shows(&view.head.unwrap()).await;
            it.is_tidy().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_ends_on_its_last_commit_and_tells_of_each_at_most_once() {
    for (files, file) in PROJECTS {
        let it = Service::new().await;
        it.create(files).await;
        let mut watch = it.watch().await;
        let mut last = None;
        for round in 0..50 {
            last = Some(it.commit(&[(file, &format!("# {round}"))]).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let last = last.unwrap();
        it.shows(&last).await;
        let told = stages(&mut watch).await;
        assert_eq!(told.last(), Some(&(last, Stage::Ready)));
        let mut once = told.clone();
        once.sort_by_key(|(commit, stage)| (commit.as_str().to_owned(), format!("{stage:?}")));
        once.dedup();
        assert_eq!(once.len(), told.len(), "told twice: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn code_that_does_not_start_is_failed_and_the_commit_that_mends_it_answers() {
    for broken in ["# fake: exits 3", "# fake: hangs", "# fake: answers 500"] {
        let it = Service::new().await;
        it.create(PYTHON).await;
        let view = it.update(&[("main.py", broken)]).await;
        let failure = view.status.failure.expect(broken);
        assert_eq!(failure.commit, view.head, "{broken}");
        let good = it.update(&[("main.py", "app = 1")]).await;
        it.shows(&good.head.unwrap()).await;
        it.is_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_development_server_goes_on_with_what_it_showed_while_the_code_is_broken() {
    let it = Service::new().await;
    let good = it.create(VITE).await.head.unwrap();
    let view = it.update(&[("src/main.jsx", "// fake: breaks")]).await;
    assert_eq!(phase_of(&view.status), Phase::Running);
    assert_eq!(view.status.failure.unwrap().reason, Reason::BuildFailed);
    assert_eq!(view.status.applied.as_ref(), Some(&good));
    it.answers_with(&good);
    let mended = it.update(&[("src/main.jsx", "// well")]).await;
    it.shows(&mended.head.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn new_dependencies_that_do_not_install_leave_what_answers() {
    let it = Service::new().await;
    let good = it.create(PYTHON).await.head.unwrap();
    let view = it.update(&[("requirements.txt", "fastapi\nnowhere  # fake: exits 1\n")]).await;
    assert_eq!(phase_of(&view.status), Phase::Running, "{:#?}", view.status);
    assert!(view.status.failure.is_some());
    it.answers_with(&good);
    let mended = it.update(&[("requirements.txt", "fastapi\nhttpx\n")]).await;
    it.shows(&mended.head.unwrap()).await;
    it.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_sources_asks_the_engine_nothing() {
    for (files, file) in PROJECTS {
        let it = Service::new().await;
        it.create(files).await;
        // What belongs to the start, such as its CPU, is done.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = it.engine.counts();
        let commit = it.update(&[(file, "# newer")]).await.head.unwrap();
        it.shows(&commit).await;
        let asked: Vec<_> = it.engine.counts().into_iter().filter(|(call, _)| !call.is_agents()).collect();
        let known: Vec<_> = before.into_iter().filter(|(call, _)| !call.is_agents()).collect();
        assert_eq!(asked, known, "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_installed_next_finds_its_container_there() {
    for there in [true, false] {
        let it = Service::new().await;
        it.create(PYTHON).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let next = it.engine.all().into_iter().find(|it| it.name.starts_with("previewd-next-")).expect("no container");
        if !there {
            it.engine.kill(&next.id, 137, false);
        }
        let before = it.engine.counts()[&Call::Run];
        let commit = it.update(&[("requirements.txt", "fastapi\nuvicorn\nhttpx\n")]).await.head.unwrap();
        it.shows(&commit).await;
        // The preview's, another for what is installed next, and where this one has died, one more to install in.
        assert_eq!(it.engine.counts()[&Call::Run] - before, if there { 2 } else { 3 });
        it.ends_on(&commit).await;
    }
}
