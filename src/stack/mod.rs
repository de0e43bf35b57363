//! One file per stack: how its projects are recognised, installed, started and told of changes.
//!
//! Pure: a tree and the texts of some of its files go in, a [`RunPlan`] comes out. What the stacks put into containers
//! is compiled in from `stacks/`. To add a stack, see docs/adding-a-stack.md.

mod custom;
mod dockerfile;
mod explain;
mod extend;
mod halves;
mod kind;
mod manifest;
mod names;
mod node;
mod packages;
mod project;
mod python;
mod react;
mod readers;
mod requirements;
mod runtime;
mod script;
mod settings;
mod shell;
mod static_files;
mod variables;
mod wanted;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use self::{
    dockerfile::{ended_at, with_authorities},
    explain::{End, PageAnswer, explain, explain_in, explain_page, installed},
    extend::on_top_of,
    runtime::{RuntimeFile, StackConfig, authorities, base_environment, runtime_files},
};
use self::{
    kind::Told,
    manifest::Package,
    project::{Project, looked_for},
    shell::shell,
};
use crate::domain::{
    detect::{self, Choice, PackageUse, Signs},
    error::Error,
    ids::FilePath,
    runtime::{ImagePlan, ReloadPlan, RunPlan},
    spec::{Overrides, Stack},
    tree::{Entry, Tree},
};

/// The most folders of one depth that are looked into when nothing above shows anything, and how deep they are.
const MAX_FOLDERS: usize = 64;
const MAX_DEPTH: usize = 3;

/// Returns the file in which a project says how it is run, where it has one that can be read: [`wanted`] needs its content.
pub fn settings_file(tree: &Tree) -> Option<&Entry> {
    wanted::settings_file(tree)
}

/// Returns the paths whose content [`plan`] needs: at most 256 files, each of at most 1 MiB, lockfiles and archives
/// 10 MiB, archives 16 MiB altogether. `settings` is the content of [`settings_file`].
///
/// A manifest that is larger is not among them; [`plan`] then says so by its name.
pub fn wanted(tree: &Tree, settings: Option<&[u8]>) -> Vec<FilePath> {
    wanted::wanted(tree, &settings.map(settings::named_root).unwrap_or_default())
}

/// Finds how a project is run.
///
/// What the request overrides comes first, then `previewd.toml`, then what is found from the files. `contents` holds the
/// files of [`wanted`]; more do no harm.
///
/// # Errors
/// `StackNotFound` lists what was looked for; `BadManifest` names the file and the field or line.
pub fn plan(
    tree: &Tree,
    contents: &BTreeMap<FilePath, Bytes>,
    overrides: &Overrides,
    config: &StackConfig,
) -> Result<RunPlan, Error> {
    let top = Project::new(tree, contents, "");
    let settings = settings::read(&top)?;
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
    let mut plan = match stack {
        Stack::Python => python::plan(&project, start.is_some(), &mut notes),
        Stack::Node => node::plan(&project, start.is_some(), &mut notes),
        Stack::React => react::plan(&project, start.is_some(), &mut notes),
        Stack::Static => static_files::plan(&project, &mut notes),
        Stack::Dockerfile => dockerfile::plan(&project, &mut notes),
    }?;
    plan.start.named_port |= plan.start.argv.iter().any(|word| word == "--port");
    if let Some(start) = start {
        start_by(&mut plan, &project, start)?;
        notes.push(format!("started by: {start}"));
    }
    if let Some(port) = overrides.app_port.or(settings.port) {
        set_port(&mut plan, port);
    }
    if let Some(path) = overrides.ready_path.as_ref().or(settings.ready_path.as_ref()) {
        plan.start.ready_path.clone_from(path);
    }
    if let ImagePlan::Dependencies(install) = &mut plan.image {
        match &settings.install {
            Some(commands) => custom::install(install, stack, &project, commands, &mut notes)?,
            None if matches!(stack, Stack::Node | Stack::React) => packages::note_hooks(&project, &mut notes)?,
            None => {}
        }
        install.environment.extend(config.installation.clone());
        let commands = settings.install.as_deref().unwrap_or_default();
        let chosen = variables::deciding(&overrides.environment, commands, &install.inputs);
        install.environment.extend(chosen);
        if !plan.root.is_empty() && !install.commands.is_empty() {
            // The commands run in this folder, so it decides where what they install is.
            install.environment.insert("PREVIEWD_ROOT".into(), plan.root.clone());
        }
    }
    add_environment(&mut plan, overrides);
    plan.data = settings.data.unwrap_or_default();
    plan.notes = notes;
    Ok(plan)
}

/// What a folder shows whose `package.json` is for tools, and that has nothing else.
const TOOLS_ALONE: Signs = Signs { package: Some(PackageUse::Tools), ..Signs::NONE };

/// Finds the stack of a folder, or of the only folder below it that has one, the shallowest first.
fn find<'a>(
    project: Project<'a>,
    search_below: bool,
    custom_start: bool,
    notes: &mut Vec<String>,
) -> Result<(Project<'a>, Stack), Error> {
    // Documentation alone says little of a project, of which the folders may say more; so do the tools of a workspace.
    let documentation = search_below && static_files::published(&project) == Some("docs");
    let own = signs(&project)?;
    let tools = search_below && !custom_start && own == TOOLS_ALONE;
    let choice = detect::choose(&own).filter(|it| it.stack != Stack::Static || !documentation);
    if let Some(choice) = choice.filter(|_| !tools) {
        notes.extend(choice.note.map(str::to_owned));
        return Ok((project, choice.stack));
    }
    let mut found: Vec<(Project<'a>, Choice)> = Vec::new();
    let mut above = vec![project.at(&project.root)];
    for _ in 0..if search_below { MAX_DEPTH } else { 0 } {
        let folders =
            above.iter().flat_map(|above| above.folders().into_iter().map(|name| above.at(&above.path(name))));
        let folders: Vec<Project<'a>> = folders.take(MAX_FOLDERS).collect();
        for below in &folders {
            let signs = signs(below)?;
            if let Some(choice) = detect::choose(&signs).filter(|_| signs != TOOLS_ALONE) {
                found.push((below.at(&below.root), choice));
            }
        }
        if !found.is_empty() {
            break;
        }
        above = folders;
    }
    if found.is_empty() && tools {
        return Ok((project, Stack::Node));
    }
    let chosen = if found.len() == 1 { Some(0) } else { halves::page(&found) };
    if let Some(chosen) = chosen {
        halves::note_others(&found, chosen, notes);
        let (below, choice) = found.swap_remove(chosen);
        notes.push(format!("the project is in the folder {}", below.root));
        notes.extend(choice.note.map(str::to_owned));
        return Ok((below, choice.stack));
    }
    let mut looked: Vec<String> = detect::LOOKED_FOR.iter().map(|name| project.path(name)).collect();
    if !found.is_empty() {
        let folders: Vec<&str> = found.iter().map(|(below, _)| below.root.as_str()).collect();
        looked.push(format!(
            "one folder with these, but there are {}: name one as root in previewd.toml",
            folders.join(", ")
        ));
    }
    Err(looked_for(looked))
}

/// Gathers what a folder shows of its kind.
fn signs(project: &Project<'_>) -> Result<Signs, Error> {
    let dockerfile = project.has(dockerfile::FILE);
    if dockerfile {
        // It decides alone: no manifest has to be good.
        return Ok(Signs { dockerfile, ..Signs::default() });
    }
    Ok(Signs {
        dockerfile,
        python_manifest: requirements::MANIFESTS.iter().any(|name| project.has(name))
            || requirements::describes_project(project)?,
        python_entry: python::has_entry(project),
        python_app: python::makes_app(project),
        package: Package::read(project)?.map(|package| -> PackageUse { node::package_use(project, &package) }),
        index_page: static_files::published(project).is_some(),
        server_script: project.has("server.js") || project.has("app.js"),
    })
}

/// Puts a command in place of what was found.
fn start_by(plan: &mut RunPlan, project: &Project<'_>, command: &str) -> Result<(), Error> {
    plan.start.argv = match plan.stack {
        Stack::Python => python::in_shell(command),
        Stack::Node | Stack::React => node::in_shell(project, command),
        Stack::Static | Stack::Dockerfile => shell(&[], &[], command),
    };
    plan.start.named_port = false;
    plan.start.reload = match plan.stack {
        Stack::React | Stack::Node => Package::read(project)?
            .map_or(Told::Nobody, |package| Told::of(&package))
            .prepare(&mut plan.start.environment),
        _ => ReloadPlan::Restart,
    };
    Ok(())
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
fn set_port(plan: &mut RunPlan, port: u16) {
    plan.start.port = port;
    plan.start.named_port = true;
    for name in ["PORT", python::GRADIO_PORT] {
        if let Some(told) = plan.start.environment.get_mut(name) {
            *told = port.to_string();
        }
    }
    if let Some(index) = plan.start.argv.iter().position(|word| word == "--port")
        && let Some(told) = plan.start.argv.get_mut(index + 1)
    {
        *told = port.to_string();
    }
}

#[cfg(test)]
mod tests;
