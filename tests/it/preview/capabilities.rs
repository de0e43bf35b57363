//! Engines that cannot do what Docker does.

use previewd::{domain::failure::FailureStage, engine::Capabilities};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_container_whose_bounds_are_fixed_is_made_with_those_it_keeps() {
    let it = Service::new().await;
    it.engine.set_capabilities(Capabilities { resize: false, ..Capabilities::default() });
    it.create(PYTHON).await;
    let container = it.view().await.status.container.unwrap();
    it.engine.kill(&container, 137, true);
    let head = it.view().await.head.unwrap();
    it.ends_on(&head).await;
    assert_eq!(it.engine.counts().get(&Call::Update), None, "nothing is lifted, put down or given");
}

#[tokio::test(start_paused = true)]
async fn a_project_with_a_dockerfile_is_told_where_nothing_is_built() {
    let it = Service::new().await;
    it.engine.set_capabilities(Capabilities { build: false, ..Capabilities::default() });
    let view = it.create(&[("Dockerfile", "FROM scratch\n")]).await;
    let failure = view.status.failure.unwrap();
    assert_eq!((failure.stage, failure.reason), (FailureStage::Build, Reason::EngineRefused));
    assert_eq!(it.engine.counts().get(&Call::Build), None);
    // The project may be run in another way.
    let next = it.update(&[("previewd.toml", "stack = \"static\"\n"), ("index.html", "one")]).await;
    it.shows(&next.head.unwrap()).await;
}
