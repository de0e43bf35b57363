//! The dependencies that were installed lately, for others that can be installed on top of them.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{domain::runtime::InstallPlan, preview::image::recipe::Name, stack};

/// How many sets of dependencies are remembered, how large the manifests of one may be, and how many of their images lie
/// on one another: an engine has a bound on layers.
const MAX_RECENT: usize = 32;
const MAX_RECENT_BYTES: usize = 1024 * 1024;
const MAX_DEPTH: usize = 8;

/// What was installed lately, the newest last.
#[derive(Default)]
pub(in crate::preview) struct Recent(Mutex<VecDeque<Installation>>);

/// Dependencies that were wanted in this life of the service. Their image may be on its way.
#[derive(Clone)]
pub(in crate::preview) struct Installation {
    base: String,
    pub(in crate::preview) key: String,
    pub(in crate::preview) tag: String,
    plan: InstallPlan,
    /// How many images of dependencies are below it.
    pub(in crate::preview) depth: usize,
}

impl Installation {
    pub(in crate::preview) fn new(name: &Name, plan: &InstallPlan, depth: usize) -> Self {
        let Name { base, key, tag, .. } = name;
        Self { base: base.clone(), key: key.clone(), tag: tag.clone(), plan: plan.clone(), depth }
    }
}

impl Recent {
    /// Returns the newest dependencies that others can be installed on top of, and the commands for that.
    pub(in crate::preview) fn below(&self, base: &str, wanted: &InstallPlan) -> Option<(Installation, Vec<String>)> {
        let recent = self.0.lock();
        recent.iter().rev().filter(|it| it.base == base && it.depth < MAX_DEPTH).find_map(|it| {
            let commands = stack::on_top_of(&it.plan, wanted)?;
            Some((it.clone(), commands))
        })
    }

    /// Remembers that some are there, or on their way.
    pub(in crate::preview) fn remember(&self, made: Installation) {
        let bytes: usize = made.plan.inputs.values().map(Vec::len).sum();
        if made.plan.commands.is_empty() || bytes > MAX_RECENT_BYTES {
            return;
        }
        let mut recent = self.0.lock();
        recent.retain(|it| it.tag != made.tag);
        recent.push_back(made);
        while recent.len() > MAX_RECENT {
            recent.pop_front();
        }
    }
}
