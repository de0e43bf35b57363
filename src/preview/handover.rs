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

use tokio::{
    sync::{Notify, oneshot, watch},
    time::timeout,
};

use crate::{
    domain::runtime::{APP_ROOT, HOME},
    engine::{Image, VolumeMount, VolumePurpose},
};

/// The folders that an installation writes to, and where what is below and beside them is in other containers.
const FOLDERS: [(&str, &str); 2] = [(APP_ROOT, "/handover/app"), (HOME, "/handover/home")];

/// How long the image may be put off for the first preview to start, which has the machine to itself then.
const USED: Duration = Duration::from_secs(180);

/// How long after that the image is made, where nobody waits for it: an engine that makes one takes much of a machine, and
/// who has just got a preview looks at it, changes it and adds a package.
const REST: Duration = Duration::from_secs(20);

/// What was installed, in volumes.
pub struct Fresh {
    /// The image that it was installed in, with the labels of the one that is being made.
    pub(super) image: Image,
    /// Where the volumes are in the preview's container. They are there for as long as this is kept, or a container has
    /// them.
    pub(super) volumes: Vec<VolumeMount>,
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
pub(super) struct Offer {
    offered: Arc<watch::Sender<Offered>>,
    installed: Arc<OnceLock<Kept>>,
    hurry: Arc<Notify>,
}

/// What was installed, for as long as its container is kept.
struct Kept {
    volumes: Vec<VolumeMount>,
    container: Weak<dyn Any + Send + Sync>,
}

/// What was installed, for other installations that go on from it. It is there for as long as this is kept, or a container
/// has its volumes.
pub(super) struct Installed {
    /// Where the volumes are in the container that copies from them.
    pub(super) volumes: Vec<VolumeMount>,
    _container: Arc<dyn Any + Send + Sync>,
}

/// What will be offered when it is installed.
pub(super) struct Coming {
    /// The key of the dependencies.
    pub(super) key: String,
    /// The id of the image that they are installed in.
    pub(super) image: String,
    /// Where the volumes will be in the preview's container.
    pub(super) volumes: Vec<VolumeMount>,
}

/// How far an offer has come.
#[derive(Default)]
pub(super) enum Offered {
    /// Not yet, or what is coming was told to somebody.
    #[default]
    Nothing,
    Coming(Coming),
    There(Box<Fresh>),
    Taken,
}

impl Offer {
    /// Offers what is installed by a container, which is kept for as long as somebody may want it. Returns what ends when
    /// it is time to make the image: once it was used and had its rest, or at once where somebody waits for it. With whether
    /// somebody does.
    pub(super) fn make(
        &self,
        image: Image,
        volumes: Volumes,
        container: Arc<dyn Any + Send + Sync>,
    ) -> impl Future<Output = bool> + use<> {
        let (sender, used) = oneshot::channel();
        let others = self.offered.receiver_count() > 1;
        let _ = self.installed.set(Kept { volumes: volumes.of_image, container: Arc::downgrade(&container) });
        let fresh = Fresh { image, volumes: volumes.of_preview, _container: container, _used: sender };
        self.offered.send_replace(Offered::There(Box::new(fresh)));
        let hurry = self.hurry.clone();
        async move {
            let rest = async {
                // Somebody may hold on to it and not wait.
                let _ = timeout(USED, used).await;
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
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Says what will be offered.
    pub(super) fn announce(&self, coming: Coming) {
        self.offered.send_replace(Offered::Coming(coming));
    }

    /// Takes what was announced: nobody else hears of it then.
    pub(super) fn take_announced(&self) -> Option<Coming> {
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
    pub(super) fn take(&self) -> Option<Fresh> {
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
    pub(super) fn is_taken(&self) -> bool {
        matches!(*self.offered.borrow(), Offered::Taken)
    }

    /// Returns what hears of an offer.
    pub(super) fn hear(&self) -> watch::Receiver<Offered> {
        self.offered.subscribe()
    }

    /// Returns whether there was an offer, be it taken.
    pub(super) fn was_made(&self) -> bool {
        self.installed.get().is_some()
    }

    /// Returns what was installed, while its image is being made.
    pub(super) fn installed(&self) -> Option<Installed> {
        let kept = self.installed.get()?;
        Some(Installed { volumes: kept.volumes.clone(), _container: kept.container.upgrade()? })
    }
}

/// The volumes of one installation: where they are in its container, in the one that its image is made of, and in that of
/// the preview.
#[derive(Default)]
pub(super) struct Volumes {
    pub(super) of_installation: Vec<VolumeMount>,
    pub(super) of_image: Vec<VolumeMount>,
    pub(super) of_preview: Vec<VolumeMount>,
}

impl Volumes {
    /// Returns volumes that are nobody's yet.
    pub(super) fn new() -> Self {
        let mut volumes = Self::default();
        for (folder, below) in FOLDERS {
            let [lower, changes, over] =
                ["installed", "changes", "shown"].map(|it| format!("previewd-{it}-{}", uuid::Uuid::new_v4().simple()));
            let at = |name: &str, target: &str, purpose| VolumeMount {
                name: name.to_owned(),
                target: target.to_owned(),
                purpose,
            };
            let beside = format!("{below}-changes");
            volumes
                .of_installation
                .extend([at(&lower, folder, VolumePurpose::Write), at(&changes, &beside, VolumePurpose::Changes)]);
            volumes.of_image.push(at(&lower, below, VolumePurpose::Read));
            volumes.of_preview.extend([
                at(&lower, below, VolumePurpose::Read),
                at(&changes, &beside, VolumePurpose::Read),
                at(&over, folder, VolumePurpose::Over { lower, changes }),
            ]);
        }
        // What is in it goes with the container: caches, and what is built on the way.
        let name = format!("previewd-scratch-{}", uuid::Uuid::new_v4().simple());
        let scratch = VolumeMount { name, target: "/tmp".into(), purpose: VolumePurpose::Write };
        volumes.of_installation.push(scratch);
        volumes
    }

    /// Returns the commands of an installation into volumes: what is installed is no app's, and so older than the note of
    /// when the next container was made. What is in `/tmp` goes by itself.
    pub(super) fn commands(commands: &[String]) -> Vec<String> {
        let removes = |it: &&String| it.starts_with("rm -rf /tmp/") && !it.contains([';', '&', '|', '\n']);
        let tidying = commands.iter().rev().take_while(removes).count();
        let mut commands = commands[..commands.len() - tidying].to_vec();
        commands.push(format!("rm -f {HOME}/.previewd/born"));
        commands
    }

    /// Returns the command that copies what was installed to where it is in an image.
    pub(super) fn copying() -> String {
        // The home last: the note of when the container was made is in it, and what is older is no app's.
        FOLDERS.map(|(folder, below)| format!("cp -a {below}/. {folder}/")).join(" && ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_removes_at_the_end_is_left_out() {
        let left = |commands: &[&str]| {
            let commands: Vec<String> = commands.iter().map(|it| (*it).to_owned()).collect();
            let kept = Volumes::commands(&commands);
            assert_eq!(kept.last().map(String::as_str), Some("rm -f /home/preview/.previewd/born"));
            commands.len() + 1 - kept.len()
        };
        assert_eq!(left(&["npm install", "rm -rf /tmp/previewd-packages"]), 1);
        assert_eq!(left(&["rm -rf /tmp/a", "npm install"]), 0);
        assert_eq!(left(&["npm install", "rm -rf /app/node_modules/.cache"]), 0);
        assert_eq!(left(&["npm install", "rm -rf /tmp/a && npm rebuild"]), 0);
        assert_eq!(left(&[]), 0);
    }
}
