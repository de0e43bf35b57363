//! What was installed, on its way to the preview that waits for it before there is an image of it.
//!
//! The daemon takes seconds to make an image of what a container has written. Whoever waited first need not wait for that:
//! packages are installed into volumes, and one preview gets them as they are, with what it changes apart. The image for
//! all others is made meanwhile of a copy of what is in them, which no project's code can change.

use std::{
    any::Any,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot, watch},
    time::timeout,
};

use crate::{
    engine::{Image, VolumeMount},
    preview::image::install::{
        room::{NextRoom, Room},
        volumes::Volumes,
    },
};

/// How long the image may be put off for the first preview to start, which has the machine to itself then.
const USED: Duration = Duration::from_secs(180);

/// How long after that the image is made, where nobody waits for it: an engine that makes one takes much of a machine, and
/// who has just got a preview looks at it, changes it and adds a package.
const REST: Duration = Duration::from_secs(20);

/// When what was installed is copied for what may be installed next, at the latest. An app that starts sooner is left in
/// peace until it has.
const NEXT: Duration = Duration::from_secs(2);

/// The same where a container has to be made for it as well, which takes more of the machine than the copy.
const NEXT_MADE: Duration = Duration::from_secs(10);

/// What was installed, in volumes.
pub struct Fresh {
    /// The image that it was installed in, with the labels of the one that is being made.
    pub(in crate::preview) image: Image,
    /// Where the volumes are in the preview's container. They are there for as long as this is kept, or a container has
    /// them.
    pub(in crate::preview) volumes: Vec<VolumeMount>,
    _container: Arc<dyn Any + Send + Sync>,
    // Whoever waits for it hears when it is dropped.
    _used: oneshot::Sender<()>,
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fresh").field("volumes", &self.volumes).finish_non_exhaustive()
    }
}

/// Offers what was installed to whoever takes it first.
#[derive(Clone, Default)]
pub(in crate::preview) struct Offer {
    offered: Arc<watch::Sender<Offered>>,
    installed: Arc<OnceLock<Kept>>,
    hurry: Arc<Notify>,
}

/// What was installed, for as long as its container is kept.
struct Kept {
    volumes: Vec<VolumeMount>,
    container: Weak<dyn Any + Send + Sync>,
    /// The room for what may be installed next. Whoever goes on from this first has it, another makes one for itself.
    next: Mutex<Option<NextRoom>>,
}

/// What was installed, for other installations that go on from it. It is there for as long as this is kept, or a container
/// has its volumes.
pub(in crate::preview) struct Installed {
    /// Where the volumes are in the container that copies from them.
    pub(in crate::preview) volumes: Vec<VolumeMount>,
    next: Mutex<Option<NextRoom>>,
    _container: Arc<dyn Any + Send + Sync>,
}

/// What will be offered when it is installed.
pub(in crate::preview) struct Coming {
    /// The key of the dependencies.
    pub(in crate::preview) key: String,
    /// The id of the image that they are installed in.
    pub(in crate::preview) image: String,
    /// Where the volumes will be in the preview's container.
    pub(in crate::preview) volumes: Vec<VolumeMount>,
}

/// How far an offer has come.
#[derive(Default)]
pub(in crate::preview) enum Offered {
    /// Not yet, or what is coming was told to somebody.
    #[default]
    Nothing,
    Coming(Coming),
    There(Box<Fresh>),
    Taken,
}

impl Installed {
    /// Returns the container that was made for whoever goes on from it first, if there is one that can be used.
    pub(in crate::preview) async fn next_room(&self) -> Option<Room> {
        let next = self.next.lock().take();
        next?.get().await
    }
}

impl Offer {
    /// Offers what is installed by a container, which is kept for as long as somebody may want it. Returns what ends when
    /// it is time to make the image: once it was used and had its rest, or at once where somebody waits for it. With whether
    /// somebody does. `next` is kept for what may be installed next.
    pub(in crate::preview) fn make(
        &self,
        image: Image,
        volumes: Volumes,
        container: Arc<dyn Any + Send + Sync>,
        next: NextRoom,
    ) -> impl Future<Output = bool> {
        let (sender, mut used) = oneshot::channel();
        let others = self.offered.receiver_count() > 1;
        let at_latest = if next.is_to_be_made() { NEXT_MADE } else { NEXT };
        let kept =
            Kept { volumes: volumes.of_image, container: Arc::downgrade(&container), next: Mutex::new(Some(next)) };
        let _ = self.installed.set(kept);
        let fresh = Fresh { image, volumes: volumes.of_preview, _container: container, _used: sender };
        self.offered.send_replace(Offered::There(Box::new(fresh)));
        let (hurry, installed) = (self.hurry.clone(), self.installed.clone());
        async move {
            let rest = async {
                let soon = timeout(at_latest, &mut used).await;
                if let Some(kept) = installed.get() {
                    kept.next.lock().iter_mut().for_each(NextRoom::copy);
                }
                if soon.is_err() {
                    // Somebody may hold on to it and not wait.
                    let _ = timeout(USED - at_latest, used).await;
                }
                tokio::time::sleep(REST).await;
            };
            tokio::select! {
                () = hurry.notified(), if !others => true,
                () = rest, if !others => false,
                else => true,
            }
        }
    }

    /// Says that somebody waits for the image.
    pub(in crate::preview) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Says what will be offered.
    pub(in crate::preview) fn announce(&self, coming: Coming) {
        self.offered.send_replace(Offered::Coming(coming));
    }

    /// Takes what was announced: nobody else hears of it then.
    pub(in crate::preview) fn take_announced(&self) -> Option<Coming> {
        let mut taken = None;
        self.offered.send_if_modified(|offered| {
            match std::mem::take(offered) {
                Offered::Coming(coming) => taken = Some(coming),
                before => *offered = before,
            }
            false
        });
        taken
    }

    /// Takes what is offered: nobody else has it then.
    pub(in crate::preview) fn take(&self) -> Option<Fresh> {
        let mut taken = None;
        self.offered.send_if_modified(|offered| {
            match std::mem::take(offered) {
                Offered::There(fresh) => {
                    *offered = Offered::Taken;
                    taken = Some(*fresh);
                }
                before => *offered = before,
            }
            false
        });
        taken
    }

    /// Returns whether somebody else has what was offered.
    pub(in crate::preview) fn is_taken(&self) -> bool {
        matches!(*self.offered.borrow(), Offered::Taken)
    }

    /// Returns what hears of an offer.
    pub(in crate::preview) fn hear(&self) -> watch::Receiver<Offered> {
        self.offered.subscribe()
    }

    /// Returns whether there was an offer, be it taken.
    pub(in crate::preview) fn was_made(&self) -> bool {
        self.installed.get().is_some()
    }

    /// Returns what was installed, while its image is being made.
    pub(in crate::preview) fn installed(&self) -> Option<Installed> {
        let kept = self.installed.get()?;
        let container = kept.container.upgrade()?;
        let next = kept.next.lock().take();
        Some(Installed { volumes: kept.volumes.clone(), next: Mutex::new(next), _container: container })
    }
}
