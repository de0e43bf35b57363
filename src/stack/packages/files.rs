//! The files that an installation of packages reads.

use std::collections::BTreeMap;

use super::manager::{Choice, Manager};
use crate::{
    domain::{error::Error, path},
    stack::{
        manifest::{self, Identity, Package},
        names::{YARN_PLUGINS, is_archive},
        project::Project,
    },
};

/// Gathers the files that the installation reads.
pub(super) fn inputs(
    project: &Project<'_>,
    package: &Package,
    choice: &Choice,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut inputs = BTreeMap::new();
    let path = project.path("package.json");
    let parts = package.has_local_parts() || project.has("pnpm-workspace.yaml");
    if let Some(text) = project.text("package.json")? {
        // Yarn's newer lockfiles have the project's name in them.
        let named = parts || matches!(choice.manager, Manager::YarnBerry { .. });
        let identity = if named { Identity::Name } else { Identity::Dropped };
        inputs.insert(path.clone(), manifest::reduced(&path, &text, identity)?);
    }
    // Another manager's lockfile decides nothing.
    if let Some(name) = choice.lockfile
        && let Some(bytes) = project.bytes(name)?
    {
        let npm = matches!(choice.manager, Manager::Npm);
        inputs.insert(project.path(name), if npm { manifest::without_identity(bytes) } else { bytes.to_vec() });
    }
    let whole =
        ["pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs", "bunfig.toml", ".npmrc", ".yarnrc", ".yarnrc.yml"];
    for name in whole {
        if let Some(bytes) = project.bytes(name)? {
            inputs.insert(project.path(name), bytes.to_vec());
        }
    }
    // Another release of Node.js than they ask for is warned of.
    for name in [".nvmrc", ".node-version"] {
        if let Some(bytes) = project.read(name) {
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
    project.bring(named, &mut inputs, notes);
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
        let last = path::name(name);
        let kind = is_archive(last) || last.ends_with(".patch") || last.ends_with(".diff");
        (kind && texts.iter().any(|text| text.contains(last))) || (yarn && name.starts_with(YARN_PLUGINS))
    };
    project.files().filter(named).collect()
}

/// Returns whether a manifest or a lockfile has an address with a name or a token in it.
pub(super) fn has_credentials(inputs: &BTreeMap<String, Vec<u8>>) -> bool {
    let ends = |it: char| it == '/' || it == '"' || it == '\'' || it.is_whitespace();
    inputs.values().any(|content| {
        let text = String::from_utf8_lossy(content);
        let mut addresses = text.split("://").skip(1);
        addresses.any(|rest| rest.split(ends).next().is_some_and(|host| host.contains('@')))
    })
}

/// Returns whether there are packages in archives, or in folders, of the project's own: some managers pack those.
pub(super) fn has_own(inputs: &BTreeMap<String, Vec<u8>>) -> bool {
    let names_folder = |content: &Vec<u8>| String::from_utf8_lossy(content).contains("\"file:");
    inputs.iter().any(|(name, content)| is_archive(path::name(name)) || names_folder(content))
}

/// Returns whether a manifest or a lockfile has packages that come by git over ssh, or may.
pub(super) fn fetches_by_git(inputs: &BTreeMap<String, Vec<u8>>) -> bool {
    let signs = ["ssh://", "git@", "git+", "git://", ".git\"", "github:", "gitlab:", "bitbucket:"];
    inputs.values().any(|content| {
        let text = String::from_utf8_lossy(content);
        signs.iter().any(|sign| text.contains(sign))
    })
}
