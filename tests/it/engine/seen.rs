//! What the engine remembers of the daemon for as long as it hears its events.

use previewd::engine::EngineEvent;

use super::*;

#[tokio::test]
async fn what_was_seen_is_looked_at_again_once_somebody_changes_it() {
    let it = Fixture::new();
    let mut events = it.engine.events();
    let token = tokio_util::sync::CancellationToken::new();
    let following = tokio::spawn(std::sync::Arc::new(it.engine.clone()).run_events(token.clone()));
    assert_eq!(events.recv().await.unwrap(), EngineEvent::Connected);

    // An image that gets another content under its name, and loses it.
    let id = it.run("first", "").await;
    let reference = format!("{}:named", it.instance);
    let label = format!("LABEL {LABEL_INSTANCE}={}", it.instance);
    let named = || async { it.engine.image(&reference).await.unwrap().map(|image| image.id) };
    let commit = |change: &str| docker(&["commit", "-c", &label, "-c", change, &id, &reference]);
    let one = commit("ENV CONTENT=one");
    assert_eq!(named().await.as_ref(), Some(&one));
    let two = commit("ENV CONTENT=two");
    assert_ne!(one, two);
    until("the name is that of the other", || async { named().await.as_ref() == Some(&two) }).await;
    docker(&["rmi", "-f", &one, &two]);
    until("the name is nobody's", || async { named().await.is_none() }).await;

    // A network that somebody removes.
    it.engine.remove(&id).await.unwrap();
    docker(&["network", "rm", &it.instance]);
    let id = it.run("second", "").await;
    assert_eq!(inspect("container", &id)["State"]["Running"], true);
    assert!(it.engine.upstream(&id, 80).await.is_ok());

    token.cancel();
    tokio::time::timeout(PATIENCE, following).await.unwrap().unwrap();
}
