//! The next container of a preview, made while what goes into it is still being installed.

use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    engine::{ContainerSpec, EngineError, LABEL_DEPENDENCY_KEY, SharedEngine, VolumeMount},
    preview::image::install::handover::Coming,
};

/// A container that is made and not started. Unless it is started, it is removed.
pub(in crate::preview) struct Ahead {
    spec: ContainerSpec,
    start: oneshot::Sender<()>,
    running: JoinHandle<Result<String, EngineError>>,
}

impl Ahead {
    /// Makes a container for what will be installed.
    pub(in crate::preview) fn new(engine: &SharedEngine, mut spec: ContainerSpec, coming: Coming) -> Self {
        let Coming { key, image, volumes } = coming;
        begin_with(&mut spec, &key, image, volumes);
        let (start, told) = oneshot::channel();
        let (engine, wanted) = (engine.clone(), spec.clone());
        let running = tokio::spawn(async move { engine.run_when(wanted, told).await });
        Self { spec, start, running }
    }

    /// Returns whether it is what another would be made from, by that name or, where it is to be `beside` one that has the
    /// preview's name, by any.
    pub(in crate::preview) fn is(&self, spec: &ContainerSpec, beside: bool) -> bool {
        let name = if beside { self.spec.name.clone() } else { spec.name.clone() };
        self.spec == ContainerSpec { name, ..spec.clone() }
    }

    /// Starts it, now that everything is installed.
    pub(in crate::preview) async fn start(self) -> Result<String, EngineError> {
        let _ = self.start.send(());
        joined(self.running).await
    }

    /// Removes it, and returns when it is gone.
    pub(in crate::preview) async fn discard(self) {
        drop(self.start);
        let _ = joined(self.running).await;
    }
}

/// Has a container begin with an image of a key's dependencies, or with what was installed into volumes over its base.
pub(in crate::preview) fn begin_with(spec: &mut ContainerSpec, key: &str, image: String, volumes: Vec<VolumeMount>) {
    spec.labels.insert(LABEL_DEPENDENCY_KEY.to_owned(), key.to_owned());
    spec.image = image;
    spec.make_folders |= !volumes.is_empty();
    spec.volumes = volumes;
}

async fn joined(running: JoinHandle<Result<String, EngineError>>) -> Result<String, EngineError> {
    running.await.unwrap_or_else(|error| {
        Err(EngineError::Refused { action: "make the container in advance", message: error.to_string() })
    })
}
