//! The volumes that an installation writes to, and where other containers have them.

use crate::{
    domain::runtime::{APP_ROOT, HOME},
    engine::{VolumeMount, VolumePurpose},
};

/// The folders that an installation writes to, and where what is below and beside them is in other containers.
const FOLDERS: [(&str, &str); 2] = [(APP_ROOT, "/handover/app"), (HOME, "/handover/home")];

/// The volumes of one installation: where they are in its container, in the one that its image is made of, and in that of
/// the preview.
#[derive(Default)]
pub(in crate::preview) struct Volumes {
    pub(in crate::preview) of_installation: Vec<VolumeMount>,
    pub(in crate::preview) of_image: Vec<VolumeMount>,
    pub(in crate::preview) of_preview: Vec<VolumeMount>,
    /// The name of the one that is `/tmp` of the installation.
    pub(in crate::preview) scratch: String,
}

impl Volumes {
    /// Returns volumes that are nobody's yet.
    pub(in crate::preview) fn new() -> Self {
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
        let scratch = VolumeMount { name: name.clone(), target: "/tmp".into(), purpose: VolumePurpose::Write };
        volumes.of_installation.push(scratch);
        volumes.scratch = name;
        volumes
    }

    /// Returns the commands of an installation into volumes: what is installed is no app's, and so older than the note of
    /// when the next container was made. What is in `/tmp` goes by itself.
    pub(in crate::preview) fn commands(commands: &[String]) -> Vec<String> {
        let removes = |it: &&String| it.starts_with("rm -rf /tmp/") && !it.contains([';', '&', '|', '\n']);
        let tidying = commands.iter().rev().take_while(removes).count();
        let mut commands = commands[..commands.len() - tidying].to_vec();
        commands.push(format!("rm -f {HOME}/.previewd/born"));
        commands
    }

    /// Returns the program that copies what was installed to where it is in an image.
    pub(in crate::preview) fn copying() -> Vec<String> {
        // The home last: the note of when the container was made is in it, and what is older is no app's.
        let copies = FOLDERS.map(|(folder, below)| format!("cp -a {below}/. {folder}/")).join(" && ");
        vec!["/bin/sh".into(), "-ec".into(), copies]
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
