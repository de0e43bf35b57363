//! Workspaces: which folder above a package holds its lockfile and the settings of its package manager.

use globset::{GlobBuilder, GlobSetBuilder};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    domain::{error::Error, path::upwards},
    stack::{manifest::Package, names::LOCKFILES, project::Project},
};

/// Returns the folder above a package whose workspace it is part of, with the manifest there; `None` for a package on its
/// own, which one with its own lockfile is.
///
/// # Errors
/// `BadManifest` when a manifest above cannot be read.
pub(super) fn home<'a>(project: &Project<'a>) -> Result<Option<(Project<'a>, Package)>, Error> {
    if project.first(&LOCKFILES).is_some() {
        return Ok(None);
    }
    for above in upwards(&project.root).skip(1) {
        let home = project.at(above);
        let Some(package) = Package::read(&home)? else { continue };
        let member = project.root[above.len()..].trim_start_matches('/');
        if is_member(&patterns(&home, &package), member) {
            return Ok(Some((home, package)));
        }
    }
    Ok(None)
}

/// Returns whether a folder is the root of a workspace, by its own manifest or by pnpm's.
pub(super) fn is_root(project: &Project<'_>, package: &Package) -> bool {
    package.workspaces.is_some() || !patterns(project, package).is_empty()
}

/// Returns the manifests of the members of a workspace, where a folder is the root of one. One that cannot be read is for the
/// installation to complain of.
pub(super) fn members(project: &Project<'_>, package: &Package) -> Vec<Package> {
    let patterns = patterns(project, package);
    if patterns.is_empty() {
        return Vec::new();
    }
    let manifests = project.files().filter_map(|path| path.strip_suffix("/package.json"));
    let folders = manifests.filter(|folder| is_member(&patterns, folder));
    folders.filter_map(|folder| Package::read(&project.at(&project.path(folder))).ok().flatten()).collect()
}

/// Returns whether a folder is a member of the workspace that another is the root of.
pub(super) fn has_member(project: &Project<'_>, package: &Package, folder: &str) -> bool {
    is_member(&patterns(project, package), folder)
}

/// Returns the patterns of the folders that a workspace is made of.
fn patterns(home: &Project<'_>, package: &Package) -> Vec<String> {
    let list = match &package.workspaces {
        Some(Value::Array(list)) => Some(list),
        Some(Value::Object(fields)) => fields.get("packages").and_then(Value::as_array),
        _ => None,
    };
    let mut found: Vec<String> = list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    // One that is no YAML is for pnpm to complain of.
    let text = home.source("pnpm-workspace.yaml").unwrap_or_default();
    found.extend(serde_saphyr::from_str::<Workspace>(&text).unwrap_or_default().packages);
    found
}

/// What is read of `pnpm-workspace.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Workspace {
    packages: Vec<String>,
}

/// Returns whether a folder is one of those that patterns name, and none of those that they take out.
fn is_member(patterns: &[String], folder: &str) -> bool {
    let (out, of): (Vec<&String>, Vec<&String>) = patterns.iter().partition(|pattern| pattern.starts_with('!'));
    fits(of.into_iter().map(String::as_str), folder) && !fits(out.into_iter().map(|pattern| &pattern[1..]), folder)
}

fn fits<'p>(patterns: impl Iterator<Item = &'p str>, folder: &str) -> bool {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let plain = pattern.trim_start_matches("./").trim_end_matches('/');
        // What is no pattern matches nothing.
        if let Ok(glob) = GlobBuilder::new(plain).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().is_ok_and(|set| set.is_match(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_pattern() {
        for (patterns, folder, wanted) in [
            (&["apps/*"][..], "apps/web", true),
            (&["./apps/web/"], "apps/web", true),
            (&["packages/*"], "apps/web", false),
            (&["apps/*"], "apps/web/deep", false),
            (&["apps/**"], "apps/web/deep", true),
            (&["**"], "web", true),
            (&["web-*"], "web-a", true),
            (&["*", "!web"], "web", false),
            (&["{apps,libs}/*"], "libs/a", true),
            (&["["], "web", false),
            (&[], "web", false),
        ] {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            assert_eq!(is_member(&patterns, folder), wanted, "{patterns:?} {folder}");
        }
    }
}
