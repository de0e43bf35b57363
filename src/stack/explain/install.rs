//! What pip, npm, pnpm and yarn print when an installation fails.

use std::sync::LazyLock;

use regex::Regex;

use super::{Cause, INSTALL_FAILED as REASON};
use crate::domain::{
    runtime::{ImagePlan, RunPlan},
    spec::Stack,
};

/// What one pattern tells: a message in which `{}` is the pattern's group, the package at fault where there is one.
struct Sign {
    pattern: &'static str,
    message: &'static str,
}

const fn sign(pattern: &'static str, message: &'static str) -> Sign {
    Sign { pattern, message }
}

/// The most telling first.
const SIGNS: [Sign; 18] = [
    sign(r"No matching distribution found for (\S+)", "there is no package {} that fits"),
    sign(r"Could not find a version that satisfies the requirement (\S+)", "there is no package {} that fits"),
    sign(r"Invalid requirement: (.+?)(?: \(from .*)?$", "{} is no requirement"),
    sign(r"Cannot install (.+) because these package versions have conflict", "{} conflict"),
    sign(r"ResolutionImpossible", "the required versions conflict"),
    sign(r"Failed building wheel for (\S+)", "the package {} could not be built"),
    sign(r"Failed to build '?([^' ]+)'?", "the package {} could not be built"),
    sign(r"404 +The requested resource '((?:@[^/'@ ]+/)?[^/'@ ]+)@[^']*' could not", "there is no package {}"),
    sign(r"404 +'((?:@[^/'@ ]+/)?[^/'@ ]+)@[^' ]*' is not in", "there is no package {}"),
    sign(r"notarget No matching version found for (\S+?)\.?$", "there is no version {}"),
    sign(r"ERR_PNPM_FETCH_404.*/([^/ ]+): Not Found", "there is no package {}"),
    sign(r"ERR_PNPM_NO_MATCHING_VERSION.*No matching version found for (\S+)", "there is no version {}"),
    sign(r#"Couldn't find (?:package|any versions for) "([^"]+)""#, "there is no package {}"),
    sign(r"npm (?:ERR!|error) (?:code )?ERESOLVE", "the required versions conflict"),
    sign(r"Could not resolve dependency", "the required versions conflict"),
    sign(r"npm (?:ERR!|error) code EJSONPARSE", "package.json is no JSON"),
    sign(
        r"ERR_PNPM_OUTDATED_LOCKFILE|npm ci.*can only install packages when",
        "the lockfile does not fit its manifest",
    ),
    sign(NETWORK, "the package index could not be used"),
];

/// What is wrong with the way to the packages, and so with no file of the project.
const NETWORK: &str = r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|Temporary failure in name resolution|Failed to establish a new connection|CERTIFICATE_VERIFY_FAILED|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED_CERT_IN_CHAIN|No space left on device";

static PATTERNS: LazyLock<Vec<(Regex, &'static Sign)>> =
    LazyLock::new(|| SIGNS.iter().filter_map(|sign| Some((Regex::new(sign.pattern).ok()?, sign))).collect());
/// Where a requirement stands: `(from -r requirements.txt (line 3))`, `(from line 3 of requirements.txt)`.
static ORIGIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\(from -r (\S+) \(line (\d+)\)\)|\(from line (\d+) of (\S+?)\)|on line (\d+) of (\S+?)[:,)]").ok()
});

/// Reads the log of an installation.
pub(super) fn read(plan: &RunPlan, lines: &[String]) -> Option<Cause> {
    let (found, sign) = PATTERNS.iter().find_map(|(pattern, sign)| {
        // The mended attempt that follows a strict one repeats what went wrong, so the last is what counts.
        let found = lines.iter().rev().find_map(|line| pattern.captures(line))?;
        Some((found, *sign))
    })?;
    let package = found.get(1).map(|package| package.as_str().trim_matches(['\'', '"', ',', ';', ':', '.']));
    let message = sign.message.replace("{}", package.unwrap_or_default());
    if sign.pattern == NETWORK {
        let said = found.get(0).map_or("", |text| text.as_str());
        return Some(Cause { reason: REASON, message: format!("{message}: {said}"), file: None, line: None });
    }
    let place = package.and_then(|package| origin(lines).or_else(|| listed(plan, package)));
    let (file, line) = match place {
        Some((file, line)) => (Some(in_root(plan, &file)), line),
        None => (manifest(plan), None),
    };
    Some(Cause { reason: REASON, message, file, line })
}

/// Returns the place that pip names last.
fn origin(lines: &[String]) -> Option<(String, Option<u32>)> {
    let mut errors = lines.iter().rev().filter(|line| line.contains("ERROR"));
    let found = errors.find_map(|line| ORIGIN.as_ref()?.captures(line))?;
    let group = |index: usize| found.get(index).map(|text| text.as_str().to_owned());
    let file = group(1).or_else(|| group(4)).or_else(|| group(6))?;
    let line = group(2).or_else(|| group(3)).or_else(|| group(5))?;
    Some((file, line.parse().ok()))
}

/// Finds the line of a requirements file that names a package. Other manifests were rewritten, so their lines say nothing.
fn listed(plan: &RunPlan, package: &str) -> Option<(String, Option<u32>)> {
    let ImagePlan::Dependencies(install) = &plan.image else { return None };
    let name = plain_name(package);
    install.inputs.iter().filter(|(path, _)| path.ends_with(".txt") || path.ends_with(".in")).find_map(
        |(path, content)| {
            let text = String::from_utf8_lossy(content);
            let line = text.lines().position(|line| !line.trim().is_empty() && plain_name(line.trim()) == name)?;
            let path = path.strip_prefix(&plan.root).unwrap_or(path).trim_start_matches('/');
            Some((path.to_owned(), u32::try_from(line + 1).ok()))
        },
    )
}

/// Returns a requirement's name as package indexes compare it.
fn plain_name(requirement: &str) -> String {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    requirement[..end.unwrap_or(requirement.len())].to_lowercase().replace(['_', '.'], "-")
}

/// Returns the manifest at fault when no line is known.
fn manifest(plan: &RunPlan) -> Option<String> {
    let ImagePlan::Dependencies(install) = &plan.image else { return None };
    let names: &[&str] = match plan.stack {
        Stack::Python => &["requirements.txt", "pyproject.toml"],
        _ => &["package.json"],
    };
    names
        .iter()
        .map(|name| in_root(plan, name))
        .find(|path| install.inputs.contains_key(path) || plan.stack != Stack::Python)
}

fn in_root(plan: &RunPlan, name: &str) -> String {
    if plan.root.is_empty() || name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", plan.root) }
}
