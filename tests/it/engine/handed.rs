//! Volumes that are handed from one container to another.

use previewd::engine::{ContainerState, VolumeMount, VolumePurpose};
use tokio::sync::oneshot;

use super::*;

impl Fixture {
    fn volume(&self, name: &str, target: &str, purpose: VolumePurpose) -> VolumeMount {
        VolumeMount { name: self.name(name), target: target.to_owned(), purpose }
    }

    async fn run_with(&self, name: &str, target: &str) -> String {
        self.run_with_all(name, vec![self.volume("handed", target, VolumePurpose::Write)]).await
    }

    async fn run_with_all(&self, name: &str, volumes: Vec<VolumeMount>) -> String {
        let spec = ContainerSpec { volumes, ..self.spec(name, "") };
        self.engine.run(spec).await.unwrap()
    }

    /// Waits until a container is there that has not been started.
    async fn is_made(&self, name: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.engine.container(&self.name(name)).await.unwrap();
            if let Some(container) = found {
                assert_eq!(container.state, ContainerState::Created);
                return;
            }
            assert!(Instant::now() < until, "there is no {name}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_volume_is_handed_on_and_goes_with_the_last_container_that_has_it() {
    let it = Fixture::new();
    let first = it.run_with("first", "/handover/app").await;
    assert_eq!(it.ask(&first, "stat -c %u:%g /handover/app; echo x > /handover/app/file").await, "1000:1000");
    let second = it.run_with("second", "/app").await;
    assert_eq!(it.left("volume"), [it.name("handed")]);

    it.engine.remove(&first).await.unwrap();
    assert_eq!(it.ask(&second, "cat /app/file").await, "x");
    it.engine.remove(&second).await.unwrap();
    assert!(it.left("volume").is_empty());
}

#[tokio::test]
async fn what_is_changed_in_a_volume_that_is_laid_over_another_is_kept_apart() {
    let it = Fixture::new();
    let below = [
        it.volume("lower", "/app", VolumePurpose::Write),
        it.volume("changes", "/handover/changes", VolumePurpose::Changes),
    ];
    let first = it.run_with_all("first", below.into()).await;
    it.ask(&first, "mkdir /app/folder; echo old > /app/folder/file; echo old > /app/gone").await;
    // What is installed decides nothing about where changes go on the engine's machine.
    let tampered = it.ask(&first, "mv /handover/changes/upper /handover/changes/x 2>/dev/null; ls /handover/changes");
    assert_eq!(tampered.await.split_whitespace().collect::<Vec<_>>(), ["upper", "work"]);

    let over = VolumePurpose::Over { lower: it.name("lower"), changes: it.name("changes") };
    let above = [
        it.volume("lower", "/handover/lower", VolumePurpose::Read),
        it.volume("changes", "/handover/changes", VolumePurpose::Read),
        it.volume("over", "/app", over),
    ];
    // Made before the last of it is there.
    let spec = ContainerSpec { volumes: above.into(), ..it.spec("second", "") };
    let (start, told) = oneshot::channel();
    let late = async {
        it.is_made("second").await;
        it.ask(&first, "echo late > /app/late").await;
        it.is_made("second").await;
        start.send(()).unwrap();
    };
    let second = tokio::join!(it.engine.run_when(spec, told), late).0.unwrap();
    let changed = it.ask(&second, "echo new > /app/folder/file; rm /app/gone; cat /app/folder/file; ls /app");
    assert_eq!(changed.await.split_whitespace().collect::<Vec<_>>(), ["new", "folder", "late"]);
    assert_eq!(it.ask(&second, "stat -c %u:%g /app").await, "1000:1000");
    assert_eq!(it.ask(&second, "echo x 2>/dev/null > /handover/lower/file || echo no").await, "no");
    assert_eq!(it.ask(&first, "cat /app/folder/file; cat /app/gone").await, "old\nold");

    // It goes on where the other is gone, and once it was started again.
    it.engine.remove(&first).await.unwrap();
    docker(&["kill", &second]);
    it.engine.restart(&second).await.unwrap();
    assert_eq!(it.ask(&second, "cat /app/folder/file; ls /app").await, "new\nfolder\nlate");
    it.engine.remove(&second).await.unwrap();
    assert!(it.left("volume").is_empty());
}

#[tokio::test]
async fn a_container_that_nobody_will_tell_to_start_goes_with_its_volumes() {
    let it = Fixture::new();
    let spec =
        || ContainerSpec { volumes: vec![it.volume("handed", "/app", VolumePurpose::Write)], ..it.spec("ahead", "") };
    let (start, told) = oneshot::channel();
    drop(start);
    assert!(it.engine.run_when(spec(), told).await.is_err());
    assert!(it.left("container").is_empty() && it.left("volume").is_empty());

    let (_start, told) = oneshot::channel();
    tokio::select! {
        _ = it.engine.run_when(spec(), told) => panic!("nobody has told it"),
        () = it.is_made("ahead") => {}
    }
    let until = Instant::now() + PATIENCE;
    while !(it.left("container").is_empty() && it.left("volume").is_empty()) {
        assert!(Instant::now() < until, "it stays: {:?}", it.left("container"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn volumes_of_containers_that_somebody_else_removed_are_swept() {
    let it = Fixture::new();
    let (gone, there) = (it.run_with("gone", "/app").await, it.run("there", "").await);
    it.engine.remove_unused_volumes().await.unwrap();
    assert_eq!(it.left("volume"), [it.name("handed")], "it is in use");

    docker(&["rm", "-f", &gone]);
    it.engine.remove(&gone).await.unwrap();
    it.engine.remove_unused_volumes().await.unwrap();
    assert!(it.left("volume").is_empty());
    assert_eq!(it.ask(&there, "ls /previewd").await, "agent", "the runtime's stays");
}

#[tokio::test]
async fn a_cache_outlives_its_containers_and_only_who_may_writes_to_it() {
    let it = Fixture::new();
    let cache = |writes| vec![it.volume("cache", "/handover/cache", VolumePurpose::Cache { writes })];
    let reader = it.run_with_all("reader", cache(false)).await;
    let writer = it.run_with_all("writer", cache(true)).await;
    let handed = it.run_with("handed", "/app").await;
    it.ask(&writer, "echo x > /handover/cache/file").await;
    assert_eq!(
        it.ask(&reader, "cat /handover/cache/file; rm /handover/cache/file 2>/dev/null || echo no").await,
        "x\nno"
    );

    for id in [reader, writer, handed] {
        it.engine.remove(&id).await.unwrap();
    }
    it.engine.remove_unused_volumes().await.unwrap();
    assert_eq!(it.left("volume"), [it.name("cache")]);
    let later = it.run_with_all("later", cache(false)).await;
    assert_eq!(it.ask(&later, "cat /handover/cache/file").await, "x");

    it.engine.remove_all().await.unwrap();
    assert!(it.left("volume").is_empty());
}
