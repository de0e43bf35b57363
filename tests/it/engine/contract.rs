//! What every engine does alike: the daemon's, and the one in memory that the core is tested with.

use std::sync::Arc;

use previewd::{
    agent::{AgentClient, AgentEvent, ReadyOutcome, ReadyRequest, StartSpec, SyncFile, SyncPlan},
    domain::{ports::ExpectedPort, runtime::APP_ROOT, tree::EntryKind},
    engine::{ContainerState, EngineError, EngineEvent, SharedEngine, fake::FakeEngine},
    stack,
};
use tokio::sync::{broadcast, oneshot};
use tokio_stream::StreamExt;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

/// An engine, and what the contract has no word for.
struct Contract {
    engine: SharedEngine,
    kill: Box<dyn Fn(&str) + Send + Sync>,
    prefix: String,
    image: String,
    events: broadcast::Receiver<EngineEvent>,
    _keep: (Option<Fixture>, Option<DropGuard>),
}

impl Contract {
    fn docker() -> Self {
        let fixture = Fixture::with(|options| options.runtime_files = stack::runtime_files(None));
        let engine = Arc::new(fixture.engine.clone());
        let (events, token) = (engine.events(), CancellationToken::new());
        tokio::spawn(engine.clone().run_events(token.clone()));
        Self {
            engine,
            kill: Box::new(|id| _ = docker(&["kill", id])),
            prefix: fixture.instance.clone(),
            image: base_image().to_owned(),
            events,
            _keep: (Some(fixture), Some(token.drop_guard())),
        }
    }

    fn fake() -> Self {
        let engine = FakeEngine::new(&["base"]);
        let (killer, events) = (engine.clone(), engine.events());
        Self {
            engine: Arc::new(engine),
            kill: Box::new(move |id| killer.kill(id, 137, false)),
            prefix: "fake".to_owned(),
            image: "base".to_owned(),
            events,
            _keep: (None, None),
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn spec(&self, name: &str) -> ContainerSpec {
        ContainerSpec {
            name: self.name(name),
            image: self.image.clone(),
            labels: BTreeMap::from([(LABEL_ROLE.to_owned(), "preview".to_owned())]),
            environment: BTreeMap::new(),
            limits: limits(),
            make_folders: true,
            volumes: Vec::new(),
        }
    }

    async fn run(&self, name: &str) -> String {
        self.engine.run(self.spec(name)).await.unwrap()
    }

    async fn state(&self, id: &str) -> ContainerState {
        self.engine.container(id).await.unwrap().unwrap().state
    }

    async fn agent(&self, id: &str) -> AgentClient {
        AgentClient::connect(self.engine.dial(id).await.unwrap()).await.unwrap()
    }
}

/// Makes a test of each engine out of what is true of all.
macro_rules! contract {
    ($($name:ident)*) => {
        mod docker_keeps {
            $(#[tokio::test] async fn $name() { super::$name(super::Contract::docker()).await; })*
        }
        mod memory_keeps {
            $(#[tokio::test] async fn $name() { super::$name(super::Contract::fake()).await; })*
        }
    };
}

contract! {
    a_container_is_run_listed_and_removed
    a_name_is_had_by_one_that_has_not_ended
    a_name_is_changed_unless_it_is_taken
    limits_change_while_a_container_runs
    freezing_is_repeatable_and_keeps_the_agent_from_being_reached
    a_container_that_has_ended_starts_again_with_another_life_of_its_agent
    a_death_is_told
    a_freeze_is_told_apart_from_a_death
    a_container_that_waits_to_be_told_is_made_and_not_started
    an_image_of_a_container_is_named_labelled_and_kept_while_it_is_used
    what_is_not_there_is_said_to_be_absent
    an_agent_keeps_files_runs_a_process_and_tells_of_it
}

async fn a_container_is_run_listed_and_removed(it: Contract) {
    let (first, second) = (it.run("one").await, it.run("two").await);
    let listed = it.engine.containers().await.unwrap();
    assert_eq!(listed.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), [second.clone(), first.clone()]);
    assert_eq!(listed[1].name, it.name("one"));
    assert_eq!(listed[1].state, ContainerState::Running);
    assert_eq!(listed[1].labels[LABEL_ROLE], "preview");
    assert!(listed[1].labels.contains_key(LABEL_INSTANCE));
    assert_eq!(listed[1].image, it.engine.image(&it.image).await.unwrap().unwrap().id);
    assert_eq!(it.engine.container(&first).await.unwrap().as_ref(), Some(&listed[1]));
    it.engine.remove(&first).await.unwrap();
    it.engine.remove(&first).await.unwrap();
    assert_eq!(it.engine.container(&first).await.unwrap(), None);
    assert_eq!(it.engine.containers().await.unwrap().len(), 1);
}

async fn a_name_is_had_by_one_that_has_not_ended(it: Contract) {
    let first = it.run("same").await;
    let error = it.engine.run(it.spec("same")).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict { .. }), "{error}");
    assert_eq!(it.state(&first).await, ContainerState::Running);
    (it.kill)(&first);
    until("it has ended", || async { it.state(&first).await != ContainerState::Running }).await;
    let second = it.run("same").await;
    assert_ne!(second, first);
    assert_eq!(it.engine.container(&first).await.unwrap(), None);
}

async fn a_name_is_changed_unless_it_is_taken(it: Contract) {
    let (a, _b) = (it.run("a").await, it.run("b").await);
    let error = it.engine.rename(&a, &it.name("b")).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict { .. }), "{error}");
    it.engine.rename(&a, &it.name("c")).await.unwrap();
    assert_eq!(it.engine.container(&a).await.unwrap().unwrap().name, it.name("c"));
}

async fn limits_change_while_a_container_runs(it: Contract) {
    let id = it.run("limits").await;
    assert_eq!(it.engine.limits(&id).await.unwrap(), Some(limits()));
    let more = Limits { memory_bytes: 128 << 20, cpus: 1.0, pids: 80 };
    for _ in 0..2 {
        it.engine.update(&id, more).await.unwrap();
        assert_eq!(it.engine.limits(&id).await.unwrap(), Some(more));
    }
    assert_eq!(it.state(&id).await, ContainerState::Running);
}

async fn freezing_is_repeatable_and_keeps_the_agent_from_being_reached(it: Contract) {
    let id = it.run("frozen").await;
    for paused in [true, true, false, false, true] {
        it.engine.set_paused(&id, paused).await.unwrap();
        let expected = if paused { ContainerState::Paused } else { ContainerState::Running };
        assert_eq!(it.state(&id).await, expected);
    }
    let error = it.engine.dial(&id).await.err().unwrap();
    assert!(matches!(error, EngineError::Conflict { .. }), "{error}");
    it.engine.remove(&id).await.unwrap();
}

async fn a_container_that_has_ended_starts_again_with_another_life_of_its_agent(it: Contract) {
    let id = it.run("again").await;
    let before = it.agent(&id).await;
    before.sync(APP_ROOT, "r1", file("kept", "x")).await.unwrap();
    before.mark("r1").await.unwrap();
    let status = before.status().await.unwrap();
    assert_eq!((status.revision.as_deref(), status.marked.as_deref()), (Some("r1"), Some("r1")));
    (it.kill)(&id);
    until("it has ended", || async { it.state(&id).await != ContainerState::Running }).await;
    assert!(before.status().await.is_err());
    let error = it.engine.dial(&id).await.err().unwrap();
    assert!(matches!(error, EngineError::NotFound { .. }), "{error}");
    it.engine.restart(&id).await.unwrap();
    it.engine.restart(&id).await.unwrap();
    let after = it.agent(&id).await;
    let again = after.status().await.unwrap();
    assert_ne!(again.instance, status.instance);
    assert_eq!((again.revision, again.marked, again.process), (None, None, None));
    let written = after.sync(APP_ROOT, "r1", file("kept", "x")).await.unwrap().written;
    assert_eq!(written, 0, "the file is there");
}

async fn a_death_is_told(mut it: Contract) {
    let id = it.run("dies").await;
    (it.kill)(&id);
    let told = async { while it.events.recv().await.unwrap() != (EngineEvent::Died { container: id.clone() }) {} };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
}

async fn a_freeze_is_told_apart_from_a_death(mut it: Contract) {
    let id = it.run("freezes").await;
    it.engine.set_paused(&id, true).await.unwrap();
    let told = async {
        loop {
            match it.events.recv().await.unwrap() {
                EngineEvent::Frozen { container } if container == id => return,
                EngineEvent::Died { container } if container == id => panic!("it has not died"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
}

async fn a_container_that_waits_to_be_told_is_made_and_not_started(it: Contract) {
    let (start, told) = oneshot::channel();
    let made = async {
        until("it is made", || async { !it.engine.containers().await.unwrap().is_empty() }).await;
        assert_eq!(it.engine.containers().await.unwrap()[0].state, ContainerState::Created);
        start.send(()).unwrap();
    };
    let (id, ()) = tokio::join!(it.engine.run_when(it.spec("ahead"), told), made);
    assert_eq!(it.state(&id.unwrap()).await, ContainerState::Running);

    let (start, told) = oneshot::channel();
    drop(start);
    assert!(it.engine.run_when(it.spec("never"), told).await.is_err());
    assert_eq!(it.engine.containers().await.unwrap().len(), 1);

    let (_start, told) = oneshot::channel();
    let ahead = it.engine.run_when(it.spec("dropped"), told);
    let _ = tokio::time::timeout(Duration::from_secs(1), ahead).await;
    until("it is gone", || async { it.engine.containers().await.unwrap().len() == 1 }).await;
}

async fn an_image_of_a_container_is_named_labelled_and_kept_while_it_is_used(it: Contract) {
    let (id, tag) = (it.run("install").await, format!("{}:deps", it.prefix));
    it.agent(&id).await.sync(APP_ROOT, "r1", file("installed", "x")).await.unwrap();
    let labels = BTreeMap::from([(LABEL_ROLE.to_owned(), "dependencies".to_owned())]);
    let image = it.engine.commit(&id, &tag, labels).await.unwrap();
    assert_eq!(image.labels[LABEL_ROLE], "dependencies");
    assert!(image.labels.contains_key(LABEL_INSTANCE));
    assert_eq!(it.engine.image(&tag).await.unwrap().unwrap().id, image.id);
    assert_eq!(it.engine.images().await.unwrap().iter().map(|it| &it.id).collect::<Vec<_>>(), [&image.id]);
    let user = it.engine.run(ContainerSpec { image: image.id.clone(), ..it.spec("user") }).await.unwrap();
    let written = it.agent(&user).await.sync(APP_ROOT, "r1", file("installed", "x")).await.unwrap().written;
    assert_eq!(written, 0, "what is in the image is in its containers");
    let error = it.engine.remove_image(&image.id).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict { .. }), "{error}");
    it.engine.remove(&user).await.unwrap();
    it.engine.remove_image(&image.id).await.unwrap();
    it.engine.remove_image(&image.id).await.unwrap();
    assert!(it.engine.images().await.unwrap().is_empty());
}

async fn what_is_not_there_is_said_to_be_absent(it: Contract) {
    let absent = |error: EngineError| assert!(matches!(error, EngineError::NotFound { .. }), "{error}");
    it.engine.prepare().await.unwrap();
    absent(it.engine.restart("none").await.unwrap_err());
    absent(it.engine.rename("none", "other").await.unwrap_err());
    absent(it.engine.update("none", limits()).await.unwrap_err());
    absent(it.engine.set_paused("none", true).await.unwrap_err());
    absent(it.engine.dial("none").await.err().unwrap());
    absent(it.engine.upstream("none", 80).await.unwrap_err());
    assert_eq!(it.engine.container("none").await.unwrap(), None);
    assert_eq!(it.engine.limits("none").await.unwrap(), None);
    assert!(it.engine.image("previewd-none:1").await.unwrap().is_none());
    it.engine.remove("none").await.unwrap();
}

async fn an_agent_keeps_files_runs_a_process_and_tells_of_it(it: Contract) {
    let id = it.run("agent").await;
    let agent = it.agent(&id).await;
    agent.sync(APP_ROOT, "r1", file("run.sh", "exit 5 # fake: exits 5")).await.unwrap();
    let start = StartSpec {
        argv: ["sh", "/app/run.sh"].map(str::to_owned).into(),
        cwd: APP_ROOT.to_owned(),
        grace: Duration::from_secs(1),
        ..StartSpec::default()
    };
    let generation = agent.start(start.clone()).await.unwrap();
    assert_eq!(generation, 1);
    let ended = |outcome: ReadyOutcome| match outcome {
        ReadyOutcome::Exited(exit) => (exit.generation, exit.code),
        other => panic!("{other:?}"),
    };
    assert_eq!(ended(agent.await_ready(ready(1)).await.unwrap()), (1, 5));
    // Another connection speaks to the same agent.
    let other = it.agent(&id).await;
    assert!(!other.status().await.unwrap().process.unwrap().running);
    assert_eq!(other.start(start).await.unwrap(), 2);
    assert_eq!(ended(agent.await_ready(ready(2)).await.unwrap()), (2, 5));
    assert!(matches!(agent.await_ready(ready(1)).await.unwrap(), ReadyOutcome::Superseded));
    let events = tokio::time::timeout(PATIENCE, agent.watch(0).await.unwrap().take(2).collect::<Vec<_>>()).await;
    let exits: Vec<_> = events.unwrap().into_iter().map(|event| event.unwrap()).collect();
    assert!(
        matches!(&exits[..], [(1, AgentEvent::Exit(a)), (2, AgentEvent::Exit(b))] if (a.generation, b.generation) == (1, 2)),
        "{exits:?}"
    );
}

fn file(path: &str, content: &str) -> SyncPlan {
    let content = content.as_bytes().to_vec().into();
    let file = SyncFile { path: path.parse().unwrap(), kind: EntryKind::File, content };
    SyncPlan { full: false, writes: vec![file], deletes: Vec::new() }
}

fn ready(generation: u64) -> ReadyRequest {
    let interval = Duration::from_millis(50);
    ReadyRequest {
        generation,
        port: ExpectedPort { number: 8000, named: false },
        held: false,
        has_page: false,
        again: false,
        alternatives: Vec::new(),
        path: "/".to_owned(),
        timeout: PATIENCE,
        still: PATIENCE,
        interval,
    }
}
