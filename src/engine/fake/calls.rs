//! The calls of an engine, each let in and out by the gates.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot};

use super::{Call, FakeEngine, INSTANCE, address_of, agent, life::Disk, world::Tagged};
use crate::{
    domain::limits::Limits,
    engine::{
        AgentIo, BuildSpec, Capabilities, Container, ContainerSpec, ContainerState, Containers, EngineError,
        EngineEvent, EngineInfo, Image, Images, LABEL_INSTANCE, Machine, Progress,
    },
};

/// Removes a container that is not to stay when it is dropped: a call may be given up at any time.
struct Unfinished {
    engine: FakeEngine,
    id: Option<String>,
}

impl Unfinished {
    fn done(mut self) -> String {
        self.id.take().unwrap_or_default()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // The engine of a service that is dead has heard of no end.
        if let Some(id) = self.id.take().filter(|_| !self.engine.dead.load(Ordering::SeqCst)) {
            self.engine.remove_unseen(&id);
        }
    }
}

#[async_trait]
impl Containers for FakeEngine {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.enter(Call::Info, "ask for its version").await?;
        self.leave(Call::Info, "ask for its version", EngineInfo { version: "0".to_owned() }).await
    }

    fn capabilities(&self) -> Capabilities {
        self.state.lock().capabilities
    }

    async fn machine(&self) -> Result<Machine, EngineError> {
        self.enter(Call::Machine, "ask for the machine").await?;
        self.leave(Call::Machine, "ask for the machine", Machine { architecture: "amd64".to_owned(), cpus: 2 }).await
    }

    async fn prepare(&self) -> Result<(), EngineError> {
        self.enter(Call::Prepare, "prepare").await?;
        self.leave(Call::Prepare, "prepare", ()).await
    }

    async fn run(&self, spec: ContainerSpec) -> Result<String, EngineError> {
        let (start, told) = oneshot::channel();
        let _ = start.send(());
        self.run_when(spec, told).await
    }

    async fn run_when(&self, spec: ContainerSpec, told: oneshot::Receiver<()>) -> Result<String, EngineError> {
        self.enter(Call::Run, "make a container").await?;
        let made = Unfinished { engine: self.clone(), id: Some(self.make(spec)?) };
        let id = made.id.clone().unwrap_or_default();
        let message = "nobody will tell it to start".to_owned();
        told.await.map_err(|_| EngineError::Refused { action: "start a container", message })?;
        self.living().await;
        self.reachable()?;
        self.start(&id)?;
        self.leave(Call::Run, "make a container", ()).await?;
        Ok(made.done())
    }

    async fn container(&self, id: &str) -> Result<Option<Container>, EngineError> {
        self.enter(Call::Container, "look at a container").await?;
        let found = self.state.lock().entry(id).ok().map(|entry| entry.container.clone());
        self.leave(Call::Container, "look at a container", found).await
    }

    async fn containers(&self) -> Result<Vec<Container>, EngineError> {
        self.enter(Call::Containers, "list containers").await?;
        let all = self.all();
        self.leave(Call::Containers, "list containers", all).await
    }

    async fn restart(&self, id: &str) -> Result<(), EngineError> {
        self.enter(Call::Restart, "start a container").await?;
        self.start(id)?;
        self.leave(Call::Restart, "start a container", ()).await
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        self.enter(Call::Rename, "rename a container").await?;
        {
            let mut state = self.state.lock();
            let taken = state.containers.values().any(|it| it.container.name == name && it.container.id != id);
            if taken {
                return Err(EngineError::Conflict { what: "container", name: name.to_owned() });
            }
            name.clone_into(&mut state.entry(id)?.container.name);
        }
        self.leave(Call::Rename, "rename a container", ()).await
    }

    async fn limits(&self, id: &str) -> Result<Option<Limits>, EngineError> {
        self.enter(Call::Limits, "look at a container").await?;
        let limits = self.state.lock().entry(id).ok().map(|entry| entry.spec.limits);
        self.leave(Call::Limits, "look at a container", limits).await
    }

    async fn update(&self, id: &str, limits: Limits) -> Result<(), EngineError> {
        self.enter(Call::Update, "change a container's limits").await?;
        {
            let mut state = self.state.lock();
            if !state.capabilities.resize {
                let message = "it is as large as it was made".to_owned();
                return Err(EngineError::Refused { action: "change a container's limits", message });
            }
            state.entry(id)?.spec.limits = limits;
        }
        self.leave(Call::Update, "change a container's limits", ()).await
    }

    async fn set_paused(&self, id: &str, paused: bool) -> Result<(), EngineError> {
        self.enter(Call::SetPaused, "freeze or wake a container").await?;
        {
            let mut state = self.state.lock();
            if !state.capabilities.freeze || !state.entry(id)?.freeze(paused) {
                let message = "it does not run".to_owned();
                return Err(EngineError::Refused { action: "freeze or wake a container", message });
            }
        }
        if paused {
            self.tell(EngineEvent::Frozen { container: id.to_owned() });
        }
        self.leave(Call::SetPaused, "freeze or wake a container", ()).await
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        self.enter(Call::Remove, "remove a container").await?;
        let removed = self.state.lock().containers.remove(id);
        if let Some(mut entry) = removed {
            entry.end(137, false);
            self.tell(EngineEvent::Died { container: id.to_owned() });
        }
        self.leave(Call::Remove, "remove a container", ()).await
    }

    async fn remove_unused_volumes(&self) -> Result<(), EngineError> {
        self.reachable()
    }

    async fn dial(&self, id: &str) -> Result<Box<dyn AgentIo>, EngineError> {
        self.enter(Call::Dial, "reach the agent").await?;
        let life = {
            let mut state = self.state.lock();
            let entry = state.entry(id)?;
            let name = id.to_owned();
            match (&entry.container.state, &entry.life) {
                (ContainerState::Running, Some(life)) => life.clone(),
                (ContainerState::Paused, _) => return Err(EngineError::Conflict { what: "container", name }),
                _ => return Err(EngineError::NotFound { what: "running container", name }),
            }
        };
        let stream = Box::new(agent::serve(&life)) as Box<dyn AgentIo>;
        self.leave(Call::Dial, "reach the agent", stream).await
    }

    async fn upstream(&self, id: &str, _: u16) -> Result<SocketAddr, EngineError> {
        self.enter(Call::Upstream, "find a container's address").await?;
        let number = self.state.lock().entry(id)?.number;
        self.leave(Call::Upstream, "find a container's address", address_of(number)).await
    }

    async fn reach(&self, address: SocketAddr) -> Result<(), EngineError> {
        let state = self.state.lock();
        match state.containers.values().find(|entry| address_of(entry.number).ip() == address.ip()) {
            Some(entry) if !entry.cut_off => Ok(()),
            _ => Err(EngineError::Refused { action: "reach the container", message: address.to_string() }),
        }
    }

    fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.events.subscribe()
    }

    async fn remove_all(&self) -> Result<(), EngineError> {
        self.reachable()?;
        let all = std::mem::take(&mut self.state.lock().containers);
        all.into_values().for_each(|mut entry| entry.end(137, false));
        Ok(())
    }
}

#[async_trait]
impl Images for FakeEngine {
    async fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        self.enter(Call::Image, "look for an image").await?;
        let found = self.state.lock().find_image(reference).map(|it| it.image.clone());
        self.leave(Call::Image, "look for an image", found).await
    }

    async fn pull(&self, reference: &str, _: Progress) -> Result<Image, EngineError> {
        self.enter(Call::Pull, "pull an image").await?;
        let found = self.state.lock().find_image(reference).map(|it| it.image.clone());
        let message = "there is no registry".to_owned();
        let found = found.ok_or_else(|| EngineError::Image { image: reference.to_owned(), message })?;
        self.leave(Call::Pull, "pull an image", found).await
    }

    async fn build(&self, build: BuildSpec, _: Progress) -> Result<Image, EngineError> {
        self.enter(Call::Build, "build an image").await?;
        let labels = of_instance(build.labels);
        let image = self.add_image(&build.tag, labels, Disk::default());
        self.leave(Call::Build, "build an image", image).await
    }

    async fn commit(&self, id: &str, tag: &str, labels: BTreeMap<String, String>) -> Result<Image, EngineError> {
        self.enter(Call::Commit, "make an image").await?;
        let disk = self.state.lock().entry(id)?.disk.lock().clone();
        let image = self.add_image(tag, of_instance(labels), Arc::new(Mutex::new(disk)));
        self.leave(Call::Commit, "make an image", image).await
    }

    async fn images(&self) -> Result<Vec<Image>, EngineError> {
        self.enter(Call::Images, "list images").await?;
        let own = |it: &&Tagged| it.image.labels.contains_key(LABEL_INSTANCE);
        let images = self.state.lock().images.values().filter(own).map(|it| it.image.clone()).collect();
        self.leave(Call::Images, "list images", images).await
    }

    async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        self.enter(Call::RemoveImage, "remove an image").await?;
        {
            let mut state = self.state.lock();
            if let Some(id) = state.find_image(image).map(|it| it.image.id.clone()) {
                if state.uses(&id) {
                    return Err(EngineError::Conflict { what: "image", name: image.to_owned() });
                }
                state.images.remove(&id);
            }
        }
        self.leave(Call::RemoveImage, "remove an image", ()).await
    }
}

fn of_instance(mut labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.insert(LABEL_INSTANCE.to_owned(), INSTANCE.to_owned());
    labels
}
