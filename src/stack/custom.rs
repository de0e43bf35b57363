//! A project's own installation, from `install` in `previewd.toml`: its commands, and the files that they need.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    kinds::Kind,
    manifest::{self, Package},
    names::{SIDE_FOLDERS, decides_by_name},
    packages::HOOKS,
    previewd_toml::FILE,
    project::{FOREIGN, Project, bad, bad_json},
};
use crate::domain::{
    error::Error,
    path::{folder, name, resolve, upwards, within},
    runtime::{APP_ROOT, InstallPlan},
};

/// Fields of a `package.json` that no installation reads.
const IDLE_FIELDS: [&str; 14] = [
    "version",
    "description",
    "keywords",
    "author",
    "contributors",
    "maintainers",
    "license",
    "homepage",
    "bugs",
    "repository",
    "funding",
    "browserslist",
    "eslintConfig",
    "prettier",
];
/// Programs, and the files that they read without being told of them.
const IMPLIED: [(&str, &str); 4] =
    [("prisma", "prisma"), ("prisma", "schema.prisma"), ("patch-package", "patches"), ("make", "Makefile")];

/// Puts a project's own commands in place of what was planned, with the files that they read: manifests, lockfiles, the
/// settings of package managers, lists of requirements, and every file or folder that a command names by its path.
///
/// Where a command installs packages, the scripts of `package.json` that run with it count as commands as well.
///
/// # Errors
/// `BadManifest` if a `package.json` cannot be read.
pub(super) fn install(
    install: &mut InstallPlan,
    kind: &dyn Kind,
    project: &Project<'_>,
    commands: &[String],
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    install.commands = kind.install_by(commands);
    install.inputs.clear();
    if commands.is_empty() {
        return Ok(());
    }
    let package = Package::read(project)?.unwrap_or_default();
    let hooks = HOOKS.iter().filter_map(|name| package.script(name));
    let called = package.scripts.iter().filter(|(name, _)| commands.iter().any(|command| calls(command, name)));
    let said: Vec<&str> =
        commands.iter().map(String::as_str).chain(hooks).chain(called.map(|(_, script)| script.as_str())).collect();
    let top = project.at("");
    let names: BTreeSet<&str> = top.files().filter(|path| is_manifest(project, path)).collect();
    // Too large a manifest would be missing without a word.
    top.bring(names.into_iter().chain(named(project, &top, &said)), &mut install.inputs, notes);
    let scripts: Vec<String> =
        install.inputs.keys().filter(|path| top.is_executable(path)).map(|path| format!("{APP_ROOT}/{path}")).collect();
    if !scripts.is_empty() {
        // Inputs are plain files.
        let words =
            shlex::try_join(scripts.iter().map(String::as_str)).map_err(|error| bad(FILE, error.to_string()))?;
        install.commands.insert(0, format!("chmod 755 {words}"));
    }
    for (path, content) in &mut install.inputs {
        match name(path) {
            "package.json" => *content = without_idle_fields(path, content, commands)?,
            "package-lock.json" | "npm-shrinkwrap.json" => *content = manifest::without_identity(content),
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether a file decides by its name, and is at or below the folder that is run or in one of those above it.
fn is_manifest(project: &Project<'_>, path: &str) -> bool {
    let folder = folder(path);
    let at_or_below = |folder: &str, root: &str| folder == root || within(folder, root).is_some();
    let foreign = || folder.split('/').any(|part| FOREIGN.contains(&part));
    decides_by_name(path) && (at_or_below(folder, &project.root) || at_or_below(&project.root, folder)) && !foreign()
}

/// Returns whether a command calls a script of `package.json`.
fn calls(command: &str, script: &str) -> bool {
    let words: Vec<&str> = words(command).collect();
    words.windows(2).any(|pair| {
        pair[1] == script && matches!(pair[0], "run" | "run-script" | "pnpm" | "yarn" | "bun" | "npm-run-all" | "run-s")
    })
}

fn words(command: &str) -> impl Iterator<Item = &str> {
    let breaks =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|' | '(' | ')' | '<' | '>' | '=' | ',');
    command.split(breaks).filter(|word| !word.is_empty())
}

/// Returns the files, from the project's root, that commands name: by their path from the folder that is run, or by that of
/// a folder that they are in. A folder of sources has to be written as a path, as `./src`.
fn named<'a>(project: &Project<'_>, top: &Project<'a>, commands: &[&str]) -> Vec<&'a str> {
    let mut paths = BTreeSet::new();
    for word in commands.iter().flat_map(|command| words(command)) {
        let implied = IMPLIED.iter().filter(|(program, _)| *program == word).map(|(_, path)| *path);
        for name in implied.chain([word]) {
            let plain = name.trim_end_matches('/');
            if let Some(path) = beside(&project.root, name)
                && (name.contains('/') || top.has(&path) || SIDE_FOLDERS.contains(&plain))
            {
                paths.insert(path);
            }
        }
    }
    let is_named = |file: &&str| upwards(file).any(|path| paths.contains(path));
    top.files().filter(is_named).collect()
}

/// Returns a path that is named in a folder, from the project's root; `None` if it leads outside or to the folder itself.
fn beside(root: &str, name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains("://") {
        return None;
    }
    let path = resolve(root, name)?;
    (path != root && within(root, &path).is_none()).then_some(path)
}

/// Returns a `package.json` without what no installation reads. Of its scripts, those stay that run by themselves; and all
/// of them, where a command runs one.
fn without_idle_fields(path: &str, content: &[u8], commands: &[String]) -> Result<Vec<u8>, Error> {
    let fail = |error: serde_json::Error| bad_json(path, &error);
    let mut whole: Map<String, Value> = serde_json::from_slice(content).map_err(fail)?;
    whole.retain(|field, _| !IDLE_FIELDS.contains(&field.as_str()));
    if let Some(Value::Object(scripts)) = whole.get_mut("scripts")
        && !scripts.keys().any(|name| commands.iter().any(|command| calls(command, name)))
    {
        scripts.retain(|name, _| HOOKS.contains(&name.as_str()));
    }
    serde_json::to_vec_pretty(&whole).map_err(fail)
}
