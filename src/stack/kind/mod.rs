//! Frameworks with a development server of their own, one file each: by which package they show, and how they are told of
//! changes.

mod angular;
mod astro;
mod docusaurus;
mod gatsby;
mod next;
mod nuxt;
mod qwik_city;
mod react_router;
mod remix;
mod solid_start;
mod svelte_kit;
mod tanstack_start;

use std::collections::BTreeMap;

use super::manifest::Package;
use crate::domain::runtime::{APP_ROOT, Needs, RUNTIME_MOUNT, ReloadPlan};

/// Packages that bring a development server that is told of changes to a project that is made with none of these: Vite's,
/// webpack's, Eleventy's.
const SERVERS: [&str; 8] = [
    "vite",
    "vinxi",
    "vitepress",
    "vike",
    "@storybook/react-vite",
    "react-scripts",
    "@vue/cli-service",
    "@11ty/eleventy",
];
/// All of them. A project that lists several is of the first.
const ALL: [Kind; 12] = [
    angular::KIND,
    astro::KIND,
    docusaurus::KIND,
    gatsby::KIND,
    next::KIND,
    nuxt::KIND,
    qwik_city::KIND,
    react_router::KIND,
    remix::KIND,
    solid_start::KIND,
    svelte_kit::KIND,
    tanstack_start::KIND,
];

/// Those whose development servers need more memory than most, by their packages: Next.js 15 takes 700 MB at its first page.
const HEAVY: [&str; 3] = [angular::KIND.package, next::KIND.package, nuxt::KIND.package];
/// How much they begin with, in bytes.
const HEAVY_BYTES: u64 = 1024 * 1024 * 1024;

/// What is known of one framework. Its `start` script serves what a build has made, so that `dev` is what shows sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The package whose presence in the manifest shows it.
    pub package: &'static str,
    /// How its development server learns of changes.
    pub told: Told,
}

/// How a development server learns of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Through the Vite, the webpack or the watcher that it makes its server by, which is found by a hook
    /// (`stacks/node/hook.cjs`).
    Hook,
    /// By its own watcher; that it has built what was sent it says over its channel to the browser (`stacks/node/next.cjs`).
    Next,
    /// It is not: its process is started anew.
    Nobody,
}

/// Returns what a project's framework is known to need.
pub(super) fn needs(package: &Package) -> Needs {
    let heavy = of(package).is_some_and(|kind| HEAVY.contains(&kind.package));
    Needs { memory_bytes: heavy.then_some(HEAVY_BYTES) }
}

/// Returns the framework that a project is made with, by its direct dependencies.
pub(super) fn of(package: &Package) -> Option<Kind> {
    ALL.into_iter().find(|kind| package.has(kind.package))
}

impl Told {
    /// Returns how the development server of a project learns of changes.
    pub fn of(package: &Package) -> Self {
        match of(package) {
            Some(kind) => kind.told,
            None if SERVERS.iter().any(|name| package.has(name)) => Self::Hook,
            None => Self::Nobody,
        }
    }

    /// Returns how a change becomes visible, after adding to the variables what that takes.
    pub fn prepare(self, environment: &mut BTreeMap<String, String>) -> ReloadPlan {
        let hook = match self {
            Self::Hook => "hook.cjs",
            Self::Next => "next.cjs",
            Self::Nobody => return ReloadPlan::Restart,
        };
        environment.insert("PREVIEWD_PROJECT".into(), APP_ROOT.into());
        // Child processes inherit it. Node takes the options of both.
        let hook = format!("--require={RUNTIME_MOUNT}/node/{hook}");
        let options = environment.entry("NODE_OPTIONS".into()).or_default();
        if !options.contains(&hook) {
            *options = format!("{options} {hook}").trim_start().to_owned();
        }
        ReloadPlan::Control
    }
}
