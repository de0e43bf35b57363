//! Frameworks with a development server of their own, one file each, and one list: by which package they show, how they are
//! told of changes, and what they need.

mod angular;
mod astro;
mod docusaurus;
mod framework;
mod gatsby;
mod next;
mod nuxt;
mod qwik_city;
mod react_router;
mod remix;
mod solid_start;
mod svelte_kit;
mod tanstack_start;
mod told;

pub(super) use self::{framework::Framework, told::Told};
use super::manifest::Package;
use crate::domain::runtime::Needs;

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
const ALL: [Framework; 12] = [
    angular::FRAMEWORK,
    astro::FRAMEWORK,
    docusaurus::FRAMEWORK,
    gatsby::FRAMEWORK,
    next::FRAMEWORK,
    nuxt::FRAMEWORK,
    qwik_city::FRAMEWORK,
    react_router::FRAMEWORK,
    remix::FRAMEWORK,
    solid_start::FRAMEWORK,
    svelte_kit::FRAMEWORK,
    tanstack_start::FRAMEWORK,
];

/// Returns the framework that a project is made with, by its direct dependencies.
pub(super) fn of(package: &Package) -> Option<Framework> {
    ALL.into_iter().find(|framework| package.has(framework.package))
}

/// Returns what a project's framework is known to need.
pub(super) fn needs(package: &Package) -> Needs {
    Needs { memory_bytes: of(package).and_then(|framework| framework.memory_bytes) }
}

/// Returns how the development server of a project learns of changes.
pub(super) fn told(package: &Package) -> Told {
    match of(package) {
        Some(framework) => framework.told,
        None if SERVERS.iter().any(|name| package.has(name)) => Told::Hook,
        None => Told::Nobody,
    }
}
