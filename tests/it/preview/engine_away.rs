//! An engine that is away, late, or out of order.

use previewd::engine::fake::Fault;

use super::*;

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_at_any_call_of_a_making_and_comes_back_loses_nothing() {
    for (files, _) in PROJECTS {
        for call in CALLS {
            for seconds in [0, 1, 20] {
                let it = Service::new().await;
                let (hold, commit) = it.create_up_to(call, false, files).await;
                it.engine.set_away(true);
                hold.release();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                it.engine.set_away(false);
                it.ends_on(&commit).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_at_any_call_of_a_commit_and_comes_back_loses_nothing() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            for (seconds, cut) in [(0, false), (1, true), (20, true)] {
                let it = Service::new().await;
                it.create(files).await;
                let (hold, commit) = it.commit_up_to(call, false, &[(file, "# newer")]).await;
                it.engine.set_away(true);
                if cut {
                    it.engine.all().iter().for_each(|container| it.engine.cut_streams(&container.id));
                }
                hold.release();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                it.engine.set_away(false);
                it.ends_on(&commit).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_at_any_call_of_a_replacement_and_comes_back_loses_nothing() {
    for call in CALLS {
        for seconds in [0, 1, 20] {
            let it = Service::new().await;
            let first = it.create(PYTHON).await.head.unwrap();
            let (hold, commit) = it.commit_up_to(call, false, &[("requirements.txt", "fastapi\nhttpx\n")]).await;
            it.engine.set_away(true);
            hold.release();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            if it.view().await.status.applied.as_ref() == Some(&first) {
                it.answers_with(&first);
            }
            it.engine.set_away(false);
            it.ends_on(&commit).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_errs_once_at_any_call_of_a_making_keeps_nothing_from_it() {
    for (files, _) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            it.engine.fail(call, Fault::Erred);
            let commit = it.begin_create(files).await.head.unwrap();
            it.ends_on(&commit).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_errs_for_a_while_takes_nothing_away_that_serves() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            let first = it.create(files).await;
            for _ in 0..40 {
                it.engine.fail(call, Fault::Erred);
            }
            // As where a stream breaks with it.
            it.engine.cut_streams(first.status.container.as_ref().unwrap());
            let commit = it.commit(&[(file, "# newer")]).await;
            tokio::time::sleep(Duration::from_secs(20)).await;
            it.engine.heal();
            it.shows_in_the_end(&commit).await;
            if !call.is_agents() {
                assert_eq!(it.view().await.status.container, first.status.container, "{file} {call:?}");
            }
            it.is_tidy().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_with_an_engine_that_errs_takes_everything_over_once_it_does_not() {
    for call in CALLS.into_iter().filter(|call| !call.is_agents()) {
        let it = Service::new().await;
        let before = it.create(PYTHON).await;
        let (folder, engine) = it.dead().await;
        for _ in 0..20 {
            engine.fail(call, Fault::Erred);
        }
        let it = Service::begin(folder, engine).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        it.engine.heal();
        it.shows_in_the_end(&before.head.unwrap()).await;
        assert_eq!(it.view().await.status.container, before.status.container, "{call:?}");
        it.is_tidy().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_late_is_waited_for() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            it.create(files).await;
            it.engine.fail(call, Fault::Late(Duration::from_secs(5)));
            let commit = it.update(&[(file, "# newer")]).await.head.unwrap();
            it.ends_on(&commit).await;
        }
    }
}
