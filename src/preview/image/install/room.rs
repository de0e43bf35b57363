//! The containers in which dependencies are installed.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::{
    agent::AgentClient,
    engine::{ContainerSpec, EngineError, Image, SharedEngine, VolumeMount},
    preview::{
        image::install::volumes::Volumes,
        unit::{
            container::Unclaimed,
            session::{SessionError, connect},
        },
    },
};

/// A container to install in.
pub(in crate::preview) struct Room {
    pub(in crate::preview) container: Arc<Unclaimed>,
    /// What is installed into volumes, to be handed over: the image below them, and they.
    pub(in crate::preview) into: Option<(Image, Volumes)>,
    agent: Option<AgentClient>,
}

impl Room {
    /// Makes a container. With `into`, what is installed is to be handed over; `from` is where it goes on from what others
    /// have installed.
    pub(in crate::preview) async fn new(
        engine: &SharedEngine,
        mut spec: ContainerSpec,
        into: Option<Image>,
        from: &[VolumeMount],
    ) -> Result<Self, EngineError> {
        let into = into.map(|below| (below, Volumes::new()));
        spec.volumes = into.as_ref().map_or_else(Vec::new, |(_, volumes)| volumes.of_installation.clone());
        spec.volumes.extend_from_slice(from);
        let container = Arc::new(Unclaimed::new(engine.clone(), engine.run(spec).await?));
        Ok(Self { container, into, agent: None })
    }

    /// Makes one that goes on from what was installed, with an agent that answers.
    pub(in crate::preview) async fn ahead(
        engine: SharedEngine,
        spec: ContainerSpec,
        below: Image,
        from: Vec<VolumeMount>,
    ) -> Result<Self, SessionError> {
        let room = Self::new(&engine, spec, Some(below), &from).await?;
        let agent = room.agent(&engine).await?;
        Ok(Self { agent: Some(agent), ..room })
    }

    /// Returns the agent in it.
    pub(in crate::preview) async fn agent(&self, engine: &SharedEngine) -> Result<AgentClient, SessionError> {
        match &self.agent {
            Some(agent) => Ok(agent.clone()),
            None => connect(engine, self.container.id()).await,
        }
    }
}

/// A room that is made before anybody knows whether there will be a use for it. It goes when this is dropped.
pub(in crate::preview) struct NextRoom(AbortOnDropHandle<Result<Room, SessionError>>);

impl NextRoom {
    /// Begins to make one.
    pub(in crate::preview) fn begin(making: impl Future<Output = Result<Room, SessionError>> + Send + 'static) -> Self {
        Self(AbortOnDropHandle::new(tokio::spawn(making)))
    }

    /// Returns the room, if it can be used.
    pub(in crate::preview) async fn get(self) -> Option<Room> {
        let room = self.0.await.ok()?.ok()?;
        // It has stood there for a while.
        room.agent.as_ref()?.status().await.ok()?;
        Some(room)
    }
}
