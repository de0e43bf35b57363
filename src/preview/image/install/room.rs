//! The containers in which dependencies are installed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::{sync::oneshot, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    agent::{AgentClient, AgentEvent, Exit, StartSpec},
    domain::runtime::APP_ROOT,
    engine::{ContainerSpec, EngineError, Image, SharedEngine, VolumeMount},
    preview::{
        image::install::volumes::Volumes,
        unit::{
            container::Unclaimed,
            session::{SessionError, connect},
        },
    },
};

/// How long an installation is left alone before a room is made for the next: it computes at first, and waits for the network
/// then. One that is done sooner has but a package more: its app has the machine to itself until it answers.
const BEGINS: Duration = Duration::from_secs(1);

/// A container to install in.
pub(in crate::preview) struct Room {
    pub(in crate::preview) container: Arc<Unclaimed>,
    /// What is installed into volumes, to be handed over: the image below them, and they.
    pub(in crate::preview) into: Option<(Image, Volumes)>,
    /// Whether what others have installed was copied to where it is to go on from.
    pub(in crate::preview) copied: bool,
    agent: Option<AgentClient>,
}

impl Room {
    /// Makes a container. With `into`, what is installed is to be handed over; `read` is what others have installed, where it
    /// goes on from that, and what they have downloaded.
    pub(in crate::preview) async fn new(
        engine: &SharedEngine,
        mut spec: ContainerSpec,
        into: Option<Image>,
        read: &[VolumeMount],
    ) -> Result<Self, EngineError> {
        let into = into.map(|below| (below, Volumes::new()));
        spec.volumes = into.as_ref().map_or_else(Vec::new, |(_, volumes)| volumes.of_installation.clone());
        spec.volumes.extend_from_slice(read);
        let container = Arc::new(Unclaimed::new(engine.clone(), engine.run(spec).await?));
        Ok(Self { container, into, copied: false, agent: None })
    }

    /// Makes one that goes on from what is being installed, with an agent that answers. It is copied when that is told; where
    /// it is installed soon, the room is made then too.
    pub(in crate::preview) async fn ahead(
        engine: SharedEngine,
        spec: ContainerSpec,
        below: Image,
        read: Vec<VolumeMount>,
        Told { installed, copy: mut there }: Told,
    ) -> Result<Self, SessionError> {
        let told = if timeout(BEGINS, installed).await.is_ok() {
            let _ = (&mut there).await;
            true
        } else {
            false
        };
        let room = Self::new(&engine, spec, Some(below), &read).await?;
        let agent = room.agent(&engine).await?;
        if !told {
            // Whoever drops the other end drops this too.
            let _ = there.await;
        }
        let copied = run(&agent, Volumes::copying(), BTreeMap::new(), |_| {}).await?;
        let copied = copied.is_some_and(|exit| exit.code == 0);
        Ok(Self { copied, agent: Some(agent), ..room })
    }

    /// Returns the agent in it.
    pub(in crate::preview) async fn agent(&self, engine: &SharedEngine) -> Result<AgentClient, SessionError> {
        match &self.agent {
            Some(agent) => Ok(agent.clone()),
            None => connect(engine, self.container.id()).await,
        }
    }
}

/// Runs a program to its end, and hands on what it prints. Returns how it ended, or `None` if its container ended first.
pub(in crate::preview) async fn run(
    agent: &AgentClient,
    argv: Vec<String>,
    environment: BTreeMap<String, String>,
    mut hear: impl FnMut(AgentEvent),
) -> Result<Option<Exit>, SessionError> {
    let spec =
        StartSpec { argv, cwd: APP_ROOT.to_owned(), environment, grace: Duration::ZERO, control: false, install: true };
    let generation = agent.start(spec).await?;
    let mut events = agent.watch(0).await?;
    // The end of the process comes after all of its output.
    while let Some(event) = events.next().await {
        match event?.1 {
            AgentEvent::Exit(exit) if exit.generation == generation => return Ok(Some(exit)),
            event => hear(event),
        }
    }
    Ok(None)
}

/// A room that is made before anybody knows whether there will be a use for it. It goes when this is dropped.
pub(in crate::preview) struct NextRoom {
    making: AbortOnDropHandle<Result<Room, SessionError>>,
    installed: Option<oneshot::Sender<()>>,
    copy: Option<oneshot::Sender<()>>,
    to_be_made: bool,
}

/// What the making of a room is told.
pub(in crate::preview) struct Told {
    /// That what it goes on from is installed.
    installed: oneshot::Receiver<()>,
    /// That it is time to copy it.
    copy: oneshot::Receiver<()>,
}

impl NextRoom {
    /// Begins to make one, as [`Room::ahead`] does.
    pub(in crate::preview) fn begin<F>(make: impl FnOnce(Told) -> F) -> Self
    where
        F: Future<Output = Result<Room, SessionError>> + Send + 'static,
    {
        let ((installed, is_installed), (copy, is_time)) = (oneshot::channel(), oneshot::channel());
        let told = Told { installed: is_installed, copy: is_time };
        let making = AbortOnDropHandle::new(tokio::spawn(make(told)));
        Self { making, installed: Some(installed), copy: Some(copy), to_be_made: false }
    }

    /// Says that what it goes on from is installed.
    pub(in crate::preview) fn installed(&mut self) {
        self.to_be_made |= tell(&mut self.installed);
    }

    /// Returns whether it was installed so soon that the room is made when it is time to copy it.
    pub(in crate::preview) fn is_to_be_made(&self) -> bool {
        self.to_be_made
    }

    /// Has what was installed copied into it, if it is not yet.
    pub(in crate::preview) fn copy(&mut self) {
        tell(&mut self.copy);
    }

    /// Returns the room, if it can be used.
    pub(in crate::preview) async fn get(mut self) -> Option<Room> {
        self.installed();
        self.copy();
        let room = self.making.await.ok()?.ok()?;
        // It has stood there for a while.
        room.agent.as_ref()?.status().await.ok()?;
        Some(room)
    }
}

/// Tells the making of a room something, once. Returns whether it hears it: one that could not be made does not.
fn tell(whom: &mut Option<oneshot::Sender<()>>) -> bool {
    whom.take().is_some_and(|whom| whom.send(()).is_ok())
}
