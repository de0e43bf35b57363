//! What was seen of the daemon and need not be asked for again: it holds for as long as its events are heard, and until one
//! of them says otherwise.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use parking_lot::Mutex;

use crate::engine::Image;

/// The most images that are remembered.
const MAX_IMAGES: usize = 1024;
/// The most changes to images that are remembered, for those who look meanwhile.
const MAX_CHANGES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether events are heard.
    heard: bool,
    /// Counts what has made doubtful what was seen, or may have.
    doubts: u64,
    /// Whether network and runtime volume are there and right.
    prepared: bool,
    /// By reference.
    images: HashMap<String, Image>,
    /// How many changes to images there were, and the last of them.
    changed: u64,
    changes: VecDeque<Change>,
    /// Of containers that were made in this life of the service, by id, once their agent was dialed. Each is asked for once:
    /// nobody goes on with what may have become another's. One that an earlier life has made may have an agent that can be
    /// traced.
    addresses: HashMap<String, Option<IpAddr>>,
}

/// What has happened to an image.
#[derive(Debug)]
struct Change {
    id: String,
    /// The name that it got, or lost.
    name: String,
    lost: bool,
}

impl Change {
    /// Returns whether what was seen under a reference may not be true any more.
    fn concerns(&self, reference: &str, image: &str) -> bool {
        let named = self.name == familiar(reference);
        if self.lost { named || self.id == image } else { named && self.id != image }
    }
}

/// A look that was begun. What comes of it is not noted where something happened meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    doubts: u64,
    changed: u64,
}

impl Seen {
    /// Events are heard from now on, or not any more. What was seen before may have changed unheard.
    pub(super) fn hears(&self, heard: bool) {
        let mut state = self.0.lock();
        *state = State { heard, doubts: state.doubts + 1, ..State::default() };
    }

    /// Begins a look.
    pub(super) fn look(&self) -> Look {
        let state = self.0.lock();
        Look { doubts: state.doubts, changed: state.changed }
    }

    /// Returns whether network and runtime volume are there.
    pub(super) fn is_prepared(&self) -> bool {
        self.0.lock().prepared
    }

    /// Notes that they are.
    pub(super) fn note_prepared(&self, look: Look) {
        let mut state = self.0.lock();
        state.prepared = state.heard && state.doubts == look.doubts;
    }

    /// Something may have happened to network or volume.
    pub(super) fn doubt_prepared(&self) {
        let mut state = self.0.lock();
        (state.prepared, state.doubts) = (false, state.doubts + 1);
    }

    /// Returns an image.
    pub(super) fn image(&self, reference: &str) -> Option<Image> {
        self.0.lock().images.get(reference).cloned()
    }

    /// Notes an image.
    pub(super) fn note_image(&self, look: Look, reference: &str, image: &Image) {
        let mut state = self.0.lock();
        if state.heard && state.doubts == look.doubts && !state.has_changed(look, reference, &image.id) {
            if state.images.len() >= MAX_IMAGES {
                state.images.clear();
            }
            state.images.insert(reference.to_owned(), image.clone());
        }
    }

    /// An image has got a name, which another may have had.
    pub(super) fn named(&self, id: &str, name: &str) {
        self.0.lock().change(Change { id: id.to_owned(), name: familiar(name), lost: false });
    }

    /// An image has lost a name, or is gone.
    pub(super) fn lost(&self, id: &str, name: &str) {
        self.0.lock().change(Change { id: id.to_owned(), name: familiar(name), lost: true });
    }

    /// Something may have happened to any image.
    pub(super) fn doubt_images(&self) {
        let mut state = self.0.lock();
        state.images.clear();
        state.doubts += 1;
    }

    /// Takes the address that a container had when its agent was dialed.
    pub(super) fn take_address(&self, id: &str) -> Option<IpAddr> {
        self.0.lock().addresses.get_mut(id)?.take()
    }

    /// A container was made, and is about to run.
    pub(super) fn made(&self, id: &str) {
        let mut state = self.0.lock();
        if state.heard {
            state.addresses.insert(id.to_owned(), None);
        }
    }

    /// Notes the address of a container that was made and has run ever since.
    pub(super) fn note_address(&self, id: &str, address: IpAddr) {
        if let Some(known) = self.0.lock().addresses.get_mut(id) {
            *known = Some(address);
        }
    }

    /// A container may not run, or not be where it was.
    pub(super) fn doubt_address(&self, id: &str) {
        self.0.lock().addresses.remove(id);
    }
}

impl State {
    fn change(&mut self, change: Change) {
        self.images.retain(|reference, image| !change.concerns(reference, &image.id));
        self.changed += 1;
        self.changes.push_back(change);
        if self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
        }
    }

    /// Returns whether what was seen may have changed since the look was begun.
    fn has_changed(&self, look: Look, reference: &str, id: &str) -> bool {
        let since = usize::try_from(self.changed.saturating_sub(look.changed)).unwrap_or(usize::MAX);
        since > self.changes.len() || self.changes.iter().rev().take(since).any(|change| change.concerns(reference, id))
    }
}

/// Returns a reference as the daemon writes it in its events: without the usual registry, with a version.
fn familiar(reference: &str) -> String {
    let short = ["docker.io/", "index.docker.io/"].iter().find_map(|host| reference.strip_prefix(host));
    let short = short.unwrap_or(reference);
    let short = short.strip_prefix("library/").unwrap_or(short);
    let versioned = short.contains('@') || short.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if versioned { short.to_owned() } else { format!("{short}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str) -> Image {
        Image { id: id.into(), ..Image::default() }
    }

    fn id_of(seen: &Seen, reference: &str) -> Option<String> {
        seen.image(reference).map(|image| image.id)
    }

    #[test]
    fn nothing_is_remembered_while_events_are_not_heard() {
        let seen = Seen::default();
        seen.note_prepared(seen.look());
        seen.note_image(seen.look(), "node:22", &image("a"));
        assert!(!seen.is_prepared() && seen.image("node:22").is_none());
        seen.hears(true);
        seen.note_prepared(seen.look());
        seen.note_image(seen.look(), "node:22", &image("a"));
        assert!(seen.is_prepared() && seen.image("node:22").is_some());
        for heard in [false, true] {
            seen.hears(heard);
            assert!(!seen.is_prepared() && seen.image("node:22").is_none());
        }
    }

    #[test]
    fn what_happens_during_a_look_is_not_overlooked() {
        let seen = Seen::default();
        seen.hears(true);
        let look = seen.look();
        seen.doubt_prepared();
        seen.note_prepared(look);
        assert!(!seen.is_prepared());
        for (named, noted) in [(("b", "node:22"), None), (("a", "node:22"), Some("a")), (("b", "node:20"), Some("a"))] {
            let look = seen.look();
            seen.named(named.0, named.1);
            seen.note_image(look, "node:22", &image("a"));
            assert_eq!(id_of(&seen, "node:22").as_deref(), noted);
            seen.doubt_images();
        }
        let look = seen.look();
        seen.named("b", "node:22");
        (0..MAX_CHANGES).for_each(|number| seen.named("c", &format!("other:{number}")));
        seen.note_image(look, "node:22", &image("a"));
        assert_eq!(id_of(&seen, "node:22"), None, "too many to know");
    }

    #[test]
    fn a_name_that_passes_to_another_image_is_forgotten() {
        let seen = Seen::default();
        seen.hears(true);
        for reference in ["docker.io/library/node", "node:22", "mine:5000/node"] {
            seen.note_image(seen.look(), reference, &image("a"));
        }
        seen.named("a", "node:latest");
        assert_eq!(id_of(&seen, "docker.io/library/node").as_deref(), Some("a"), "it is the same");
        seen.named("b", "node:latest");
        assert_eq!(id_of(&seen, "docker.io/library/node"), None);
        assert_eq!(id_of(&seen, "node:22").as_deref(), Some("a"));
        seen.named("b", "mine:5000/node:latest");
        assert_eq!(id_of(&seen, "mine:5000/node"), None);
        seen.lost("b", "node:22-slim");
        assert_eq!(id_of(&seen, "node:22").as_deref(), Some("a"));
        seen.lost("a", "sha256:a");
        assert_eq!(id_of(&seen, "node:22"), None);
        let look = seen.look();
        seen.lost("a", "sha256:a");
        seen.note_image(look, "node:22", &image("a"));
        assert_eq!(id_of(&seen, "node:22"), None);
    }
}
