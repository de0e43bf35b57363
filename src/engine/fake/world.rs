//! What the engine has: containers, images and their files.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::life::{Disk, Life};
use crate::engine::{Capabilities, Container, ContainerSpec, ContainerState, EngineError, Image};

#[derive(Default)]
pub(super) struct State {
    pub(super) away: bool,
    pub(super) capabilities: Capabilities,
    pub(super) made: u64,
    pub(super) containers: BTreeMap<String, Entry>,
    /// Whether containers that are made are off their network.
    pub(super) cuts_off: bool,
    pub(super) images: BTreeMap<String, Tagged>,
}

pub(super) struct Entry {
    // Counts what is made, so that the newest can be listed first.
    pub(super) number: u64,
    pub(super) spec: ContainerSpec,
    pub(super) container: Container,
    pub(super) life: Option<Arc<Life>>,
    pub(super) disk: Disk,
    /// Whether it is off its network.
    pub(super) cut_off: bool,
}

pub(super) struct Tagged {
    pub(super) image: Image,
    pub(super) tags: BTreeSet<String>,
    pub(super) disk: Disk,
}

impl Entry {
    /// Freezes or wakes it. Returns whether it runs.
    pub(super) fn freeze(&mut self, paused: bool) -> bool {
        let Some(life) = &self.life else { return false };
        life.frozen.send_replace(paused);
        self.container.state = if paused { ContainerState::Paused } else { ContainerState::Running };
        true
    }

    pub(super) fn end(&mut self, code: i64, out_of_memory: bool) {
        self.container.state = ContainerState::Exited { code, out_of_memory };
        if let Some(life) = self.life.take() {
            life.over.cancel();
        }
    }
}

impl State {
    pub(super) fn entry(&mut self, id: &str) -> Result<&mut Entry, EngineError> {
        let absent = || EngineError::NotFound { what: "container", name: id.to_owned() };
        self.containers.values_mut().find(|it| it.container.id == id || it.container.name == id).ok_or_else(absent)
    }

    pub(super) fn find_image(&self, reference: &str) -> Option<&Tagged> {
        self.images.get(reference).or_else(|| self.images.values().find(|it| it.tags.contains(reference)))
    }

    pub(super) fn uses(&self, image: &str) -> bool {
        self.containers.values().any(|entry| entry.container.image == image)
    }

    pub(super) fn newest_first(&self) -> Vec<Container> {
        let mut entries: Vec<&Entry> = self.containers.values().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.number));
        entries.into_iter().map(|entry| entry.container.clone()).collect()
    }
}
