//! The dependency key: what decides the image that holds a project's dependencies.
//!
//! Two installations with one key would give the same image, so it is made once and shared.

use sha2::{Digest, Sha256};

use crate::domain::runtime::InstallPlan;

/// Changes when images that were made by an older release must not be used any more.
const FORMAT: &str = "previewd dependencies 1";

/// Returns the dependency key: 32 hexadecimal digits over all that decides what an installation leaves behind.
///
/// `image_id` is the base image's content id and `architecture` the containers', as `amd64`. Every part is hashed with
/// its length before it, and every list with its count, so that no two different inputs read the same.
pub fn key(install: &InstallPlan, image_id: &str, architecture: &str) -> String {
    let mut hash = Parts(Sha256::new());
    hash.text(FORMAT);
    hash.text(image_id);
    hash.text(architecture);
    hash.count(install.commands.len());
    for command in &install.commands {
        hash.text(command);
    }
    hash.count(install.inputs.len());
    for (path, content) in &install.inputs {
        hash.text(path);
        hash.bytes(content);
    }
    hash.count(install.environment.len());
    for (name, value) in &install.environment {
        hash.text(name);
        hash.text(value);
    }
    data_encoding::HEXLOWER.encode(&hash.0.finalize()[..16])
}

/// A hash of parts whose borders count.
struct Parts(Sha256);

impl Parts {
    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::domain::runtime::BaseImage;

    fn install() -> InstallPlan {
        InstallPlan {
            base: BaseImage::Node,
            commands: vec!["npm ci".into()],
            inputs: BTreeMap::from([("package.json".into(), b"{}".to_vec()), ("package-lock.json".into(), vec![])]),
            environment: BTreeMap::from([("A".into(), "1".into())]),
        }
    }

    #[test]
    fn key_is_32_hexadecimal_digits_and_stable() {
        let first = key(&install(), "sha256:1", "amd64");
        assert_eq!(first, key(&install(), "sha256:1", "amd64"));
        assert_eq!(first.len(), 32);
        assert!(first.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn everything_that_decides_changes_the_key() {
        let base = install();
        let changed = |change: fn(&mut InstallPlan)| {
            let mut plan = base.clone();
            change(&mut plan);
            key(&plan, "sha256:1", "amd64")
        };
        let keys = [
            key(&base, "sha256:1", "amd64"),
            key(&base, "sha256:2", "amd64"),
            key(&base, "sha256:1", "arm64"),
            changed(|plan| plan.commands.push(String::new())),
            changed(|plan| plan.commands = vec!["npm".into(), " ci".into()]),
            changed(|plan| _ = plan.inputs.insert("package.json".into(), b"{} ".to_vec())),
            changed(|plan| _ = plan.inputs.remove("package-lock.json")),
            changed(|plan| _ = plan.environment.insert("A".into(), "2".into())),
            changed(|plan| _ = plan.environment.insert("B".into(), String::new())),
            changed(|plan| plan.environment.clear()),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn borders_between_parts_count() {
        let mut one = install();
        one.inputs = BTreeMap::from([("ab".into(), b"c".to_vec())]);
        let mut other = install();
        other.inputs = BTreeMap::from([("a".into(), b"bc".to_vec())]);
        assert_ne!(key(&one, "i", "a"), key(&other, "i", "a"));
    }
}
