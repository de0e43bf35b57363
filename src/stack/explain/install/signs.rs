//! What npm, pnpm, yarn, Bun, uv and Poetry say in one line, and what it means.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    found::{Found, RELEASES},
    versions::nearest,
};

/// What is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A package that the manifest names, or one that another package wants.
    Package,
    /// A release of it.
    Release,
    /// The manifest, whatever it names.
    Manifest,
    /// No file of the project.
    Nothing,
}

/// What one pattern tells: a message in which `{1}` and `{2}` are the pattern's groups; the first is the package at fault.
struct Sign {
    pattern: &'static str,
    message: &'static str,
    of: Of,
}

const fn sign(of: Of, pattern: &'static str, message: &'static str) -> Sign {
    Sign { pattern, message, of }
}

const ABSENT: &str = "there is no package {1}: check its name, or take it out";
const NO_RELEASE: &str = "there is no version {1}";
const PRIVATE: &str = "the package index refuses {1}: it is private, so name its index and a token in .npmrc (or .yarnrc.yml, bunfig.toml), with the token from a variable";
const WORKSPACE: &str =
    "{1} is asked for from the workspace, which has no such package: add its folder, or name a release";
const ENGINE: &str = "{1} needs Node.js {2}, and this is another release: ask for another version of it, or name another image in a Dockerfile";
const OWN_ENGINE: &str = "another release of Node.js, or of the package manager, is asked for ({1}): change engines in package.json or the package, or name another image in a Dockerfile";
const PLATFORM: &str = "{1} is not made for this system: put it into optionalDependencies, or take it out";

/// The most telling first.
const SIGNS: [Sign; 41] = [
    sign(Of::Manifest, r"npm (?:ERR!|error) code EJSONPARSE|ERR_PNPM_JSON_PARSE", "package.json is no JSON"),
    sign(Of::Package, r"GET 40[13] https?://[^ ]*?/((?:@[^/ ]+(?:%2[fF]|/))?[^/ ]+?)(?:/-/\S*)? ", PRIVATE),
    sign(Of::Package, r"ERR_PNPM_FETCH_40[13].*/([^/ ]+): (?:Unauthorized|Forbidden)", PRIVATE),
    sign(Of::Package, r"GET https?://\S*?/((?:@[^/ ]+(?:%2[fF]|/))?[^/ ]+) - 40[13]", PRIVATE),
    sign(Of::Package, r"YN0041: │ ((?:@[^/ ]+/)?[^@ ]+)@\S+: Invalid authentication", PRIVATE),
    sign(Of::Package, r#"Request failed "40[13] .*?/((?:@[^/ ]+/)?[^/ ]+)""#, PRIVATE),
    sign(
        Of::Package,
        r"npm (?:ERR!|error) code (E401|E403|ENEEDAUTH)",
        "the package index refuses an installation without the right token ({1}): a private index needs one in .npmrc, from a variable",
    ),
    sign(
        Of::Package,
        r#""?((?:@[^/" ]+/)?[^@" ]+)@workspace:\S*"? is in the dependencies but no package named"#,
        WORKSPACE,
    ),
    sign(Of::Package, r"((?:@[^/ ]+/)?[^@ ]+)@workspace:\S*: Workspace not found", WORKSPACE),
    sign(Of::Package, r#"Workspace dependency "([^"]+)" not found"#, WORKSPACE),
    sign(Of::Package, r#"Couldn't find any versions for "([^"]+)" that matches "workspace:"#, WORKSPACE),
    sign(
        Of::Manifest,
        r#"Unsupported URL Type "workspace:": (\S+)"#,
        "npm does not know {1}, which is pnpm's, yarn's and Bun's way to name a package of the workspace: add their lockfile or packageManager, or name a release",
    ),
    sign(
        Of::Manifest,
        r#"Unsupported URL Type "(\w+:)": (\S+)"#,
        "npm does not know {2}, which another package manager does: add its lockfile, or packageManager",
    ),
    sign(Of::Package, r"404 +The requested resource '((?:@[^/'@ ]+/)?[^/'@ ]+)@[^']*' could not", ABSENT),
    sign(
        Of::Package,
        r"404 +'((?:@[^/'@ ]+/)?[^/'@ ]+)@(https?:[^' ]*)' is not in",
        "{1} comes from {2}, where there is nothing: check the address",
    ),
    sign(Of::Package, r"404 +'((?:@[^/'@ ]+/)?[^/'@ ]+)@[^' ]*' is not in", ABSENT),
    sign(Of::Release, r"notarget No matching version found for (\S+?)\.?$", NO_RELEASE),
    sign(Of::Release, r"ERR_PNPM_NO_MATCHING_VERSION.*No matching version found for (\S+)", NO_RELEASE),
    sign(
        Of::Package,
        r#"https?://[^/\s]+/(?:[^@/\s][^/\s]*/)*?((?:@[^/\s]+/)?[^@/\s]+)/-/[^/\s]+?-(\d[^/\s]*)\.tgz(?:: Not Found)?(?: - 404|: Not Found|: Request failed "404)"#,
        "release {2} of {1} is not in the registry any more: name another one, or leave the lockfile out",
    ),
    sign(
        Of::Manifest,
        r#"(https?://\S+): Request failed "404|GET (https?://\S+\.tgz)(?:: Not Found)? - 404|ERR_PNPM_FETCH_404 +GET (\S+\.tgz): Not Found"#,
        "there is nothing at {1}: check the address",
    ),
    sign(Of::Package, r"ERR_PNPM_FETCH_404.*/([^/ ]+): Not Found", ABSENT),
    sign(Of::Release, r#"Couldn't find any versions for "([^"]+)" that matches "([^"]+)""#, NO_RELEASE),
    sign(Of::Package, r#"Couldn't find package "([^"]+)""#, ABSENT),
    sign(Of::Package, r"(?:YN0035|YN0001): │ ((?:@[^/ ]+/)?[^@ ]+)@\S+: Package not found", ABSENT),
    sign(Of::Release, r"YN0082: │ ((?:@[^/ ]+/)?[^@ ]+)@(?:npm:)?(\S+): No candidates found", NO_RELEASE),
    sign(Of::Release, r#"No version matching "([^"]+)" found for specifier "([^"]+)""#, NO_RELEASE),
    sign(Of::Package, r"GET https?://\S*?/((?:@[^/ ]+(?:%2[fF]|/))?[^/ ]+) - 404", ABSENT),
    sign(Of::Package, r"Because ([\w.-]+) was not found in the package registry", ABSENT),
    sign(Of::Release, r"Because there (?:is no version|are no versions) of ([\w.-]+(?:[=<>!~]+[\w.*]+)?)", NO_RELEASE),
    sign(Of::Release, r"depends on ([\w.-]+) \(([^)]+)\) which doesn't match any versions", NO_RELEASE),
    sign(
        Of::Manifest,
        r"Because (.+ depends on .+), version solving failed",
        "the required versions conflict: {1}; loosen one of them",
    ),
    sign(Of::Package, r"Unsupported platform for ((?:@[^/ ]+/)?[^@ ]+)@\S+", PLATFORM),
    sign(Of::Package, r#"error ((?:@[^/ ]+/)?[^@ ]+)@\S+: The platform .*is incompatible"#, PLATFORM),
    sign(Of::Manifest, r#"error @\S*: The engine .*Expected version "([^"]+)""#, OWN_ENGINE),
    sign(Of::Package, r#"error ((?:@[^/ ]+/)?[^@ ]+)@\S+: The engine .*Expected version "([^"]+)""#, ENGINE),
    sign(Of::Manifest, r#"^npm (?:ERR!|error) notsup Required: *(\{.*\})"#, OWN_ENGINE),
    sign(
        Of::Package,
        r"Not compatible with your version of node(?:/npm)?: ((?:@[^/ ]+/)?[^@ ]+)",
        "{1} needs another release of Node.js: ask for another version of it, or name another image in a Dockerfile",
    ),
    sign(Of::Manifest, r"^Expected version: (.+)$", OWN_ENGINE),
    sign(Of::Manifest, r"npm (?:ERR!|error) (?:code )?ERESOLVE", "the required versions conflict"),
    sign(
        Of::Manifest,
        r"ERR_PNPM_OUTDATED_LOCKFILE|can only install packages when your package.json|lockfile had changes, but lockfile is frozen|YN0028",
        "the lockfile does not fit its manifest: write it anew",
    ),
    sign(Of::Nothing, NETWORK, "the package index could not be reached ({1}); this is not the project's fault"),
];

/// What is wrong with the way to the packages, and so with no file of the project.
const NETWORK: &str = r"(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ERR_SOCKET_TIMEOUT|Temporary failure in name resolution|Name or service not known|Connection refused|Failed to establish a new connection|CERTIFICATE_VERIFY_FAILED|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|Read timed out|ConnectionRefused|FailedToOpenSocket|dns error|error sending request)";

static PATTERNS: LazyLock<Vec<(Regex, &'static Sign)>> =
    LazyLock::new(|| SIGNS.iter().filter_map(|sign| Some((Regex::new(sign.pattern).ok()?, sign))).collect());
static UNREACHABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NETWORK).ok());

/// Reads what the package managers say.
pub(super) fn read(lines: &[&str]) -> Option<Found> {
    let (at, found, sign) = PATTERNS.iter().find_map(|(pattern, sign)| {
        let (at, found) = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, pattern.captures(line)?)))?;
        Some((at, found, *sign))
    })?;
    let group = |index: usize| {
        let text = found.get(index).map_or("", |text| text.as_str()).trim_matches(['\'', '"', ',', ';', ':', '.', ')']);
        text.replace("%2f", "/").replace("%2F", "/")
    };
    let (mut first, second) = (group(1), group(2));
    if sign.of == Of::Manifest && first.is_empty() {
        first = found.iter().skip(1).flatten().next().map_or("", |text| text.as_str()).to_owned();
    }
    let package = match sign.of {
        Of::Package => Some(first.clone()),
        Of::Release if sign.pattern.contains("for specifier") => {
            first = format!("{second}@{first}");
            Some(second.clone())
        }
        Of::Release if !second.is_empty() => {
            let name = first.clone();
            first = format!("{first}@{second}");
            Some(name)
        }
        Of::Release => Some(name_of(&first).to_owned()),
        Of::Manifest | Of::Nothing => None,
    };
    let mut message = match (sign.of, sign.message, first.as_str()) {
        (Of::Nothing, ..) => sign.message.replace("{1}", said(lines[at], &first)),
        (_, message, "") => message.replace(" ({1})", "").replace("{1}", "a package").replace("{2}", &second),
        (_, message, _) => {
            message.replace("{1}", &first).replace("{2}", if second.is_empty() { "another system" } else { &second })
        }
    };
    if sign.of == Of::Release {
        let there = package.as_deref().and_then(|name| releases(lines, name, &first));
        message.push_str(&match there {
            Some(there) => format!("; {there}"),
            None => ": ask for one that exists".to_owned(),
        });
    }
    if sign.of == Of::Manifest && message == "the required versions conflict" {
        message = conflict(lines).unwrap_or(message);
    }
    Some(Found { message, package, blames_nothing: sign.of == Of::Nothing, ..Found::at(at) })
}

/// Returns what a log says of a network that cannot be used, though nothing gave up because of it by its own word.
pub(super) fn unreachable(lines: &[&str]) -> Option<Found> {
    let at = lines.iter().rposition(|line| UNREACHABLE.as_ref().is_some_and(|network| network.is_match(line)))?;
    let found = UNREACHABLE.as_ref()?.find(lines[at])?;
    let said = said(lines[at], found.as_str());
    let message = format!("the package index could not be reached ({said}); this is not the project's fault");
    Some(Found { message, blames_nothing: true, ..Found::at(at) })
}

/// Returns the host that a line names beside a word of the network, else the word.
fn said<'a>(line: &'a str, word: &'a str) -> &'a str {
    static HOST: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:getaddrinfo |connect )?(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT) [\w.:\[\]-]+").ok()
    });
    HOST.as_ref().and_then(|host| host.find(line)).map_or(word, |found| found.as_str())
}

/// Returns the two packages that npm cannot have together, in a sentence.
pub(super) fn conflict(lines: &[&str]) -> Option<String> {
    static FOUND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^npm (?:ERR!|error|WARN|warn) (?:ERESOLVE )?(?:Found|Conflicting peer dependency): (\S+)").ok()
    });
    static PEER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"^npm (?:ERR!|error|WARN|warn) (?:ERESOLVE )?\s*peer(?:Optional)? (\S+)@"([^"]+)" from (\S+)"#)
            .ok()
    });
    let start = lines.iter().rposition(|line| line.contains("Could not resolve dependency"))?;
    let peer = lines[start..].iter().find_map(|line| PEER.as_ref()?.captures(line))?;
    let there = lines[..start].iter().rev().find_map(|line| FOUND.as_ref()?.captures(line)?.get(1));
    let there = there.map_or(&peer[1], |there| there.as_str());
    Some(format!(
        "{} wants {} {}, and {there} is asked for: the required versions conflict",
        &peer[3], &peer[1], &peer[2]
    ))
}

/// Returns the releases next to the one that was asked for, as far as the log tells them.
fn releases(lines: &[&str], name: &str, asked: &str) -> Option<String> {
    static NEWEST: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"^The latest release of (\S+) is "([^"]+)""#).ok());
    let listed = lines
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix(RELEASES)?.trim_start().strip_prefix(name)?.strip_prefix(": "));
    if let Some(listed) = listed {
        let known: Vec<&str> = listed.split(' ').collect();
        return nearest(asked.strip_prefix(name).unwrap_or(asked), &known);
    }
    let newest =
        lines.iter().rev().find_map(|line| NEWEST.as_ref()?.captures(line).filter(|found| &found[1] == name))?;
    Some(format!("the newest is {}", &newest[2]))
}

/// Returns a package's name from `name@version` or `name==version`.
fn name_of(asked: &str) -> &str {
    let end = asked.char_indices().skip(1).find(|(_, c)| matches!(c, '@' | '=' | '<' | '>' | '~' | '!'));
    &asked[..end.map_or(asked.len(), |(at, _)| at)]
}
