//! What pip, uv, npm, pnpm, yarn and Bun print when an installation fails: the reason, the package, and what to do.
//!
//! The cause stands anywhere in what they print, often far above the end, so all of it is read.

mod found;
mod git;
mod integrity;
mod lack;
mod pip;
mod registry;
mod scripts;
mod signs;
mod versions;

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use self::found::{Found, plain_name};
use super::lines::{MAX_INSTALL_LINES, readable};
use crate::{
    domain::{
        path,
        reason::Reason,
        runtime::{ImagePlan, InstallPlan, RunPlan},
    },
    stack::{kinds, readers::cause::Cause},
};

/// How the line begins that an installation prints before it tries again in another way. What was printed before it counts
/// no more.
const AGAIN: &str = "previewd: installing again, ";
/// How the lines begin in which an installation warns of something.
const WARNING: &str = "previewd: warning: ";
/// The most that is said of an installation that succeeded.
const MAX_NOTES: usize = 12;
/// The longest of it, in characters.
const MAX_NOTE_CHARS: usize = 400;

/// Reads the log of an installation. Returns the cause, and the index of the line that tells it.
pub(super) fn read(plan: &RunPlan, lines: &[String]) -> Option<(Cause, usize)> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let start = lines.iter().rposition(|line| line.starts_with(AGAIN)).map_or(0, |at| at + 1);
    let (found, start) =
        find(plan, &lines[start..]).map(|found| (found, start)).or_else(|| Some((find(plan, &lines)?, 0)))?;
    let (file, line) = if found.blames_nothing {
        (None, None)
    } else {
        let place = found.place.or_else(|| found.package.as_deref().and_then(|package| listed(plan, package)));
        place.map_or_else(|| (manifest(plan), None), |(file, line)| (Some(in_root(plan, &file)), line))
    };
    Some((Cause { reason: found.reason, message: found.message, file, line }, start + found.at))
}

/// Returns what is to be said of an installation that succeeded: what was done otherwise than asked for, and what was left.
pub fn installed(lines: &[String]) -> Vec<String> {
    let lines: Vec<&str> = lines[lines.len().saturating_sub(MAX_INSTALL_LINES)..].iter().map(String::as_str).collect();
    let mut notes: Vec<String> =
        lines.iter().filter_map(|line| line.strip_prefix(WARNING)).map(|note| format!("warning: {note}")).collect();
    for how in lines.iter().filter_map(|line| line.strip_prefix(AGAIN)) {
        if how.contains("peer dependencies") {
            let conflict = signs::conflict(&lines).unwrap_or_else(|| "the required versions conflict".to_owned());
            notes.push(format!("warning: {conflict}; installed with it allowed (--legacy-peer-deps)"));
        } else {
            notes.push(format!("warning: installed {how}"));
        }
    }
    notes.extend(scripts::left_out(&lines).map(|names| {
        format!("warning: the install scripts of {names} were not run: where they are needed, approve of them in package.json (pnpm.onlyBuiltDependencies, trustedDependencies)")
    }));
    notes.dedup();
    notes.truncate(MAX_NOTES);
    notes.into_iter().map(|note| readable(&note, MAX_NOTE_CHARS)).collect()
}

fn find(plan: &RunPlan, lines: &[&str]) -> Option<Found> {
    exhausted(lines)
        .or_else(|| git::read(lines, |address| from_address(plan, address)))
        .or_else(|| scripts::read(lines))
        .or_else(|| pip::read(lines))
        .or_else(|| integrity::read(plan, lines))
        .or_else(|| signs::read(lines))
        .map(|found| match &plan.image {
            ImagePlan::Dependencies(install) => {
                let line = lines.get(found.at).copied().unwrap_or_default();
                registry::place(install, &plan.root, found, line)
            }
            ImagePlan::Build { .. } => found,
        })
}

/// Reads that the container's memory, or the disk, did not suffice.
fn exhausted(lines: &[&str]) -> Option<Found> {
    static MEMORY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"JavaScript heap out of memory|^(?:/bin/sh: .*)?Killed$|^MemoryError|terminated by SIGKILL|virtual memory exhausted").ok()
    });
    let last = |text: &Regex| lines.iter().rposition(|line| text.is_match(line));
    if let Some(at) = lines.iter().rposition(|line| line.contains("ENOSPC") || line.contains("No space left on device"))
    {
        let message =
            "there is no space left for the installation: take large packages out, or give the service a larger disk";
        return Some(Found { message: message.into(), blames_nothing: true, ..Found::at(at) });
    }
    let at = MEMORY.as_ref().and_then(last)?;
    let message = "the installation ran out of memory: give it more, or take large packages out";
    Some(Found { reason: Reason::OutOfMemory, message: message.into(), blames_nothing: true, ..Found::at(at) })
}

/// Returns whether a line is of a package manager's own, and tells nothing of the cause.
pub(super) fn is_idle(line: &str) -> bool {
    static IDLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"A complete log of this run|For a full report see|_logs/\S+\.(?:log|txt)|note: [Tt]his (?:error|is an issue)|likely not a problem with|^info Visit |^npm (?:ERR!|error|warn|WARN)\s*$|╰─> See above|^\s*\[end of output\]|^npm http fetch |^previewd: (?:releases of|making a container) |^\s+at |^\s*$",
        )
        .ok()
    });
    IDLE.as_ref().is_some_and(|idle| idle.is_match(line))
}

/// Finds the line of a requirements file that names a package. Other manifests were rewritten, so their lines say nothing.
fn listed(plan: &RunPlan, package: &str) -> Option<(String, Option<u32>)> {
    let ImagePlan::Dependencies(install) = &plan.image else { return None };
    let name = plain_name(package);
    install.inputs.iter().filter(|(path, _)| path.ends_with(".txt") || path.ends_with(".in")).find_map(
        |(path, content)| {
            let text = String::from_utf8_lossy(content);
            let line = text.lines().position(|line| !line.trim().is_empty() && plain_name(line.trim()) == name)?;
            let path = path::within(path, &plan.root).unwrap_or(path);
            Some((path.to_owned(), u32::try_from(line + 1).ok()))
        },
    )
}

/// Returns the package that a manifest of the installation fetches from an address.
fn from_address(plan: &RunPlan, address: &str) -> Option<String> {
    let ImagePlan::Dependencies(install) = &plan.image else { return None };
    let path = git::path_of(address)?;
    from_manifests(install, &path).or_else(|| from_requirements(install, &path))
}

fn from_manifests(install: &InstallPlan, path: &str) -> Option<String> {
    let manifests = install.inputs.iter().filter(|(file, _)| file.ends_with("package.json"));
    manifests.filter_map(|(_, content)| serde_json::from_slice::<Value>(content).ok()).find_map(|manifest| {
        ["dependencies", "devDependencies", "optionalDependencies"].into_iter().find_map(|list| {
            let list = manifest.get(list)?.as_object()?;
            let fits = |range: &Value| range.as_str().is_some_and(|range| range.contains(path));
            list.iter().find(|(_, range)| fits(range)).map(|(name, _)| name.clone())
        })
    })
}

fn from_requirements(install: &InstallPlan, path: &str) -> Option<String> {
    let lists = install.inputs.iter().filter(|(file, _)| file.ends_with(".txt") || file.ends_with(".in"));
    lists.map(|(_, content)| String::from_utf8_lossy(content).into_owned()).find_map(|text| {
        let line = text.lines().find(|line| line.contains(path))?.to_owned();
        let name = line.split(['@', ' ']).next().unwrap_or_default().trim();
        let egg = line.split_once("#egg=").map(|(_, egg)| egg.split('&').next().unwrap_or(egg));
        egg.or((!name.is_empty() && !name.starts_with('-') && !name.contains(':')).then_some(name)).map(str::to_owned)
    })
}

/// Returns the manifest at fault when no line is known.
fn manifest(plan: &RunPlan) -> Option<String> {
    let ImagePlan::Dependencies(install) = &plan.image else { return None };
    let names = kinds::of(plan.stack).manifests();
    names.iter().map(|name| in_root(plan, name)).find(|path| install.inputs.contains_key(path) || names.len() == 1)
}

fn in_root(plan: &RunPlan, name: &str) -> String {
    if plan.root.is_empty() || name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", plan.root) }
}

#[cfg(test)]
mod tests;
