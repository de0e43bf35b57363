//! What was installed, on its way to the preview that waits for it before there is an image of it.
//!
//! The daemon takes seconds to make an image of what a container has written. Whoever waited first need not wait for that:
//! what was installed is copied into volumes, and one preview gets those for its own. The image for all others is made
//! meanwhile of the container of the installation, in which no project's code has run.

use std::{any::Any, sync::Arc};

use tokio::sync::watch;

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        runtime::{APP_ROOT, HOME},
    },
    engine::{Image, VolumeMount},
};

/// The folders that an installation writes to, and where their copies are in its container.
const FOLDERS: [(&str, &str); 2] = [(APP_ROOT, "/handover/app"), (HOME, "/handover/home")];

/// What was installed, in volumes of one preview's own.
pub struct Fresh {
    /// The image that it was installed in, with the labels of the one that is being made.
    pub(super) image: Image,
    /// Where the volumes are in the preview's container. They are there for as long as this is kept, or a container has
    /// them.
    pub(super) volumes: Vec<VolumeMount>,
    copied: watch::Receiver<Option<Result<(), Failure>>>,
    _container: Arc<dyn Any + Send + Sync>,
}

impl Fresh {
    /// Waits until everything is in the volumes.
    ///
    /// # Errors
    /// It could not be copied.
    pub(super) async fn copied(mut self) -> Result<(), Failure> {
        let abandoned =
            || Failure::new(FailureStage::Install, "INTERNAL", "the copy of the installation was abandoned");
        let copied = self.copied.wait_for(Option::is_some).await.map_err(|_| abandoned())?;
        copied.clone().unwrap_or_else(|| Err(abandoned()))
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fresh").field("volumes", &self.volumes).finish_non_exhaustive()
    }
}

/// Says how the copying ended.
pub(super) type Copied = watch::Sender<Option<Result<(), Failure>>>;

/// Offers what was installed to whoever takes it first.
#[derive(Clone)]
pub(super) struct Offer(Arc<watch::Sender<Option<Fresh>>>);

impl Default for Offer {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Offer {
    /// Offers what is installed in a container, which is kept for as long as somebody may want it. Returns where to say
    /// that it is copied.
    pub(super) fn make(&self, image: Image, volumes: &Volumes, container: Arc<dyn Any + Send + Sync>) -> Copied {
        let (sender, copied) = watch::channel(None);
        self.0.send_replace(Some(Fresh { image, volumes: volumes.of_preview(), copied, _container: container }));
        sender
    }

    /// Takes it back, if nobody has taken it.
    pub(super) fn withdraw(&self) {
        self.take();
    }

    /// Takes what is offered.
    pub(super) fn take(&self) -> Option<Fresh> {
        let mut taken = None;
        self.0.send_if_modified(|offered| {
            taken = offered.take();
            false
        });
        taken
    }

    /// Returns what hears of an offer.
    pub(super) fn hear(&self) -> watch::Receiver<Option<Fresh>> {
        self.0.subscribe()
    }
}

/// The volumes of one installation.
pub(super) struct Volumes(Vec<(String, &'static str, &'static str)>);

impl Volumes {
    /// Returns volumes that are nobody's yet.
    pub(super) fn new() -> Self {
        let named = |(target, copy)| (format!("previewd-installed-{}", uuid::Uuid::new_v4().simple()), target, copy);
        Self(FOLDERS.map(named).into())
    }

    /// Returns where they are in the container of the installation.
    pub(super) fn of_installation(&self) -> Vec<VolumeMount> {
        self.0.iter().map(|(name, _, copy)| VolumeMount { name: name.clone(), target: (*copy).to_owned() }).collect()
    }

    fn of_preview(&self) -> Vec<VolumeMount> {
        self.0
            .iter()
            .map(|(name, target, _)| VolumeMount { name: name.clone(), target: (*target).to_owned() })
            .collect()
    }

    /// Returns the command that copies what was installed.
    pub(super) fn copying() -> String {
        // The home last: the note of when the container was made is in it, and what is older is no app's.
        FOLDERS.map(|(folder, copy)| format!("cp -a {folder}/. {copy}/")).join(" && ")
    }
}
