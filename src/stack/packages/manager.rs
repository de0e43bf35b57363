//! Which package manager installs a project, and why.

use super::lockfile::{Step, step};
use crate::{
    domain::error::Error,
    stack::{
        manifest::Package,
        project::{Project, bad},
    },
};

/// The release of yarn that reads lockfiles of version 1.
pub(super) const YARN_CLASSIC: &str = "1.22.22";
/// The release of yarn for newer lockfiles, when the project names none.
const YARN_BERRY: &str = "4.9.2";
/// The releases of pnpm by the lockfile's version.
const PNPM: [(&str, &str); 3] = [("5.", "7.33.7"), ("6.", "8.15.9"), ("9.", "10.18.3")];
/// The release of Bun that is used when the project names none.
pub(super) const BUN: &str = "1.3.1";
/// The most lockfiles, by the manager that writes them. The first come first where nothing else decides.
const LOCKFILES: [(&str, &[&str]); 4] = [
    ("npm", &["npm-shrinkwrap.json", "package-lock.json"]),
    ("pnpm", &["pnpm-lock.yaml"]),
    ("yarn", &["yarn.lock"]),
    ("bun", &["bun.lock", "bun.lockb"]),
];

/// What installs the packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manager {
    Npm,
    Pnpm { version: String },
    YarnClassic,
    YarnBerry { version: String },
    Bun { version: String },
}

/// A manager, with the lockfile that it goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub manager: Manager,
    pub lockfile: Option<&'static str>,
    /// Whether the lockfile is to decide alone: it may well be in step with the manifest.
    pub exact: bool,
}

/// A lockfile that is there.
struct Found {
    manager: &'static str,
    name: &'static str,
    step: Step,
}

/// Chooses the manager: of several lockfiles the one that is in step with the manifest, else the one that the manifest
/// names, else by the lockfile. Says which, and why.
///
/// # Errors
/// `BadManifest` when the manifest names a version that is none, or a lockfile cannot be read.
pub(super) fn choose(project: &Project<'_>, package: &Package, notes: &mut Vec<String>) -> Result<Choice, Error> {
    let named = package.package_manager.as_deref().unwrap_or_default();
    let (name, version) = named.split_once('@').unwrap_or((named, ""));
    // What follows a plus is a checksum.
    let version = version.split('+').next().unwrap_or_default();
    let good = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if !version.is_empty() && !good {
        return Err(bad(project.path("package.json"), format!("packageManager: {version} is no version")));
    }
    let name = LOCKFILES.iter().map(|(manager, _)| *manager).find(|manager| *manager == name);
    let found = lockfiles(project, package)?;
    let in_step = |found: &&Found| found.step == Step::In;
    let own = |name: &str| found.iter().find(|found| found.manager == name);
    let (chosen, lock, why) = match name {
        // Its lockfile, if there is one at all, is as good as the others.
        Some(name) => {
            let other = found.iter().find(in_step);
            match (own(name), other) {
                (Some(own), Some(other)) if matches!(own.step, Step::Out(_)) => {
                    (other.manager, Some(other), format!("by {}, which is in step with package.json", other.name))
                }
                (own, _) => (name, own, "by packageManager in package.json".to_owned()),
            }
        }
        None => {
            let unknown = || found.iter().find(|found| found.step == Step::Unknown);
            match found.iter().find(in_step).or_else(unknown).or(found.first()) {
                Some(lock) if found.len() > 1 && lock.step == Step::In => {
                    (lock.manager, Some(lock), format!("by {}, which is in step with package.json", lock.name))
                }
                Some(lock) => (lock.manager, Some(lock), format!("by {}", lock.name)),
                None => ("npm", None, "since there is no lockfile".to_owned()),
            }
        }
    };
    let version = if name == Some(chosen) { version } else { "" };
    let manager = of(chosen, version, project)?;
    let others: Vec<&str> =
        found.iter().map(|found| found.name).filter(|name| lock.is_none_or(|lock| lock.name != *name)).collect();
    let left = if others.is_empty() { String::new() } else { format!("; {} is left aside", others.join(" and ")) };
    notes.push(format!("packages: {}, {why}{left}", manager.title()));
    if let Some(Found { name, step: Step::Out(differs), .. }) = lock {
        notes.push(format!(
            "warning: {} is not in step with package.json ({differs}); installed by the manifest, with what the lockfile has of it",
            project.path(name)
        ));
    }
    let exact = lock.is_some_and(|lock| !matches!(lock.step, Step::Out(_)));
    Ok(Choice { manager, lockfile: lock.map(|lock| lock.name), exact })
}

/// Returns the lockfiles that are there, one of each manager.
fn lockfiles(project: &Project<'_>, package: &Package) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for (manager, names) in LOCKFILES {
        let Some(name) = project.first(names) else { continue };
        // Bun's older one is no text.
        let text = project.bytes(name)?.map(|bytes| String::from_utf8_lossy(bytes));
        found.push(Found { manager, name, step: text.map_or(Step::Unknown, |text| step(name, &text, package)) });
    }
    Ok(found)
}

/// Returns a manager in the release that is named, else in the one that wrote the lockfile, else in ours.
fn of(name: &str, version: &str, project: &Project<'_>) -> Result<Manager, Error> {
    let or = |other: String| if version.is_empty() { other } else { version.to_owned() };
    Ok(match name {
        "pnpm" => Manager::Pnpm { version: or(pnpm_version(project)) },
        "yarn" if version.starts_with("1.") => Manager::YarnClassic,
        "yarn" if version.is_empty() => match project.text("yarn.lock")? {
            Some(text) if text.lines().take(20).any(|line| line.starts_with("__metadata:")) => {
                Manager::YarnBerry { version: YARN_BERRY.to_owned() }
            }
            _ => Manager::YarnClassic,
        },
        "yarn" => Manager::YarnBerry { version: version.to_owned() },
        "bun" => Manager::Bun { version: or(BUN.to_owned()) },
        _ => Manager::Npm,
    })
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
    /// Returns its name and release, for people.
    fn title(&self) -> String {
        match self {
            Self::Npm => "npm".to_owned(),
            Self::Pnpm { version } => format!("pnpm {version}"),
            Self::YarnClassic => format!("yarn {YARN_CLASSIC}"),
            Self::YarnBerry { version } => format!("yarn {version}"),
            Self::Bun { version } => format!("Bun {version}"),
        }
    }
}
