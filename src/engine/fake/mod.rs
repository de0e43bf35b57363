//! An engine in memory, for tests of what is above it: containers are entries in a map, and the agent in each is its
//! contract over an in-memory stream.
//!
//! It keeps the rules of [`Engine`] that a real one keeps, which the contract suite of the tests holds both to. A test
//! stops any call where it likes ([`FakeEngine::hold`]), has it fail ([`FakeEngine::fail`]), kills and freezes
//! containers, and takes the engine away. What an app does is in its files; see [`script`].

mod agent;
mod calls;
mod gates;
mod life;
mod script;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::broadcast;

use self::{
    gates::Gates,
    life::{Disk, Life},
    world::{Entry, State, Tagged},
};
pub use self::{
    gates::{Call, Fault, Hold},
    life::Answer,
};
use super::{Capabilities, Container, ContainerSpec, ContainerState, EngineError, EngineEvent, Image, LABEL_INSTANCE};

/// The instance that everything is of.
const INSTANCE: &str = "fake";
/// How many events may wait for whoever listens.
const EVENTS: usize = 1024;

/// An engine in memory, as one life of a service has it. Clones are of the same life.
#[derive(Clone)]
pub struct FakeEngine {
    state: Arc<Mutex<State>>,
    gates: Arc<Gates>,
    events: broadcast::Sender<EngineEvent>,
    // Whether the service that has it is dead: nothing that it asks for is heard any more.
    dead: Arc<AtomicBool>,
}

impl FakeEngine {
    /// Returns an engine that has images of these names, and nothing else.
    pub fn new(images: &[&str]) -> Self {
        let engine = Self {
            state: Arc::default(),
            gates: Arc::default(),
            events: broadcast::channel(EVENTS).0,
            dead: Arc::default(),
        };
        for name in images {
            engine.add_image(name, BTreeMap::new(), Disk::default());
        }
        engine
    }

    /// Has the next such call fail, before it does anything. Several are met in turn.
    pub fn fail(&self, call: Call, fault: Fault) {
        self.gates.fail(call, fault);
    }

    /// Has the next such call do all that it is asked for, and answer that it failed.
    pub fn fail_after(&self, call: Call, fault: Fault) {
        self.gates.fail_after(call, fault);
    }

    /// Stops the next such call before it does anything.
    pub fn hold(&self, call: Call) -> Hold {
        self.gates.hold(call)
    }

    /// Stops the next such call once it has done everything, before whoever called hears of it.
    pub fn hold_after(&self, call: Call) -> Hold {
        self.gates.hold_after(call)
    }

    /// Forgets every fault and hold that has met no call yet.
    pub fn heal(&self) {
        self.gates.clear();
    }

    /// Returns how many calls have come, let in or not, by their kind.
    pub fn counts(&self) -> BTreeMap<Call, u64> {
        self.gates.counts()
    }

    /// Has the engine do no more than that from now on.
    pub fn set_capabilities(&self, capabilities: Capabilities) {
        self.state.lock().capabilities = capabilities;
    }

    /// Takes the engine away, or brings it back. Its containers go on meanwhile.
    pub fn set_away(&self, away: bool) {
        self.state.lock().away = away;
        self.tell(if away { EngineEvent::Disconnected } else { EngineEvent::Connected });
    }

    /// Ends a container, as when its PID 1 is killed.
    pub fn kill(&self, container: &str, code: i64, out_of_memory: bool) {
        let ended = {
            let mut state = self.state.lock();
            let entry = state.containers.get_mut(container).filter(|entry| entry.container.runs());
            entry.map(|entry| entry.end(code, out_of_memory)).is_some()
        };
        if ended {
            self.tell(EngineEvent::Died { container: container.to_owned() });
        }
    }

    /// Ends the app of a container, and not the container.
    pub fn kill_app(&self, container: &str, code: i32) {
        if let Some(life) = self.life(container) {
            let generation = life.state().process.as_ref().map(|process| process.generation);
            generation.into_iter().for_each(|generation| life.exit(generation, code));
        }
    }

    /// Lets the app of a container answer nothing any more, or again.
    pub fn hang(&self, container: &str, hangs: bool) {
        if let Some(life) = self.life(container) {
            life.change(|state| {
                if let Some(process) = &mut state.process {
                    process.answers = if hangs { None } else { Some(200) };
                }
            });
        }
    }

    /// Freezes a container, as somebody else does.
    pub fn freeze(&self, container: &str) {
        let frozen = {
            let mut state = self.state.lock();
            let entry = state.containers.get_mut(container).filter(|it| it.container.state == ContainerState::Running);
            entry.is_some_and(|entry| entry.freeze(true))
        };
        if frozen {
            self.tell(EngineEvent::Frozen { container: container.to_owned() });
        }
    }

    /// Cuts a container off from its network: its agent is heard, and its app cannot be reached. With `None` those that are
    /// made from now on.
    pub fn cut_off(&self, container: Option<&str>) {
        let mut state = self.state.lock();
        match container {
            Some(id) => state.containers.get_mut(id).into_iter().for_each(|entry| entry.cut_off = true),
            None => state.cuts_off = true,
        }
    }

    /// Cuts every stream to the agent of a container; it goes on.
    pub fn cut_streams(&self, container: &str) {
        if let Some(life) = self.life(container) {
            life.cut_streams();
        }
    }

    /// Kills the service that has this, as `kill -9` does: nothing that it has asked for and that is not done is done,
    /// and its streams are cut. Returns the same engine for the next life of the service.
    pub fn crash(&self) -> Self {
        self.dead.store(true, Ordering::SeqCst);
        self.gates.clear();
        for container in self.all() {
            self.cut_streams(&container.id);
        }
        Self { dead: Arc::default(), ..self.clone() }
    }

    /// Removes a container as somebody else does, who tells nobody.
    pub fn remove_unseen(&self, container: &str) {
        if let Some(mut entry) = self.state.lock().containers.remove(container) {
            entry.end(137, false);
        }
    }

    /// Returns the containers that there are, newest first, whether the engine is away or not.
    pub fn all(&self) -> Vec<Container> {
        self.state.lock().newest_first()
    }

    /// Returns what answers at an address that [`Engine::upstream`] has given.
    pub fn answer(&self, address: SocketAddr) -> Option<Answer> {
        let state = self.state.lock();
        let entry = state.containers.values().find(|entry| address_of(entry.number).ip() == address.ip())?;
        if entry.cut_off {
            return None;
        }
        entry.life.as_ref()?.answer()
    }

    fn life(&self, container: &str) -> Option<Arc<Life>> {
        self.state.lock().containers.get(container).and_then(|entry| entry.life.clone())
    }

    fn tell(&self, event: EngineEvent) {
        // Nobody listening is fine.
        let _ = self.events.send(event);
    }

    /// Lets a call in. A state is returned only to whoever may see it.
    async fn enter(&self, call: Call, action: &'static str) -> Result<(), EngineError> {
        self.living().await;
        self.gates.enter(call).await.map_err(|fault| failed(fault, action))?;
        self.living().await;
        self.reachable()
    }

    async fn leave<T>(&self, call: Call, action: &'static str, answer: T) -> Result<T, EngineError> {
        self.gates.leave(call).await.map_err(|fault| failed(fault, action))?;
        self.living().await;
        Ok(answer)
    }

    /// Returns at once, unless the service is dead: then never.
    async fn living(&self) {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    fn reachable(&self) -> Result<(), EngineError> {
        if self.state.lock().away { Err(failed(Fault::Away, "")) } else { Ok(()) }
    }

    fn add_image(&self, tag: &str, labels: BTreeMap<String, String>, disk: Disk) -> Image {
        let mut state = self.state.lock();
        state.made += 1;
        let image = Image { id: format!("sha256:{:064x}", state.made), labels, ..Image::default() };
        state.images.values_mut().for_each(|it| _ = it.tags.remove(tag));
        let named = Tagged { image: image.clone(), tags: BTreeSet::from([tag.to_owned()]), disk };
        state.images.insert(image.id.clone(), named);
        // One that has lost its only name goes.
        let used: BTreeSet<String> = state.containers.values().map(|entry| entry.container.image.clone()).collect();
        state.images.retain(|id, it| !it.tags.is_empty() || used.contains(id));
        image
    }

    /// Makes a container that has not been started. One of its name that has ended gives way.
    fn make(&self, spec: ContainerSpec) -> Result<String, EngineError> {
        let mut state = self.state.lock();
        let Some(image) = state.find_image(&spec.image) else {
            return Err(EngineError::NotFound { what: "image", name: spec.image });
        };
        let (image, disk) = (image.image.id.clone(), image.disk.lock().clone());
        let taken = state.containers.values().find(|entry| entry.container.name == spec.name);
        match taken.map(|entry| (entry.container.id.clone(), entry.container.state.clone())) {
            None => {}
            Some((id, ContainerState::Exited { .. })) => _ = state.containers.remove(&id),
            Some(_) => return Err(EngineError::Conflict { what: "container", name: spec.name }),
        }
        state.made += 1;
        let (number, id) = (state.made, format!("{:064x}", state.made));
        let mut labels = spec.labels.clone();
        labels.insert(LABEL_INSTANCE.to_owned(), INSTANCE.to_owned());
        let (name, made) = (spec.name.clone(), ContainerState::Created);
        let container = Container { id: id.clone(), name, labels, state: made, image };
        let (disk, cut_off) = (Arc::new(Mutex::new(disk)), state.cuts_off);
        let entry = Entry { number, spec, container, life: None, disk, cut_off };
        state.containers.insert(id.clone(), entry);
        Ok(id)
    }

    fn start(&self, id: &str) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        let entry = state.entry(id)?;
        if !entry.container.runs() {
            entry.life = Some(Life::new(id, self.gates.clone(), entry.disk.clone()));
            entry.container.state = ContainerState::Running;
        }
        Ok(())
    }
}

/// Returns where a container is reached. No other has that address, ever.
fn address_of(number: u64) -> SocketAddr {
    let [.., a, b, c] = number.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, a, b, c)), 8000)
}

fn failed(fault: Fault, action: &'static str) -> EngineError {
    match fault {
        Fault::Away | Fault::Late(_) | Fault::Hang => EngineError::Unreachable("taken away by a test".into()),
        Fault::Erred => EngineError::Erred { action, message: "status 500, by a test".to_owned() },
        Fault::Refused => EngineError::Refused { action, message: "no, by a test".to_owned() },
        Fault::NotFound => EngineError::NotFound { what: "thing", name: "by a test".to_owned() },
        Fault::Conflict => EngineError::Conflict { what: "thing", name: "by a test".to_owned() },
        Fault::Timeout => EngineError::Timeout(action),
    }
}
