//! The runtime volume.

use super::*;

fn unique() -> RuntimeFile {
    let content = uuid::Uuid::new_v4().to_string();
    RuntimeFile { path: "deep/down/file".into(), content: content.into(), executable: false }
}

/// An engine whose volume is its own, and goes with it.
struct OwnVolume {
    it: Fixture,
    content: String,
}

impl OwnVolume {
    fn new() -> Self {
        let file = unique();
        let content = String::from_utf8(file.content.to_vec()).unwrap();
        Self { it: Fixture::with(|options| options.runtime_files.push(file)), content }
    }

    /// Returns the volume's name and the content of its file, as a container sees it.
    async fn seen(&self, name: &str) -> (String, String) {
        let id = self.it.run(name, "").await;
        let volume = inspect("container", &id)["Mounts"][0]["Name"].as_str().unwrap().to_owned();
        // While the container is there, no other test's engine removes it.
        assert_eq!(inspect("volume", &volume)["Labels"][LABEL_ROLE], "runtime");
        let content = self.it.ask(&id, "cat /previewd/deep/down/file").await;
        self.it.engine.remove(&id).await.unwrap();
        (volume, content)
    }
}

#[tokio::test]
async fn the_volume_and_the_network_come_back_when_somebody_removed_them() {
    let own = OwnVolume::new();
    let (volume, content) = own.seen("first").await;
    assert_eq!(content, own.content);
    docker_fails(&["volume", "rm", &volume]);
    docker(&["network", "rm", &own.it.instance]);
    assert_eq!(own.seen("second").await, (volume.clone(), own.content.clone()));

    own.it.engine.remove_all().await.unwrap();
    assert!(docker_fails(&["volume", "inspect", &volume]));
}

#[tokio::test]
async fn a_volume_that_is_not_whole_is_filled_again() {
    let own = OwnVolume::new();
    let (volume, _) = own.seen("first").await;
    // While a container has it, no other test's engine removes it.
    own.it.run("holder", "").await;
    let mount = format!("{volume}:/v");
    for damage in ["rm /v/agent", "chmod u+w /v/deep/down/file; : >/v/deep/down/file", "rm -r /v/deep"] {
        docker(&["run", "--rm", "-v", &mount, "--user", "0", base_image(), "sh", "-c", damage]);
        // Another process, which has not seen it yet.
        let mut options = options(&own.it.instance);
        options.runtime_files.push(RuntimeFile {
            path: "deep/down/file".into(),
            content: own.content.clone().into(),
            executable: false,
        });
        DockerEngine::connect(options).unwrap().prepare().await.unwrap();
        assert_eq!(own.seen("again").await, (volume.clone(), own.content.clone()), "{damage}");
    }
    own.it.engine.remove_all().await.unwrap();
}

#[tokio::test]
async fn an_empty_volume_of_that_name_is_replaced() {
    let own = OwnVolume::new();
    let (volume, _) = own.seen("first").await;
    docker_fails(&["volume", "rm", &volume]);
    docker(&["volume", "create", &volume]);
    assert_eq!(own.seen("second").await, (volume.clone(), own.content.clone()));
    own.it.engine.remove_all().await.unwrap();
}

#[tokio::test]
async fn a_lock_that_a_crash_left_is_taken_over() {
    let own = OwnVolume::new();
    let (volume, _) = own.seen("first").await;
    docker_fails(&["volume", "rm", &volume]);
    let label = format!("{LABEL_INSTANCE}={}", own.it.instance);
    docker(&["create", "--name", &format!("{volume}-fill"), "--label", &label, base_image()]);
    assert_eq!(own.seen("second").await.1, own.content);
    own.it.engine.remove_all().await.unwrap();
}

#[tokio::test]
async fn the_volume_of_another_version_goes_unless_it_is_used() {
    let (used, unused) = (OwnVolume::new(), OwnVolume::new());
    let (kept, gone) = (used.seen("volume").await.0, unused.seen("volume").await.0);
    let id = used.it.run("user", "").await;

    let newer = Fixture::new();
    newer.engine.prepare().await.unwrap();
    assert!(docker_fails(&["volume", "inspect", &gone]));
    assert_eq!(inspect("volume", &kept)["Name"], kept.as_str());
    used.it.engine.remove(&id).await.unwrap();
    used.it.engine.remove_all().await.unwrap();
}

#[tokio::test]
async fn filling_leaves_no_container_and_no_image() {
    let own = OwnVolume::new();
    own.it.engine.prepare().await.unwrap();
    assert_eq!(own.it.left("container"), Vec::<String>::new());
    assert_eq!(own.it.left("image"), Vec::<String>::new());
    own.it.engine.remove_all().await.unwrap();
}
