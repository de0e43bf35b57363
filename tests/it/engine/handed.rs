//! Volumes that are handed from one container to another.

use previewd::engine::VolumeMount;

use super::*;

impl Fixture {
    async fn run_with(&self, name: &str, target: &str) -> String {
        let mut spec = self.spec(name, "");
        spec.volumes = vec![VolumeMount { name: self.name("handed"), target: target.to_owned() }];
        self.engine.run(spec).await.unwrap()
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
