//! Frameworks with a development server of their own, and tools that bring one: one file each, and one list. By which package
//! they show, how they are told of changes, what they need, and who reads their errors.

mod angular;
mod astro;
mod create_react_app;
mod docusaurus;
mod eleventy;
mod framework;
mod gatsby;
mod next;
mod nuxt;
mod qwik_city;
mod react_router;
mod remix;
mod solid_start;
mod storybook;
mod svelte_kit;
mod tanstack_start;
mod told;
mod vike;
mod vinxi;
mod vite;
mod vitepress;
mod vue_cli;
mod webpack_dev_server;

use std::collections::BTreeMap;

pub(super) use self::{
    framework::Framework,
    told::{Told, has_hook},
};
use super::{manifest::Package, readers::cause::Cause};
use crate::domain::runtime::{Needs, ReloadPlan};

/// All of them, frameworks before the tools that they are made with. A project that lists several is of the first.
const ALL: [Framework; 21] = [
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
    vite::FRAMEWORK,
    vinxi::FRAMEWORK,
    vitepress::FRAMEWORK,
    vike::FRAMEWORK,
    storybook::FRAMEWORK,
    create_react_app::FRAMEWORK,
    vue_cli::FRAMEWORK,
    eleventy::FRAMEWORK,
    webpack_dev_server::FRAMEWORK,
];

/// Returns the framework that a project is made with, by its direct dependencies.
pub(super) fn of(package: &Package) -> Option<Framework> {
    first(package).filter(|framework| framework.builds)
}

/// Returns what the frameworks of a project are known to need: as much as the one that needs most.
pub(super) fn needs(packages: &[Package]) -> Needs {
    Needs { memory_bytes: packages.iter().filter_map(first).filter_map(|framework| framework.memory_bytes).max() }
}

/// Returns how changes to a project become visible that may have several development servers, after adding to the variables
/// what that takes.
pub(super) fn prepare(packages: &[Package], environment: &mut BTreeMap<String, String>) -> ReloadPlan {
    let plans: Vec<ReloadPlan> = packages.iter().map(|package| told(package).prepare(environment)).collect();
    if plans.contains(&ReloadPlan::Control) { ReloadPlan::Control } else { ReloadPlan::Restart }
}

/// Returns how the development server of a project learns of changes.
pub(super) fn told(package: &Package) -> Told {
    first(package).map_or(Told::Nobody, |framework| framework.told)
}

/// Reads what one of them alone prints.
pub(super) fn read(lines: &[String], root: &str) -> Option<Cause> {
    ALL.iter().filter_map(|framework| framework.reader).find_map(|read| read(lines, root))
}

fn first(package: &Package) -> Option<Framework> {
    ALL.into_iter().find(|framework| package.has(framework.package))
}
