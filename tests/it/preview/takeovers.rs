//! What a new life of the service makes of what the one before has left.

use previewd::engine::{ContainerSpec, Containers, LABEL_KEPT};

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
        assert_eq!(phase_of(&after.status), Phase::Running);
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
            // Not before the end is written down: what is asked for and was not answered may be lost.
            let asked = it.manager.delete(target()).await.unwrap();
            let mut hold = it.hold(call, after);
            tokio::select! {
                () = hold.reached() => {}
                _ = in_time(it.manager.outcome(asked)) => {}
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

#[tokio::test(start_paused = true)]
async fn a_container_is_known_by_its_claim_and_not_by_its_name() {
    let it = Service::new().await;
    let before = it.create(PYTHON).await;
    let own = before.status.container.clone().unwrap();
    let (folder, engine) = it.dead().await;
    engine.rename(&own, "of-somebody-else").await.unwrap();
    // One that has the preview's name, and belongs to nobody.
    let stranger = engine.run(unclaimed(&format!("preview-{}", before.spec.id), &[])).await.unwrap();
    let it = Service::begin(folder, engine).await;
    let after = it.view().await;
    assert_eq!(after.status.container, Some(own));
    it.shows(&before.head.unwrap()).await;
    it.is_tidy().await;
    assert!(it.engine.all().iter().all(|it| it.id != stranger));
}

#[tokio::test(start_paused = true)]
async fn of_containers_that_nobody_claims_those_stay_that_are_kept_for_a_claim() {
    for away in [false, true] {
        let it = Service::new().await;
        let (folder, engine) = it.dead().await;
        engine.run(unclaimed("nobodys", &[])).await.unwrap();
        let kept = engine.run(unclaimed("kept", &[LABEL_KEPT])).await.unwrap();
        engine.set_away(away);
        let it = Service::begin(folder, engine).await;
        it.engine.set_away(false);
        it.tidies(1..=1).await;
        assert_eq!(it.engine.all()[0].id, kept);
    }
}

/// Returns what a container of an earlier life is made from, which no spec names.
fn unclaimed(name: &str, labels: &[&str]) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: "python".to_owned(),
        labels: labels.iter().map(|label| ((*label).to_owned(), "1".to_owned())).collect(),
        environment: BTreeMap::new(),
        limits: settings().install_limits,
        make_folders: false,
        volumes: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_frozen_while_no_service_ran_is_woken_and_taken_over() {
    let it = Service::new().await;
    let before = it.create(PYTHON).await;
    let own = before.status.container.clone().unwrap();
    let (folder, engine) = it.dead().await;
    engine.freeze(&own);
    let it = Service::begin(folder, engine).await;
    it.shows_in_the_end(&before.head.unwrap()).await;
    assert_eq!(it.view().await.status.container, Some(own));
    it.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_cannot_be_read_does_not_cost_its_preview_the_container() {
    let it = Service::new().await;
    let before = it.create(PYTHON).await;
    let (folder, engine) = it.dead().await;
    let spec = folder.path().join(format!("previews/{}.json", before.spec.id));
    let content = std::fs::read(&spec).unwrap();
    std::fs::write(&spec, r#"{"of": "a newer service"}"#).unwrap();
    // The engine comes later, and then is there at the start.
    engine.set_away(true);
    let it = Service::begin(folder, engine).await;
    it.engine.set_away(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(it.site(), Site::Gone);
    let (folder, engine) = it.dead().await;
    let it = Service::begin(folder, engine).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (folder, engine) = it.dead().await;
    std::fs::write(&spec, content).unwrap();
    let it = Service::begin(folder, engine).await;
    it.shows_in_the_end(&before.head.unwrap()).await;
    assert_eq!(it.view().await.status.container, before.status.container);
    it.is_tidy().await;
}
