//! How the packages of a `package.json` are installed: with which manager, by which commands, from which files.

mod commands;
mod downloads;
mod files;
mod folders;
mod lockfile;
mod manager;
mod workspace;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::{
    commands::{CACHE, NPM_FLAGS, clear, is_planned_here},
    manager::{BUN, Manager},
};
use super::{
    manifest::Package,
    project::{Project, bad_json},
    runtime::INSTALLER,
};
use crate::domain::{
    error::Error,
    runtime::{APP_ROOT, BaseImage, HOME, InstallPlan},
};

pub use self::downloads::{DOWNLOADS, gives_downloads, keeping_downloads, takes_downloads};

/// Scripts of the project itself that package managers run at the end of an installation.
pub(super) const HOOKS: [&str; 4] = ["preinstall", "install", "postinstall", "prepare"];

/// A package that is installed though the project does not list it, with its version range.
pub(super) type Extra<'a> = (&'a str, &'a str);

/// Returns the folder of the Bun that is kept for projects whose scripts call it.
pub(super) fn bun_folder() -> String {
    format!("{HOME}/bun/node_modules/.bin")
}

/// Plans the installation of a folder's packages and of some that it does not list, and of those of the folders that the
/// script goes to by which it is started.
///
/// # Errors
/// `BadManifest` when a manifest cannot be read.
pub(super) fn install(
    project: &Project<'_>,
    package: &Package,
    extras: &[Extra<'_>],
    script: &str,
    notes: &mut Vec<String>,
) -> Result<InstallPlan, Error> {
    let mut plan = install_own(project, package, extras, notes)?;
    for (folder, package) in folders::named(project, package, script) {
        let more = install_own(&folder, &package, &[], notes)?;
        if more.commands.is_empty() {
            continue;
        }
        notes.push(format!("{}: installed too, since a script goes there", folder.path("package.json")));
        let there = shlex::try_quote(&format!("{APP_ROOT}/{}", folder.root)).unwrap_or_default().into_owned();
        let clear = clear();
        plan.commands.retain(|command| *command != clear);
        let theirs = more.commands.iter().filter(|command| **command != clear);
        plan.commands.extend(theirs.map(|command| format!("cd {there}\n{command}")));
        plan.commands.push(clear);
        plan.inputs.extend(more.inputs);
        plan.environment.extend(more.environment);
    }
    Ok(plan)
}

fn install_own(
    project: &Project<'_>,
    package: &Package,
    extras: &[Extra<'_>],
    notes: &mut Vec<String>,
) -> Result<InstallPlan, Error> {
    let mut plan = InstallPlan {
        base: BaseImage::Node,
        commands: Vec::new(),
        inputs: BTreeMap::new(),
        environment: BTreeMap::new(),
    };
    let nothing = [&package.dependencies, &package.dev_dependencies, &package.optional_dependencies]
        .into_iter()
        .all(BTreeMap::is_empty);
    if nothing && extras.is_empty() && !workspace::is_root(project, package) && !calls_bun(package) {
        return Ok(plan);
    }
    let workspace = workspace::home(project)?;
    let (home, whole) = workspace.as_ref().map_or((project, package), |(home, whole)| (home, whole));
    let choice = manager::choose(home, whole, notes)?;
    plan.inputs = files::inputs(home, whole, &choice, notes)?;
    if home.root != project.root {
        notes.push(format!("{}: part of the workspace of {}", project.path("package.json"), home.path("package.json")));
    }
    // Each command is run from the folder that is started.
    let there = match &workspace {
        Some((home, _)) => {
            format!("cd {}\n", shlex::try_quote(&format!("{APP_ROOT}/{}", home.root)).unwrap_or_default())
        }
        None => String::new(),
    };
    let path = project.path("package.json");
    if let (Some(manifest), false) = (plan.inputs.get_mut(&path), extras.is_empty()) {
        *manifest = with_extras(&path, manifest, extras)?;
    }
    if calls_bun(package) || matches!(choice.manager, Manager::Bun { .. }) {
        let version = if let Manager::Bun { version, .. } = &choice.manager { version } else { BUN };
        // It comes for every C library, and keeps the one that fits beside the others.
        plan.commands.push(format!(
            "npm install {NPM_FLAGS} --prefix \"$HOME/bun\" bun@{version}\nrm -rf \"$HOME/bun/node_modules/@oven\""
        ));
        plan.environment.insert("BUN_INSTALL_CACHE_DIR".into(), format!("{CACHE}/bun"));
    }
    let approved = !approves_builds(&plan.inputs);
    plan.commands.push(there + &commands::command(&choice, extras.is_empty(), approved));
    plan.commands.push(clear());
    plan.environment.extend(process_environment(&choice.manager));
    if files::fetches_by_git(&plan.inputs) {
        plan.environment.extend(over_https());
    }
    Ok(plan)
}

/// Returns the variables that a manager installs with.
fn process_environment(manager: &Manager) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("npm_config_cache".to_owned(), format!("{CACHE}/npm")),
        // Folders of the project are linked, as npm does but in its ninth release, which packs them: what is in them comes with
        // the sources.
        ("npm_config_install_links".to_owned(), "false".to_owned()),
        // The young generation, which Node.js makes small where memory is bounded: then it collects garbage all the time.
        ("NODE_OPTIONS".to_owned(), "--max-semi-space-size=32".to_owned()),
        // What it does decides what is installed.
        ("PREVIEWD_INSTALLER".to_owned(), digest(INSTALLER)),
    ]);
    if !matches!(manager, Manager::Npm) {
        environment.extend([
            ("YARN_CACHE_FOLDER".to_owned(), format!("{CACHE}/yarn")),
            // Vite and Node look for packages in node_modules; a release that the repository holds is not there yet.
            ("YARN_NODE_LINKER".to_owned(), "node-modules".to_owned()),
            ("YARN_IGNORE_PATH".to_owned(), "1".to_owned()),
            ("YARN_ENABLE_TELEMETRY".to_owned(), "0".to_owned()),
            ("CI".to_owned(), "1".to_owned()),
        ]);
    }
    environment
}

/// Returns the manifests whose development servers a folder's scripts may start: its own, and those of the members of the
/// workspace that it is the root of, or of the folders that the script goes to.
pub(super) fn with_members(project: &Project<'_>, package: Package, script: &str) -> Vec<Package> {
    let mut members = workspace::members(project, &package);
    members.extend(folders::named(project, &package, script).into_iter().map(|(_, package)| package));
    std::iter::once(package).chain(members).collect()
}

/// Returns whether an installation is npm's, as it is planned here.
pub(super) fn is_npm(plan: &InstallPlan) -> bool {
    let others = ["pnpm", "yarn", "bun"];
    is_planned_here(plan)
        && plan.commands.iter().any(|command| command.contains("npm ci ") || command.contains("npm install "))
        && !plan.commands.iter().any(|command| others.iter().any(|other| command.contains(other)))
}

/// Returns the variables by which git fetches what everybody may read over https, though a lockfile or a manifest says ssh,
/// for which there is no key: npm writes so of every repository.
fn over_https() -> BTreeMap<String, String> {
    let hosts = ["github.com", "gitlab.com", "bitbucket.org"];
    let forms = hosts.iter().flat_map(|host| [(host, format!("ssh://git@{host}/")), (host, format!("git@{host}:"))]);
    let mut variables = BTreeMap::new();
    for (index, (host, form)) in forms.enumerate() {
        variables.insert(format!("GIT_CONFIG_KEY_{index}"), format!("url.https://{host}/.insteadOf"));
        variables.insert(format!("GIT_CONFIG_VALUE_{index}"), form);
        variables.insert("GIT_CONFIG_COUNT".to_owned(), (index + 1).to_string());
    }
    variables
}

/// Returns whether a project says itself whose install scripts may run.
fn approves_builds(inputs: &BTreeMap<String, Vec<u8>>) -> bool {
    let words = [
        "onlyBuiltDependencies",
        "neverBuiltDependencies",
        "ignoredBuiltDependencies",
        "allowBuilds",
        "dangerouslyAllowAllBuilds",
        "trustedDependencies",
        "only-built-dependencies",
    ];
    let says = |path: &str| ["package.json", "pnpm-workspace.yaml", ".npmrc"].iter().any(|name| path.ends_with(name));
    inputs.iter().filter(|(path, _)| says(path)).any(|(_, content)| {
        let text = String::from_utf8_lossy(content);
        words.iter().any(|word| text.contains(word))
    })
}

pub(super) fn digest(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(content)[..8])
}

/// Says which of the project's own scripts, beside those that only set up git, are not run though package managers would.
///
/// They may need sources, which are not there when dependencies are installed. `covered` says of which the work is done elsewhere.
///
/// # Errors
/// `BadManifest` when the manifest cannot be read.
pub(super) fn note_hooks(
    project: &Project<'_>,
    covered: fn(&str) -> bool,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let Some(package) = Package::read(project)? else { return Ok(()) };
    let idle = ["husky", "simple-git-hooks", "lefthook", "is-ci", "only-allow", "echo", "exit"];
    let matters = |script: &str| !idle.iter().any(|word| script.split([' ', '&', '|']).any(|part| part == *word));
    let is_left = |script: &str| matters(script) && !covered(script);
    let hooks = HOOKS.into_iter().filter(|name| package.script(name).is_some_and(is_left));
    notes.extend(hooks.map(|name| {
        let path = project.path("package.json");
        format!("{path}: the {name} script is not run, since it may need sources; `install` in previewd.toml can do it")
    }));
    Ok(())
}

/// Returns whether the project needs Bun itself, beside what it installs.
fn calls_bun(package: &Package) -> bool {
    let word = |script: &String| script.split([' ', '&', '|', ';', '"', '\'', '(']).any(|word| word == "bun");
    package.scripts.values().any(word) || is_for_bun(package)
}

/// Returns whether a project is made for Bun, as `bun init` makes them.
pub(super) fn is_for_bun(package: &Package) -> bool {
    package.has("@types/bun") || package.has("bun-types")
}

/// Adds packages to the development dependencies of a reduced manifest.
fn with_extras(path: &str, manifest: &[u8], extras: &[Extra<'_>]) -> Result<Vec<u8>, Error> {
    let fail = |error: serde_json::Error| bad_json(path, &error);
    let mut whole: Map<String, Value> = serde_json::from_slice(manifest).map_err(fail)?;
    let list = whole.entry("devDependencies").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(list) = list {
        list.extend(extras.iter().map(|(name, range)| ((*name).to_owned(), Value::from(*range))));
    }
    serde_json::to_vec_pretty(&whole).map_err(fail)
}
