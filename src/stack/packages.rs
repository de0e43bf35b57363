//! How the packages of a `package.json` are installed: npm, pnpm or yarn, with the lockfile where there is one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    manifest::{self, Package},
    project::{Project, bad},
};
use crate::domain::{
    error::Error,
    runtime::{BaseImage, InstallPlan},
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

/// A package that is installed though the project does not list it, with its version range.
pub(super) type Extra<'a> = (&'a str, &'a str);

/// What installs the packages.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Manager {
    Npm { lockfile: Option<&'static str> },
    Pnpm { version: String, locked: bool },
    YarnClassic { locked: bool },
    YarnBerry { version: String, locked: bool },
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
    if nothing && extras.is_empty() && package.workspaces.is_none() {
        return Ok(plan);
    }
    let manager = manager(project, package)?;
    plan.inputs = inputs(project, package, extras, notes)?;
    plan.commands = manager.commands(extras.is_empty());
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
    let (pnpm_lock, yarn_lock) = (project.has("pnpm-lock.yaml"), project.has("yarn.lock"));
    Ok(match name {
        "pnpm" => Manager::Pnpm { version: or(version, || pnpm_version(project)), locked: pnpm_lock },
        "yarn" if version.starts_with("1.") || version.is_empty() => Manager::YarnClassic { locked: yarn_lock },
        "yarn" => Manager::YarnBerry { version: version.to_owned(), locked: yarn_lock },
        "npm" => Manager::Npm { lockfile: npm_lock },
        _ if npm_lock.is_some() => Manager::Npm { lockfile: npm_lock },
        _ if pnpm_lock => Manager::Pnpm { version: pnpm_version(project), locked: true },
        _ if yarn_lock => match project.text("yarn.lock")? {
            Some(text) if text.lines().take(20).any(|line| line.starts_with("__metadata:")) => {
                Manager::YarnBerry { version: YARN_BERRY.to_owned(), locked: true }
            }
            _ => Manager::YarnClassic { locked: true },
        },
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
                "{strict} || {{ echo 'previewd: the lockfile does not serve as it is; installing by the manifest' >&2; {mend}; }}"
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
        }]
    }
}

/// Gathers the files that the installation reads.
fn inputs(
    project: &Project<'_>,
    package: &Package,
    extras: &[Extra<'_>],
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut inputs = BTreeMap::new();
    let path = project.path("package.json");
    if let Some(text) = project.text("package.json")? {
        let whole = manifest::reduced(&path, &text)?;
        inputs.insert(path.clone(), if extras.is_empty() { whole } else { with_extras(&path, &whole, extras)? });
    }
    let whole = [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "yarn.lock",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
    ];
    for name in whole {
        if let Some(bytes) = project.bytes(name)? {
            inputs.insert(project.path(name), bytes.to_vec());
        }
    }
    if package.has_local_parts() || project.has("pnpm-workspace.yaml") {
        for name in project.files().filter(|name| name.ends_with("/package.json") && !name.contains("node_modules/")) {
            match project.source(name) {
                Some(text) => _ = inputs.insert(project.path(name), manifest::reduced(&project.path(name), &text)?),
                None => notes.push(format!("{name} is too deep to be part of the workspace's installation")),
            }
        }
    }
    Ok(inputs)
}

/// Adds packages to the development dependencies of a reduced manifest.
fn with_extras(path: &str, manifest: &[u8], extras: &[Extra<'_>]) -> Result<Vec<u8>, Error> {
    let fail = |error: serde_json::Error| bad(path, error.to_string());
    let mut whole: Map<String, Value> = serde_json::from_slice(manifest).map_err(fail)?;
    let list = whole.entry("devDependencies").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(list) = list {
        list.extend(extras.iter().map(|(name, range)| ((*name).to_owned(), Value::from(*range))));
    }
    serde_json::to_vec_pretty(&whole).map_err(fail)
}
