//! What was installed, on its way to the preview that waits for it before there is an image of it.
//!
//! The daemon takes seconds to make an image of what a container has written. Whoever waited first need not wait for that:
//! what was installed is copied into volumes, and one preview gets those for its own. The image for all others is made
//! meanwhile of the container of the installation, in which no project's code has run.

use std::{any::Any, sync::Arc};

use tokio::sync::{oneshot, watch};

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
    copied: oneshot::Receiver<Result<(), Failure>>,
    _container: Arc<dyn Any + Send + Sync>,
}

impl Fresh {
    /// Waits until everything is in the volumes.
    ///
    /// # Errors
    /// It could not be copied.
    pub(super) async fn copied(self) -> Result<(), Failure> {
        let abandoned = "the copy of the installation was abandoned";
        self.copied.await.unwrap_or_else(|_| Err(Failure::new(FailureStage::Install, "INTERNAL", abandoned)))
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fresh").field("volumes", &self.volumes).finish_non_exhaustive()
    }
}

/// Offers what was installed to whoever takes it first.
#[derive(Clone, Default)]
pub(super) struct Offer(Arc<watch::Sender<Offered>>);

/// How far an offer has come.
#[derive(Default)]
pub(super) enum Offered {
    #[default]
    NotYet,
    There(Box<Fresh>),
    Over,
}

impl Offer {
    /// Offers what is installed in a container, which is kept for as long as somebody may want it. Returns where to say
    /// that it is copied.
    pub(super) fn make(
        &self,
        image: Image,
        volumes: Vec<VolumeMount>,
        container: Arc<dyn Any + Send + Sync>,
    ) -> oneshot::Sender<Result<(), Failure>> {
        let (sender, copied) = oneshot::channel();
        self.0.send_replace(Offered::There(Box::new(Fresh { image, volumes, copied, _container: container })));
        sender
    }

    /// Takes what is offered: nobody else has it then.
    pub(super) fn take(&self) -> Option<Fresh> {
        let mut taken = None;
        self.0.send_if_modified(|offered| {
            match std::mem::take(offered) {
                Offered::There(fresh) => (taken, *offered) = (Some(*fresh), Offered::Over),
                before => *offered = before,
            }
            false
        });
        taken
    }

    /// Returns what hears of an offer.
    pub(super) fn hear(&self) -> watch::Receiver<Offered> {
        self.0.subscribe()
    }

    /// Returns whether there was an offer, be it taken.
    pub(super) fn was_made(&self) -> bool {
        !matches!(*self.0.borrow(), Offered::NotYet)
    }
}

/// The volumes of one installation: where they are in its container, and in that of the preview.
pub(super) struct Volumes {
    pub(super) of_installation: Vec<VolumeMount>,
    pub(super) of_preview: Vec<VolumeMount>,
}

impl Volumes {
    /// Returns volumes that are nobody's yet.
    pub(super) fn new() -> Self {
        let mounts = FOLDERS.into_iter().map(|(folder, copy)| {
            let name = format!("previewd-installed-{}", uuid::Uuid::new_v4().simple());
            let at = |target: &str| VolumeMount { name: name.clone(), target: target.to_owned() };
            (at(copy), at(folder))
        });
        let (of_installation, of_preview) = mounts.unzip();
        Self { of_installation, of_preview }
    }

    /// Returns the command that copies what was installed.
    pub(super) fn copying() -> String {
        // The home last: the note of when the container was made is in it, and what is older is no app's.
        FOLDERS.map(|(folder, copy)| format!("cp -a {folder}/. {copy}/")).join(" && ")
    }
}

/// Splits the commands of an installation where they only remove what is not handed over: nobody has to wait for that.
pub(super) fn before_tidying(commands: &[String]) -> (&[String], &[String]) {
    let removes = |command: &&String| command.starts_with("rm -rf /tmp/") && !command.contains([';', '&', '|', '\n']);
    let tidying = commands.iter().rev().take_while(removes).count();
    commands.split_at(commands.len() - tidying)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_removes_at_the_end_is_put_off() {
        let split = |commands: &[&str]| {
            let commands: Vec<String> = commands.iter().map(|it| (*it).to_owned()).collect();
            before_tidying(&commands).1.len()
        };
        assert_eq!(split(&["npm install", "rm -rf /tmp/previewd-packages"]), 1);
        assert_eq!(split(&["rm -rf /tmp/a", "npm install"]), 0);
        assert_eq!(split(&["npm install", "rm -rf /app/node_modules/.cache"]), 0);
        assert_eq!(split(&["npm install", "rm -rf /tmp/a && npm rebuild"]), 0);
        assert_eq!(split(&[]), 0);
    }
}
