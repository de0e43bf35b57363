//! What was installed, on its way to the preview that waits for it before there is an image of it.
//!
//! The daemon takes seconds to make an image of what a container has written. Whoever waited first need not wait for that:
//! what was installed is copied into volumes, and one preview gets those for its own. The image for all others is made
//! meanwhile of the container of the installation, in which no project's code has run.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        runtime::{APP_ROOT, HOME},
    },
    engine::{Image, VolumeMount},
};

/// How long the making of the image waits at most for the app that has what was installed already: others wait for it.
const START: Duration = Duration::from_secs(5);
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
    starting: Starting,
    _container: Arc<dyn Any + Send + Sync>,
}

/// Has the making of the image wait, for a moment, while it is kept: what it does would slow the start of the app down.
pub(super) struct Starting(#[expect(dead_code, reason = "its end is the message")] oneshot::Sender<()>);

/// The other end of an offer.
pub(super) struct Copying {
    copied: watch::Sender<Option<Result<(), Failure>>>,
    started: oneshot::Receiver<()>,
}

impl Copying {
    /// Says how the copying ended, and waits until the app has started that it was for.
    pub(super) async fn ended(self, outcome: Result<(), Failure>, offer: &Offer) {
        self.copied.send_replace(Some(outcome));
        offer.withdraw();
        let _ = timeout(START, self.started).await;
    }
}

impl Fresh {
    /// Waits until everything is in the volumes. What is returned is to be kept until the app has started.
    ///
    /// # Errors
    /// It could not be copied.
    pub(super) async fn copied(mut self) -> Result<Starting, Failure> {
        let abandoned =
            || Failure::new(FailureStage::Install, "INTERNAL", "the copy of the installation was abandoned");
        let copied = self.copied.wait_for(Option::is_some).await.map_err(|_| abandoned())?;
        copied.clone().unwrap_or_else(|| Err(abandoned())).map(|()| self.starting)
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fresh").field("volumes", &self.volumes).finish_non_exhaustive()
    }
}

/// Offers what was installed to whoever takes it first.
#[derive(Clone, Default)]
pub(super) struct Offer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    offered: watch::Sender<Option<Fresh>>,
    made: AtomicBool,
}

impl Offer {
    /// Offers what is installed in a container, which is kept for as long as somebody may want it. Returns where to say
    /// that it is copied.
    pub(super) fn make(&self, image: Image, volumes: &Volumes, container: Arc<dyn Any + Send + Sync>) -> Copying {
        let ((sender, copied), (starting, started)) = (watch::channel(None), oneshot::channel());
        let starting = Starting(starting);
        self.0.made.store(true, Ordering::Release);
        self.0.offered.send_replace(Some(Fresh {
            image,
            volumes: volumes.of_preview(),
            copied,
            starting,
            _container: container,
        }));
        Copying { copied: sender, started }
    }

    /// Takes it back, if nobody has taken it.
    pub(super) fn withdraw(&self) {
        self.take();
    }

    /// Takes what is offered.
    pub(super) fn take(&self) -> Option<Fresh> {
        let mut taken = None;
        self.0.offered.send_if_modified(|offered| {
            taken = offered.take();
            false
        });
        taken
    }

    /// Returns what hears of an offer.
    pub(super) fn hear(&self) -> watch::Receiver<Option<Fresh>> {
        self.0.offered.subscribe()
    }

    /// Returns whether there was an offer, be it taken.
    pub(super) fn was_made(&self) -> bool {
        self.0.made.load(Ordering::Acquire)
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
