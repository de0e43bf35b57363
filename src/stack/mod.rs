//! How projects are recognised, installed, started and told of changes, and how their failures are read: one file per stack,
//! in `kinds`.
//!
//! Pure: a tree and the texts of some of its files go in, a [`RunPlan`] comes out. What the stacks put into containers
//! is compiled in from `stacks/`. To add a stack, see docs/adding-a-stack.md.

mod custom;
mod detect;
mod explain;
mod extend;
mod find;
mod frameworks;
mod halves;
mod kinds;
mod manifest;
mod names;
mod packages;
mod previewd_toml;
mod project;
mod readers;
mod requirements;
mod runtime;
mod script;
mod shell;
mod signs;
mod variables;
mod wanted;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use self::{
    explain::{End, PageAnswer, explain, explain_in, explain_page, import_line, installed, is_cut_short, listing_line},
    extend::on_top_of,
    kinds::dockerfile::{ended_at, with_authorities},
    packages::{DOWNLOADS, gives_downloads, keeping_downloads, takes_downloads},
    runtime::{StackConfig, authorities, base_environment, runtime_files},
};
use self::{find::find, project::Project};
use crate::domain::{
    error::Error,
    ids::FilePath,
    runtime::{BESIDE, ImagePlan, RunPlan, StartPlan},
    spec::{Overrides, Stack},
    tree::{Entry, Tree},
};

/// Returns the file in which a project says how it is run, where it has one that can be read: [`wanted`] needs its content.
pub fn settings_file(tree: &Tree) -> Option<&Entry> {
    wanted::settings_file(tree)
}

/// Returns the paths whose content [`plan`] needs: at most 256 files, each of at most 1 MiB, lockfiles and archives
/// 10 MiB, archives 16 MiB altogether. `settings` is the content of [`settings_file`].
///
/// A manifest that is larger is not among them; [`plan`] then says so by its name.
pub fn wanted(tree: &Tree, settings: Option<&[u8]>) -> Vec<FilePath> {
    wanted::wanted(tree, &settings.map(previewd_toml::named_root).unwrap_or_default())
}

/// Returns whether two trees have the same plan, with the same overrides. `wanted` are the paths of [`wanted`] in both.
pub fn is_run_alike(before: &Tree, after: &Tree, wanted: &[FilePath]) -> bool {
    wanted::are_alike(before, after, wanted)
}

/// Returns the paths that people look at in an app of a stack where the one that it is asked for is not there.
pub fn pages(stack: Stack) -> &'static [&'static str] {
    kinds::of(stack).pages()
}

/// Finds how a project is run.
///
/// What the request overrides comes first, then `previewd.toml`, then what is found from the files. `contents` holds the
/// files of [`wanted`]; more do no harm.
///
/// # Errors
/// `StackNotFound` lists what was looked for; `BadManifest` names the file and the field or line.
pub fn plan(tree: &Tree, contents: &BTreeMap<FilePath, Bytes>, overrides: &Overrides) -> Result<RunPlan, Error> {
    let top = Project::new(tree, contents, "");
    let settings = previewd_toml::read(&top)?;
    let mut notes = Vec::new();
    let root = settings.root.clone().unwrap_or_default();
    let project = top.at(&root);
    let start = overrides.start_command.as_deref().or(settings.start.as_deref());
    let (project, stack) = match overrides.stack.or(settings.stack) {
        Some(stack) => (project, stack),
        None => find(project, settings.root.is_none(), start.is_some(), &mut notes)?,
    };
    if start.is_none() {
        halves::note_below(&project, stack, &mut notes);
    }
    let kind = kinds::of(stack);
    let mut plan = kind.plan(&project, start, &mut notes)?;
    plan.start.named_port |= plan.start.argv.iter().any(|word| word == "--port");
    if let Some(start) = start {
        plan.start.named_port = false;
        kind.start_by(&mut plan.start, &project, start)?;
        notes.push(format!("started by: {start}"));
    }
    if let Some(port) = overrides.app_port.or(settings.port) {
        set_port(&mut plan.start, kind.port_variables(), port);
    }
    if let Some(path) = overrides.ready_path.as_ref().or(settings.ready_path.as_ref()) {
        plan.start.ready_path.clone_from(path);
    }
    if let ImagePlan::Dependencies(install) = &mut plan.image {
        match &settings.install {
            Some(commands) => custom::install(install, kind, &project, commands, &mut notes)?,
            None => kind.note_install(&project, &mut notes)?,
        }
        let commands = settings.install.as_deref().unwrap_or_default();
        let chosen = variables::deciding(&overrides.environment, commands, &install.inputs);
        install.environment.extend(chosen);
        if !plan.root.is_empty() && !install.commands.is_empty() {
            // The commands run in this folder, so it decides where what they install is.
            install.environment.insert("PREVIEWD_ROOT".into(), plan.root.clone());
        }
    }
    plan.prebundle = kind.prebundle(&project, &plan);
    kind.before_start(&project, &mut plan.start, &mut notes)?;
    add_environment(&mut plan, overrides);
    plan.data = settings.data.unwrap_or_default();
    plan.notes = notes;
    Ok(plan)
}

/// Adds the request's variables to those that the app is started with. They win, but for the module path, of which the
/// project's own folders have to stay, and for the options of Node, of which ours have to.
fn add_environment(plan: &mut RunPlan, overrides: &Overrides) {
    for (name, value) in &overrides.environment {
        let value = match (name.as_str(), plan.start.environment.get(name)) {
            ("PYTHONPATH", Some(own)) => format!("{value}:{own}"),
            ("NODE_OPTIONS", Some(own)) => format!("{value} {own}"),
            _ => value.clone(),
        };
        plan.start.environment.insert(name.clone(), value);
    }
}

/// Puts another port in place of the stack's own, wherever the app is told of it.
fn set_port(start: &mut StartPlan, variables: &[&str], port: u16) {
    start.port = port;
    start.named_port = true;
    if start.environment.contains_key(BESIDE) {
        // They may have been told none.
        start.environment.insert("PORT".to_owned(), port.to_string());
    }
    for name in variables {
        if let Some(told) = start.environment.get_mut(*name) {
            *told = port.to_string();
        }
    }
    if let Some(index) = start.argv.iter().position(|word| word == "--port")
        && let Some(told) = start.argv.get_mut(index + 1)
    {
        *told = port.to_string();
    }
}

#[cfg(test)]
mod tests;
