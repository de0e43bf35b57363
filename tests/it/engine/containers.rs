//! A container's life.

use previewd::engine::{ContainerState, EngineError, EngineEvent};

use super::*;

#[tokio::test]
async fn a_container_is_run_listed_and_removed() {
    let it = Fixture::new();
    let id = it.run("one", "").await;

    let listed = it.engine.containers().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, id);
    assert_eq!(listed[0].name, it.name("one"));
    assert_eq!(listed[0].state, ContainerState::Running);
    assert_eq!(listed[0].labels[LABEL_INSTANCE], it.instance);
    assert_eq!(listed[0].labels[LABEL_ROLE], "preview");
    assert!(!listed[0].labels.contains_key("previewd.stack"));
    assert_eq!(it.engine.container(&id).await.unwrap().as_ref(), Some(&listed[0]));
    assert_eq!(listed[0].image, it.engine.image(base_image()).await.unwrap().unwrap().id);

    it.engine.remove(&id).await.unwrap();
    it.engine.remove(&id).await.unwrap();
    assert_eq!(it.engine.container(&id).await.unwrap(), None);
    assert!(it.engine.containers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_container_says_how_it_ended_and_starts_again_with_its_files() {
    let it = Fixture::new();
    let id = it.run("again", "[ -e /app/once ] || { echo x >/app/once; exit 7; }").await;
    let ended = ContainerState::Exited { code: 7, out_of_memory: false };
    until("it has ended", || async { it.engine.container(&id).await.unwrap().unwrap().state == ended }).await;
    assert_eq!(it.engine.containers().await.unwrap()[0].state, ended);

    it.engine.restart(&id).await.unwrap();
    it.engine.restart(&id).await.unwrap();
    assert_eq!(it.ask(&id, "cat /app/once").await, "x");
    let err = it.engine.restart("no-such-container").await.unwrap_err();
    assert!(matches!(err, EngineError::NotFound { what: "container", .. }), "{err}");
}

#[tokio::test]
async fn running_out_of_memory_is_told() {
    let it = Fixture::new();
    let mut spec = it.spec("memory", "exec tail /dev/zero");
    spec.limits.memory_bytes = 32 * 1024 * 1024;
    let id = it.engine.run(spec).await.unwrap();
    let ended = ContainerState::Exited { code: 137, out_of_memory: true };
    until("it has ended", || async { it.engine.container(&id).await.unwrap().unwrap().state == ended }).await;
}

#[tokio::test]
async fn limits_change_while_the_container_runs() {
    let it = Fixture::new();
    let id = it.run("limits", "").await;
    assert_eq!(it.engine.limits(&id).await.unwrap(), Some(limits()));
    let more = Limits { memory_bytes: 128 * 1024 * 1024, cpus: 1.0, pids: 80 };
    for _ in 0..2 {
        it.engine.update(&id, more).await.unwrap();
        assert_eq!(it.engine.limits(&id).await.unwrap(), Some(more));
    }
    let host = &inspect("container", &id)["HostConfig"];
    assert_eq!((&host["Memory"], &host["MemorySwap"]), (&(128_i64 << 20).into(), &(128_i64 << 20).into()));
    let groups = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null";
    assert_eq!(it.ask(&id, groups).await, more.memory_bytes.to_string(), "the kernel's own");
    let state = it.engine.container(&id).await.unwrap().unwrap().state;
    assert_eq!(state, ContainerState::Running);
    it.engine.update(&id, limits()).await.unwrap();
    assert_eq!(it.engine.limits(&id).await.unwrap(), Some(limits()));

    it.engine.remove(&id).await.unwrap();
    assert_eq!(it.engine.limits(&id).await.unwrap(), None);
    let err = it.engine.update(&id, more).await.unwrap_err();
    assert!(matches!(err, EngineError::NotFound { what: "container", .. }), "{err}");
}

#[tokio::test]
async fn pausing_twice_is_fine_and_a_paused_container_is_removed() {
    let it = Fixture::new();
    let id = it.run("paused", "").await;
    for paused in [true, true, false, false, true] {
        it.engine.set_paused(&id, paused).await.unwrap();
        let state = if paused { ContainerState::Paused } else { ContainerState::Running };
        assert_eq!(it.engine.container(&id).await.unwrap().unwrap().state, state);
    }
    let err = it.engine.dial(&id).await.err().unwrap();
    assert!(matches!(err, EngineError::Conflict { .. }), "{err}");
    it.engine.remove(&id).await.unwrap();
    let err = it.engine.set_paused(&id, true).await.unwrap_err();
    assert!(matches!(err, EngineError::NotFound { .. }), "{err}");
}

#[tokio::test]
async fn a_name_is_changed_unless_it_is_taken() {
    let it = Fixture::new();
    let (a, _b) = (it.run("a", "").await, it.run("b", "").await);
    let err = it.engine.rename(&a, &it.name("b")).await.unwrap_err();
    assert!(matches!(&err, EngineError::Conflict { name, .. } if *name == it.name("b")), "{err}");
    it.engine.rename(&a, &it.name("c")).await.unwrap();
    assert_eq!(it.engine.container(&a).await.unwrap().unwrap().name, it.name("c"));
}

#[tokio::test]
async fn a_leftover_gives_way_and_a_running_container_does_not() {
    let it = Fixture::new();
    let first = it.run("same", "exit 1").await;
    until("it has ended", || async {
        it.engine.container(&first).await.unwrap().unwrap().state != ContainerState::Running
    })
    .await;
    let second = it.run("same", "").await;
    assert_ne!(first, second);

    let err = it.engine.run(it.spec("same", "")).await.unwrap_err();
    assert!(matches!(err, EngineError::Conflict { what: "container", .. }), "{err}");
    assert_eq!(it.engine.container(&second).await.unwrap().unwrap().state, ContainerState::Running);

    // Another instance's is never touched.
    let other = Fixture::new();
    let mut spec = other.spec("same", "");
    it.engine.remove(&second).await.unwrap();
    let ended = it.run("same", "exit 1").await;
    until("it has ended", || async {
        it.engine.container(&ended).await.unwrap().unwrap().state != ContainerState::Running
    })
    .await;
    spec.name = it.name("same");
    assert!(matches!(other.engine.run(spec).await.unwrap_err(), EngineError::Conflict { .. }));
    assert!(it.engine.container(&ended).await.unwrap().is_some());
}

#[tokio::test]
async fn a_death_is_told() {
    let it = Fixture::new();
    let mut events = it.engine.events();
    let token = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(std::sync::Arc::new(it.engine.clone()).run_events(token.clone()));
    assert_eq!(events.recv().await.unwrap(), EngineEvent::Connected);

    let id = it.run("dies", "sleep 0.1; exit 5").await;
    // Docker tells that it is off its network after the death (20.10) or before it (26).
    let cut_off = EngineEvent::CutOff { container: id.clone() };
    let mut event = cut_off.clone();
    while event == cut_off {
        event = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
    }
    assert_eq!(event, EngineEvent::Died { container: id });

    token.cancel();
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dial_carries_bytes_both_ways() {
    let it = Fixture::new();
    let id = it.run("dial", "").await;
    let mut io = it.engine.dial(&id).await.unwrap();
    io.write_all(b"echo\n").await.unwrap();
    let mut answer = [0; 5];
    for word in [b"hello", b"again"] {
        io.write_all(word).await.unwrap();
        io.flush().await.unwrap();
        tokio::time::timeout(PATIENCE, io.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, word);
    }

    // More than any buffer on the way, and all byte values.
    let sent: Vec<u8> = (0..8 * 1024 * 1024_usize).map(|it| (it % 251) as u8).collect();
    let (mut reader, mut writer) = tokio::io::split(io);
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&copy).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut seen = Vec::new();
    tokio::time::timeout(PATIENCE, reader.read_to_end(&mut seen)).await.unwrap().unwrap();
    writing.await.unwrap();
    assert!(seen == sent, "{} bytes of {} came back", seen.len(), sent.len());
}

#[tokio::test]
async fn the_command_behind_a_dropped_dial_ends() {
    let it = Fixture::new();
    let id = it.run("dropped", "").await;
    let mut io = it.engine.dial(&id).await.unwrap();
    io.write_all(b"echo\nx").await.unwrap();
    let mut answer = [0];
    tokio::time::timeout(PATIENCE, io.read_exact(&mut answer)).await.unwrap().unwrap();
    let cats = "for p in /proc/[0-9]*/comm; do cat $p 2>/dev/null; done | grep -cx cat";
    assert_eq!(it.ask(&id, cats).await.lines().last(), Some("1"));
    drop(io);
    until("the command has ended", || async { it.ask(&id, cats).await.lines().last() == Some("0") }).await;
}

#[tokio::test]
async fn a_dial_that_fails_says_so() {
    let it = Fixture::new();
    let id = it.run("fails", "").await;
    let mut io = it.engine.dial(&id).await.unwrap();
    io.write_all(b"fail\n").await.unwrap();
    let mut answer = Vec::new();
    let err = tokio::time::timeout(PATIENCE, io.read_to_end(&mut answer)).await.unwrap().unwrap_err();
    assert!(err.to_string().contains("status 3") && err.to_string().contains("last words"), "{err}");
    assert!(answer.is_empty());

    // A container that is not ours, without an agent.
    let label = format!("{LABEL_INSTANCE}={}", it.instance);
    let id = docker(&["run", "-d", "--label", &label, base_image(), "sleep", "60"]);
    let mut io = it.engine.dial(&id).await.unwrap();
    let err = tokio::time::timeout(PATIENCE, io.read_to_end(&mut answer)).await.unwrap().unwrap_err();
    assert!(err.to_string().contains("/previewd/agent"), "{err}");
    assert!(matches!(it.engine.dial("no-such").await.err().unwrap(), EngineError::NotFound { .. }));
}

#[tokio::test]
async fn everything_is_removed_but_what_others_have() {
    let (it, other) = (Fixture::new(), Fixture::new());
    for name in ["a", "b", "c"] {
        it.run(name, "").await;
    }
    let kept = other.run("kept", "").await;
    it.engine.remove_all().await.unwrap();
    it.engine.remove_all().await.unwrap();
    assert_eq!((it.left("container"), it.left("network")), (vec![], vec![]));
    assert_eq!(other.engine.container(&kept).await.unwrap().unwrap().state, ContainerState::Running);
    // And it goes on from there.
    it.run("d", "").await;
}
