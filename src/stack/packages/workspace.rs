//! Workspaces: which folder above a package holds its lockfile and the settings of its package manager.

use serde_json::Value;

use crate::{
    domain::error::Error,
    stack::{manifest::Package, project::Project, wanted::LOCKFILES},
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
    let mut folder = project.root.as_str();
    while let Some(above) = above(folder) {
        folder = above;
        let home = project.at(above);
        let Some(package) = Package::read(&home)? else { continue };
        let member = project.root[above.len()..].trim_start_matches('/');
        if is_member(&patterns(&home, &package), member) {
            return Ok(Some((home, package)));
        }
    }
    Ok(None)
}

/// Returns the folder above one, or `None` for the project's root.
fn above(folder: &str) -> Option<&str> {
    (!folder.is_empty()).then(|| folder.rsplit_once('/').map_or("", |(above, _)| above))
}

/// Returns the patterns of the folders that a workspace is made of.
fn patterns(home: &Project<'_>, package: &Package) -> Vec<String> {
    let list = match &package.workspaces {
        Some(Value::Array(list)) => Some(list),
        Some(Value::Object(fields)) => fields.get("packages").and_then(Value::as_array),
        _ => None,
    };
    let mut found: Vec<String> = list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let text = home.source("pnpm-workspace.yaml").unwrap_or_default();
    // As everybody writes it: a list of texts below `packages:`.
    let lines = text.lines().skip_while(|line| !line.starts_with("packages:")).skip(1);
    let items = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let items = items.map_while(|line| line.strip_prefix('-'));
    found.extend(items.map(|item| {
        let item = item.split(" #").next().unwrap_or_default();
        item.trim().trim_matches(['"', '\'']).to_owned()
    }));
    found
}

fn is_member(patterns: &[String], folder: &str) -> bool {
    let matches = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let folder: Vec<&str> = folder.split('/').collect();
        fits(&pattern, &folder)
    };
    patterns.iter().any(|pattern| !pattern.starts_with('!') && matches(pattern))
        && !patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(matches)
}

fn fits(pattern: &[&str], folder: &[&str]) -> bool {
    match (pattern.split_first(), folder.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=folder.len()).any(|skipped| fits(rest, &folder[skipped..])),
        (Some((part, pattern)), Some((name, folder))) => {
            let same = match part.split_once('*') {
                Some((start, end)) => {
                    name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
                }
                None => part == name,
            };
            same && fits(pattern, folder)
        }
        _ => false,
    }
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
            (&[], "web", false),
        ] {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            assert_eq!(is_member(&patterns, folder), wanted, "{patterns:?} {folder}");
        }
    }
}
