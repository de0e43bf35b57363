//! Folders with packages of their own that the scripts of another go to, without being members of a workspace of its.

use std::collections::BTreeSet;

use super::workspace;
use crate::{
    domain::path,
    stack::{
        manifest::Package,
        project::Project,
        script::{MAX_WORDS, mentioned, words},
    },
};

/// Words before the name of a folder in which what follows is done.
const BEFORE: [&str; 5] = ["cd", "--prefix", "-C", "--dir", "--cwd"];
/// The most of them that are looked at.
const MAX_FOLDERS: usize = 8;

/// Returns the folders that a script goes to, or one that it mentions, with their manifests. One whose manifest cannot be read
/// is for what goes there to complain of.
pub(super) fn named<'a>(project: &Project<'a>, package: &Package, script: &str) -> Vec<(Project<'a>, Package)> {
    let mut found: Vec<(Project<'a>, Package)> = Vec::new();
    let mut seen = BTreeSet::new();
    for text in mentioned(package, script) {
        let mut here = String::new();
        let words: Vec<&str> = words(text).take(MAX_WORDS).collect();
        for (index, word) in words.iter().enumerate() {
            let before = |name: &&&str| **name == word.split('=').next().unwrap_or_default();
            let Some(name) = BEFORE.iter().find(before) else { continue };
            let folder = word.split_once('=').map(|(_, folder)| folder).or(words.get(index + 1).copied());
            // From where the command before has gone to, or, where another shell begins, from where all begin.
            let Some(folder) = folder else { continue };
            let places = [resolve(&here, folder), resolve("", folder)];
            let is_there = |place: &String| project.at(&project.path(place)).has("package.json");
            let Some(folder) = places.into_iter().flatten().find(is_there) else { continue };
            if *name == "cd" {
                here.clone_from(&folder);
            }
            if folder.is_empty() || seen.len() == MAX_FOLDERS || !seen.insert(folder.clone()) {
                continue;
            }
            if workspace::has_member(project, package, &folder) {
                continue;
            }
            let there = project.at(&project.path(&folder));
            if let Ok(Some(package)) = Package::read(&there) {
                found.push((there, package));
            }
        }
    }
    found
}

/// Returns a folder from another, below the one in which the script is run; `None` for what is not below it.
fn resolve(from: &str, to: &str) -> Option<String> {
    (!to.starts_with(['/', '~', '$'])).then(|| path::resolve(from, to))?
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn folders_are_those_below() {
        for (from, path, wanted) in [
            ("", "client", Some("client")),
            ("", "./apps/web/", Some("apps/web")),
            ("client", "../server", Some("server")),
            ("client", "..", Some("")),
            ("", "..", None),
            ("", "/etc", None),
            ("", "$HOME", None),
        ] {
            assert_eq!(resolve(from, path).as_deref(), wanted, "{from} {path}");
        }
    }
}
