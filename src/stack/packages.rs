//! How the packages of a `package.json` are installed: npm, pnpm or yarn, with the lockfile where there is one.

mod workspace;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    explain::AGAIN,
    manifest::{self, Identity, Package},
    project::{Project, bad, bad_json},
    wanted::{YARN_PLUGINS, is_archive},
};
use crate::domain::{
    error::Error,
    runtime::{APP_ROOT, BaseImage, HOME, InstallPlan},
};

/// Where package managers keep what they download, until the installation is over.
const CACHE: &str = "/tmp/previewd-packages";
/// `http`: one line for each package that is fetched, so that there is progress to see.
const NPM_FLAGS: &str = "--include=dev --no-audit --no-fund --no-update-notifier --loglevel=http";
/// The release of yarn that reads lockfiles of version 1.
const YARN_CLASSIC: &str = "1.22.22";
/// The release of yarn for newer lockfiles, when the project names none.
const YARN_BERRY: &str = "4.9.2";
/// The releases of pnpm by the lockfile's version.
const PNPM: [(&str, &str); 3] = [("5.", "7.33.7"), ("6.", "8.15.9"), ("9.", "10.18.3")];

/// The release of Bun that is used when the project names none.
const BUN: &str = "1.3.1";
/// Scripts of the project itself that package managers run at the end of an installation.
pub(super) const HOOKS: [&str; 4] = ["preinstall", "install", "postinstall", "prepare"];

/// A package that is installed though the project does not list it, with its version range.
pub(super) type Extra<'a> = (&'a str, &'a str);

/// What installs the packages.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Manager {
    Npm { lockfile: Option<&'static str> },
    Pnpm { version: String, locked: bool },
    YarnClassic { locked: bool },
    YarnBerry { version: String, locked: bool },
    Bun { version: String, locked: bool },
}

/// Returns the folder of the Bun that is kept for projects whose scripts call it.
pub(super) fn bun_folder() -> String {
    format!("{HOME}/bun/node_modules/.bin")
}

/// Plans the installation of a folder's packages and of some that it does not list.
///
/// # Errors
/// `BadManifest` when a manifest cannot be read.
pub(super) fn install(
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
    if nothing && extras.is_empty() && package.workspaces.is_none() && !calls_bun(package) {
        return Ok(plan);
    }
    let workspace = workspace::home(project)?;
    let (home, whole) = workspace.as_ref().map_or((project, package), |(home, whole)| (home, whole));
    let manager = manager(home, whole)?;
    plan.inputs = inputs(home, whole, &manager, notes)?;
    if home.root != project.root {
        notes.push(format!("{}: part of the workspace of {}", project.path("package.json"), home.path("package.json")));
        plan.commands
            .push(format!("cd {}", shlex::try_quote(&format!("{APP_ROOT}/{}", home.root)).unwrap_or_default()));
    }
    let path = project.path("package.json");
    if let (Some(manifest), false) = (plan.inputs.get_mut(&path), extras.is_empty()) {
        *manifest = with_extras(&path, manifest, extras)?;
    }
    if calls_bun(package) || matches!(manager, Manager::Bun { .. }) {
        let version = if let Manager::Bun { version, .. } = &manager { version } else { BUN };
        // It comes for every C library, and keeps the one that fits beside the others.
        plan.commands.push(format!(
            "npm install {NPM_FLAGS} --prefix \"$HOME/bun\" bun@{version}\nrm -rf \"$HOME/bun/node_modules/@oven\""
        ));
        plan.environment.insert("BUN_INSTALL_CACHE_DIR".into(), format!("{CACHE}/bun"));
    }
    plan.commands.extend(manager.commands(extras.is_empty()));
    plan.commands.push(format!("rm -rf {CACHE}"));
    plan.environment.insert("npm_config_cache".into(), format!("{CACHE}/npm"));
    if !matches!(manager, Manager::Npm { .. }) {
        plan.environment.insert("YARN_CACHE_FOLDER".into(), format!("{CACHE}/yarn"));
        // Vite and Node look for packages in node_modules; a release that the repository holds is not there yet.
        plan.environment.insert("YARN_NODE_LINKER".into(), "node-modules".into());
        plan.environment.insert("YARN_IGNORE_PATH".into(), "1".into());
        plan.environment.insert("YARN_ENABLE_TELEMETRY".into(), "0".into());
        plan.environment.insert("CI".into(), "1".into());
    }
    Ok(plan)
}

/// Returns whether an installation is npm's, as it is planned here.
pub(super) fn is_npm(plan: &InstallPlan) -> bool {
    let ends = plan.commands.last().is_some_and(|last| *last == format!("rm -rf {CACHE}"));
    let others = ["pnpm", "yarn", "bun"];
    ends && plan.commands.iter().any(|command| command.starts_with("npm ci ") || command.starts_with("npm install "))
        && !plan.commands.iter().any(|command| others.iter().any(|other| command.contains(other)))
}

/// Says which of the project's own scripts, beside those that only set up git, are not run though package managers would.
///
/// They may need sources, which are not there when dependencies are installed.
///
/// # Errors
/// `BadManifest` when the manifest cannot be read.
pub(super) fn note_hooks(project: &Project<'_>, notes: &mut Vec<String>) -> Result<(), Error> {
    let Some(package) = Package::read(project)? else { return Ok(()) };
    let idle = ["husky", "simple-git-hooks", "lefthook", "is-ci", "only-allow", "echo", "exit"];
    let matters = |script: &str| !idle.iter().any(|word| script.split([' ', '&', '|']).any(|part| part == *word));
    let hooks = HOOKS.into_iter().filter(|name| package.script(name).is_some_and(matters));
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

/// Finds the package manager: the one that the manifest names, else by lockfile.
fn manager(project: &Project<'_>, package: &Package) -> Result<Manager, Error> {
    let named = package.package_manager.as_deref().unwrap_or_default();
    let (name, version) = named.split_once('@').unwrap_or((named, ""));
    // What follows a plus is a checksum.
    let version = version.split('+').next().unwrap_or_default();
    let good = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if !version.is_empty() && !good {
        return Err(bad(project.path("package.json"), format!("packageManager: {version} is no version")));
    }
    let npm_lock = project.first(&["npm-shrinkwrap.json", "package-lock.json"]);
    let bun_lock = project.has("bun.lock") || project.has("bun.lockb");
    let (pnpm_lock, yarn_lock) = (project.has("pnpm-lock.yaml"), project.has("yarn.lock"));
    Ok(match name {
        "pnpm" => Manager::Pnpm { version: or(version, || pnpm_version(project)), locked: pnpm_lock },
        "yarn" if version.starts_with("1.") || version.is_empty() => Manager::YarnClassic { locked: yarn_lock },
        "yarn" => Manager::YarnBerry { version: version.to_owned(), locked: yarn_lock },
        "npm" => Manager::Npm { lockfile: npm_lock },
        "bun" => Manager::Bun { version: or(version, || BUN.to_owned()), locked: bun_lock },
        _ if npm_lock.is_some() => Manager::Npm { lockfile: npm_lock },
        _ if pnpm_lock => Manager::Pnpm { version: pnpm_version(project), locked: true },
        _ if yarn_lock => match project.text("yarn.lock")? {
            Some(text) if text.lines().take(20).any(|line| line.starts_with("__metadata:")) => {
                Manager::YarnBerry { version: YARN_BERRY.to_owned(), locked: true }
            }
            _ => Manager::YarnClassic { locked: true },
        },
        _ if bun_lock => Manager::Bun { version: BUN.to_owned(), locked: true },
        _ => Manager::Npm { lockfile: None },
    })
}

fn or(version: &str, other: impl FnOnce() -> String) -> String {
    if version.is_empty() { other() } else { version.to_owned() }
}

/// Returns the release of pnpm that wrote the lockfile, else the newest of ours.
fn pnpm_version(project: &Project<'_>) -> String {
    let text = project.text("pnpm-lock.yaml").ok().flatten().unwrap_or_default();
    let written = text.lines().find_map(|line| line.strip_prefix("lockfileVersion:"));
    let written = written.map(|version| version.trim().trim_matches(['\'', '"'])).unwrap_or("9.");
    let found = PNPM.iter().find(|(lockfile, _)| written.starts_with(lockfile));
    found.map_or(PNPM[2].1, |(_, release)| release).to_owned()
}

impl Manager {
    /// Returns the commands. `exact` asks that nothing but the lockfile decides; one that does not fit its manifest, as
    /// happens when only the manifest was edited, is mended instead of refused.
    fn commands(&self, exact: bool) -> Vec<String> {
        let or_mend = |strict: String, mend: String| {
            format!(
                "{strict} || {{ echo '{AGAIN}, by the manifest, since the lockfile does not serve as it is' >&2; {mend}; }}"
            )
        };
        vec![match self {
            Self::Npm { lockfile: None } => format!("npm install --no-package-lock {NPM_FLAGS}"),
            Self::Npm { .. } if !exact => format!("npm install {NPM_FLAGS}"),
            Self::Npm { .. } => or_mend(format!("npm ci {NPM_FLAGS}"), format!("npm install {NPM_FLAGS}")),
            Self::Pnpm { version, locked } => {
                let run = format!(
                    "npx --yes pnpm@{version} install --prod=false --store-dir {CACHE}/pnpm --package-import-method copy"
                );
                let free = format!("{run} --no-frozen-lockfile");
                if *locked && exact { or_mend(format!("{run} --frozen-lockfile"), free) } else { free }
            }
            Self::YarnClassic { locked } => {
                let run =
                    format!("npx --yes yarn@{YARN_CLASSIC} install --production=false --non-interactive --no-progress");
                if *locked && exact { or_mend(format!("{run} --frozen-lockfile"), run) } else { run }
            }
            Self::YarnBerry { version, locked } => {
                let run = format!("npx --yes --package @yarnpkg/cli-dist@{version} yarn install");
                let free = format!("{run} --no-immutable");
                if *locked && exact { or_mend(format!("{run} --immutable"), free) } else { free }
            }
            Self::Bun { locked, .. } => {
                let run = "\"$HOME/bun/node_modules/.bin/bun\" install --no-progress".to_owned();
                if *locked && exact { or_mend(format!("{run} --frozen-lockfile"), run) } else { run }
            }
        }]
    }
}

/// Gathers the files that the installation reads.
fn inputs(
    project: &Project<'_>,
    package: &Package,
    manager: &Manager,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut inputs = BTreeMap::new();
    let path = project.path("package.json");
    let parts = package.has_local_parts() || project.has("pnpm-workspace.yaml");
    if let Some(text) = project.text("package.json")? {
        // Yarn's newer lockfiles have the project's name in them.
        let named = parts || matches!(manager, Manager::YarnBerry { .. });
        let identity = if named { Identity::Name } else { Identity::Dropped };
        inputs.insert(path.clone(), manifest::reduced(&path, &text, identity)?);
    }
    for name in ["package-lock.json", "npm-shrinkwrap.json"] {
        if let Some(bytes) = project.bytes(name)? {
            inputs.insert(project.path(name), manifest::without_identity(bytes));
        }
    }
    let whole = [
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        ".pnpmfile.cjs",
        ".pnpmfile.mjs",
        "yarn.lock",
        "bun.lock",
        "bun.lockb",
        "bunfig.toml",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
    ];
    for name in whole {
        if let Some(bytes) = project.bytes(name)? {
            inputs.insert(project.path(name), bytes.to_vec());
        }
    }
    if parts {
        for name in project.files().filter(|name| name.ends_with("/package.json") && !name.contains("node_modules/")) {
            match project.source(name) {
                Some(text) => {
                    let member = manifest::reduced(&project.path(name), &text, Identity::Whole)?;
                    inputs.insert(project.path(name), member);
                }
                None => notes.push(format!("{name} is too deep to be part of the workspace's installation")),
            }
        }
    }
    let named = files_that_are_named(project, &inputs);
    bring(project, named, &mut inputs, notes);
    Ok(inputs)
}

/// Returns the files that the manifests name besides packages: patches, packages in archives, yarn's plugins.
fn files_that_are_named<'a>(project: &Project<'a>, inputs: &BTreeMap<String, Vec<u8>>) -> Vec<&'a str> {
    let says = ["package.json", "pnpm-workspace.yaml", ".yarnrc.yml"];
    let texts: Vec<_> = inputs
        .iter()
        .filter(|(path, _)| says.iter().any(|name| path.ends_with(name)))
        .map(|(_, content)| String::from_utf8_lossy(content))
        .collect();
    let yarn = project.has(".yarnrc.yml");
    let named = |name: &&str| {
        let last = name.rsplit('/').next().unwrap_or_default();
        let kind = is_archive(last) || last.ends_with(".patch") || last.ends_with(".diff");
        (kind && texts.iter().any(|text| text.contains(last))) || (yarn && name.starts_with(YARN_PLUGINS))
    };
    project.files().filter(named).collect()
}

/// Adds files to an installation, and says which could not be read.
pub(super) fn bring<'n>(
    project: &Project<'_>,
    names: impl IntoIterator<Item = &'n str>,
    inputs: &mut BTreeMap<String, Vec<u8>>,
    notes: &mut Vec<String>,
) {
    let mut missing = Vec::new();
    for name in names {
        match project.read(name) {
            Some(bytes) => _ = inputs.insert(project.path(name), bytes.to_vec()),
            None => missing.push(project.path(name)),
        }
    }
    if let Some(first) = missing.first() {
        let others = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        notes.push(format!(
            "{first}{others}: not there when dependencies are installed, being too large, too deep, too many or a link"
        ));
    }
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
