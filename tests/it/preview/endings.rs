//! The end of a preview, whatever is going on.

use super::*;

impl Service {
    /// Deletes the preview while a call is stopped, which goes on a moment later, and checks that nothing is left.
    async fn is_deleted_at(&self, call: Call, hold: Hold) {
        let (view, ()) = tokio::join!(self.delete(), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            hold.release();
        });
        assert_eq!(phase_of(&view.status), Phase::Stopped, "{call:?}");
        self.is_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_is_deleted_at_any_call_of_its_making_leaves_nothing() {
    for (files, _) in PROJECTS {
        for call in CALLS {
            for after in [false, true] {
                let it = Service::new().await;
                let (hold, _) = it.create_up_to(call, after, files).await;
                it.is_deleted_at(call, hold).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_is_deleted_at_any_call_of_a_commit_leaves_nothing() {
    for (files, file) in PROJECTS {
        for call in CALLS {
            let it = Service::new().await;
            it.create(files).await;
            let (hold, _) = it.commit_up_to(call, false, &[(file, "# newer")]).await;
            it.is_deleted_at(call, hold).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_is_deleted_at_any_call_of_its_replacement_leaves_nothing() {
    for call in CALLS {
        let it = Service::new().await;
        it.create(PYTHON).await;
        let (hold, _) = it.commit_up_to(call, false, &[("requirements.txt", "fastapi\nhttpx\n")]).await;
        it.is_deleted_at(call, hold).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_has_failed_is_deleted_like_any_other() {
    for broken in ["# fake: exits 3", "# fake: hangs", "# fake: answers 500", "# fake: dies 1 after 10"] {
        let it = Service::new().await;
        it.create(&[("main.py", broken), ("requirements.txt", "fastapi\n")]).await;
        assert_eq!(phase_of(&it.delete().await.status), Phase::Stopped, "{broken}");
        it.is_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_is_deleted_while_the_engine_is_away_goes_when_it_is_back() {
    let it = Service::new().await;
    it.create(PYTHON).await;
    it.engine.set_away(true);
    let view = it.delete().await;
    assert_eq!(phase_of(&view.status), Phase::Stopping);
    assert!(it.ports.0.lock().unwrap().is_empty(), "its port is free at once");
    it.engine.set_away(false);
    it.until("it has ended", |view| phase_of(&view.status) == Phase::Stopped).await;
    it.is_empty().await;
}

/// An app with data of its own.
const WITH_DATA: &[(&str, &str)] =
    &[PYTHON[0], PYTHON[1], ("previewd.toml", "data = [\"data\"]\n"), ("data/.keep", "")];

#[tokio::test(start_paused = true)]
async fn data_is_kept_whenever_a_preview_is_deleted() {
    let is_kept = |it: &Service| {
        let of_project = std::fs::read_dir(it.folder.path().join("app-data/p"));
        of_project.is_ok_and(|mut kept| kept.any(|it| it.unwrap().path().extension().is_some_and(|it| it == "tar")))
    };
    for call in CALLS {
        for after in [false, true] {
            let it = Service::new().await;
            it.create(WITH_DATA).await;
            assert!(!is_kept(&it));
            let (hold, _) = it.commit_up_to(call, after, &[("main.py", "# newer")]).await;
            it.is_deleted_at(call, hold).await;
            assert!(is_kept(&it), "{call:?}, after it: {after}");
        }
    }
    // What cannot be spoken with is started once more for it, or woken.
    for way in ["ended", "frozen"] {
        let it = Service::new().await;
        let container = it.create(WITH_DATA).await.status.container.unwrap();
        match way {
            "ended" => it.engine.kill(&container, 137, false),
            _ => it.engine.freeze(&container),
        }
        it.delete().await;
        assert!(is_kept(&it), "{way}");
        it.is_empty().await;
    }
}
