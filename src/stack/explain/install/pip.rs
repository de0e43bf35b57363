//! What pip prints when it cannot install.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{
    found::{Found, plain_name},
    lack::{lack, remedy},
    signs,
    versions::nearest,
};

/// The most lines of a build's output that are looked at.
const MAX_BUILD_LINES: usize = 4000;

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// The start of what pip says of a build that failed, and how it names the package, where it does.
static BROKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^\s*× (?:Building (?:wheel|editable) for (\S+)|.+) did not run successfully|^\s*ERROR: Failed building (?:wheel|editable) for (\S+)|^\s*× Failed to (?:download and )?build `([^`]+)`|not a problem with poetry but (?:one )?with (\S+) \(|BackendUnavailable: |^\s*error: metadata-generation-failed",
    )
});
static COLLECTING: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^\s*Collecting (\S+)(?: @ \S+)?(?: \(from (.+)\))?$"));
/// Where a requirement stands: `(from -r requirements.txt (line 3))`, `(from line 3 of requirements.txt)`.
static ORIGIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"-r (\S+) \(line (\d+)\)|\(from line (\d+) of (\S+?)\)|on line (\d+) of (\S+?)[:,)]"));
static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"Could not find a version that satisfies the requirement (\S+)(.*?) ?\(from versions: (.*?)\)?$")
});
static NO_MATCH: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"No matching distribution found for ([^\s;(]+)"));
static OTHER_PYTHON: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"Ignored the following versions that require a different python version: (.+)$"));
static NEEDS_PYTHON: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"Package '?([^' ]+)'? requires a different Python: (\S+) not in '?([^']+?)'?$"));
static CONFLICT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"Cannot install (.+) because these package versions have conflict"));
static INVALID: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"Invalid requirement: (.+?)(?: \(from .*)?$"));
static PYTHON: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"[Pp]ython ?(3\.\d+)|cpython-3(\d+)"));

/// Reads the log of pip.
pub(super) fn read(lines: &[&str]) -> Option<Found> {
    build(lines).or_else(|| missing(lines)).or_else(|| other_python(lines)).or_else(|| conflict(lines)).or_else(|| {
        let (at, found) = last(lines, &INVALID)?;
        let message = format!("{} is no requirement: write it as name==version", group(&found, 1));
        Some(Found { message, place: origin(lines[at]), ..Found::at(at) })
    })
}

/// A package that had to be built from source, and could not.
fn build(lines: &[&str]) -> Option<Found> {
    let broken = BROKEN.as_ref()?;
    let start = lines.iter().position(|line| broken.is_match(line))?;
    let named =
        lines.iter().filter_map(|line| broken.captures(line)).find_map(|found| found.iter().skip(1).flatten().next());
    let collecting = COLLECTING.as_ref()?;
    let collected = |name: Option<&str>| {
        lines.iter().rev().skip(if name.is_some() { 0 } else { lines.len() - start }).find_map(|line| {
            let found = collecting.captures(line)?;
            let fits = name.is_none_or(|name| plain_name(group(&found, 1)) == plain_name(name));
            fits.then_some(found)
        })
    };
    let collected = collected(named.map(|name| name.as_str()));
    let asked = collected.as_ref().map(|found| group(found, 1).to_owned());
    let package = named.map(|name| name.as_str().to_owned()).or_else(|| asked.clone())?;
    let name = bare(&package).to_owned();
    let place = collected.as_ref().and_then(|found| origin(group(found, 0)));
    let printed = &lines[start..lines.len().min(start + MAX_BUILD_LINES)];
    let python = python(lines).map_or_else(|| "this release of Python".to_owned(), |found| format!("Python {found}"));
    let otherwise = match asked.as_deref().and_then(|asked| asked.split_once("==")) {
        Some((_, version)) => format!("ask for a newer release than {version}, which may have a wheel for {python}"),
        None => format!("ask for a release that has a wheel for {python}"),
    };
    let wanted = collected.as_ref().and_then(|found| wanted_by(group(found, 2)));
    let wanted = wanted.map(|by| format!(" (wanted by {by})")).unwrap_or_default();
    let (said, at) = match lack(printed.iter().map(|line| line.trim_start())) {
        Some((lack, at)) => (lack, start + at),
        None => (last_error(printed).unwrap_or_else(|| "its build failed".into()), start),
    };
    let message = format!(
        "{}{wanted} has no wheel for {python} and could not be built: {said}; {}",
        asked.as_deref().filter(|asked| bare(asked) == name).unwrap_or(&package),
        remedy(&name, &otherwise)
    );
    Some(Found { message, package: Some(name), place, ..Found::at(at) })
}

/// A package, or a version of it, that does not exist.
fn missing(lines: &[&str]) -> Option<Found> {
    let (at, asked, versions) = match last(lines, &MISSING) {
        Some((at, found)) => (at, group(&found, 1).to_owned(), group(&found, 3).to_owned()),
        None => {
            let (at, found) = last(lines, &NO_MATCH)?;
            (at, group(&found, 1).to_owned(), String::new())
        }
    };
    let name = bare(&asked).to_owned();
    let known: Vec<&str> = versions.split(',').map(str::trim).filter(|version| *version != "none").collect();
    let other = last(lines, &OTHER_PYTHON).and_then(|(_, found)| requires(group(&found, 1), &asked));
    if known.is_empty() && lines.iter().any(|line| line.contains("Retrying (Retry(")) {
        return signs::unreachable(lines);
    }
    let index = lines.iter().find_map(|line| line.strip_prefix("Looking in indexes: "));
    let message = match (other, nearest(asked.trim_start_matches(name.as_str()), &known)) {
        (Some(requires), there) => {
            let there = there.map(|there| format!(" (of those that run on this one, {there})")).unwrap_or_default();
            format!(
                "{asked} needs another release of Python ({requires}): ask for a release that runs on this one{there}"
            )
        }
        (None, Some(there)) => {
            format!("there is no version {asked} for this Python and system; {there}")
        }
        (None, None) => match index {
            Some(index) => {
                format!("there is no package {asked} at {index}, or it asks for a name and a password: check both")
            }
            None => format!("there is no package {asked}: check its name, or take it out"),
        },
    };
    let place = origin(lines[at])
        .or_else(|| lines.iter().rev().filter(|line| line.contains("ERROR")).find_map(|line| origin(line)));
    Some(Found { message, package: Some(name), place, ..Found::at(at) })
}

/// Returns what pip says of a version that it passed over: `1.21.0 Requires-Python >=3.7,<3.11; ...`.
fn requires(said: &str, asked: &str) -> Option<String> {
    let version = asked.split_once("==").map(|(_, version)| version);
    let mut entries = said.split(';').map(str::trim);
    let entry = match version {
        Some(version) => entries.find(|entry| entry.split(' ').next() == Some(version))?,
        None => entries.next_back()?,
    };
    entry.split_once("Requires-Python ").map(|(_, range)| range.to_owned())
}

/// The project, or a package, that is for another release of Python.
fn other_python(lines: &[&str]) -> Option<Found> {
    let (at, found) = last(lines, &NEEDS_PYTHON)?;
    let package = group(&found, 1);
    let message = format!(
        "{package} needs Python {}, and this is {}: ask for another release of it, or name another image in a Dockerfile",
        group(&found, 3),
        group(&found, 2)
    );
    Some(Found { message, package: Some(package.to_owned()), ..Found::at(at) })
}

/// Requirements that exclude one another.
fn conflict(lines: &[&str]) -> Option<Found> {
    let (at, found) = last(lines, &CONFLICT)?;
    let reasons: Vec<&str> = lines[at..]
        .iter()
        .skip_while(|line| !line.contains("The conflict is caused by"))
        .skip(1)
        .map(|line| line.trim())
        .take_while(|line| !line.is_empty())
        .take(4)
        .collect();
    let why = if reasons.is_empty() { group(&found, 1).to_owned() } else { reasons.join(", ") };
    let pinned = reasons.iter().find_map(|line| line.strip_prefix("The user requested ").map(bare));
    let package = pinned.or_else(|| found.get(1)?.as_str().rsplit([' ', ',']).next().map(bare)).map(str::to_owned);
    let message = format!("the required versions conflict: {why}; loosen one of them");
    Some(Found { message, package, ..Found::at(at) })
}

/// Returns the package that wanted another, from what pip says of where it comes from: `flask->-r requirements.txt (line 1)`.
fn wanted_by(origin: &str) -> Option<&str> {
    let first = origin.split("->").next()?;
    (!first.starts_with("-r ") && !first.starts_with("-c ") && !first.is_empty()).then(|| bare(first))
}

/// Returns the line in a build's output that looks most like its error.
fn last_error(lines: &[&str]) -> Option<String> {
    let end = lines.iter().position(|line| line.contains("[end of output]")).unwrap_or(lines.len());
    let is_error = |line: &&&str| {
        let line = line.trim();
        line.starts_with("error: ") && !line.contains("subprocess-exited-with-error")
            || line
                .split_once(": ")
                .is_some_and(|(kind, _)| kind.ends_with("Error") || kind.ends_with("Exception") && !kind.contains(' '))
    };
    lines[..end].iter().rev().find(is_error).map(|line| line.trim().to_owned())
}

/// Returns the place of a requirement that a line names.
fn origin(line: &str) -> Option<(String, Option<u32>)> {
    let found = ORIGIN.as_ref()?.captures(line)?;
    let text = |index: usize| found.get(index).map(|text| text.as_str().to_owned());
    let file = text(1).or_else(|| text(4)).or_else(|| text(6))?;
    let line = text(2).or_else(|| text(3)).or_else(|| text(5))?;
    Some((file, line.parse().ok()))
}

/// Returns the release of Python that the log is of.
fn python(lines: &[&str]) -> Option<String> {
    let found = lines.iter().find_map(|line| PYTHON.as_ref()?.captures(line))?;
    found.get(1).map(|text| text.as_str().to_owned()).or_else(|| Some(format!("3.{}", found.get(2)?.as_str())))
}

fn last<'a>(lines: &[&'a str], pattern: &LazyLock<Option<Regex>>) -> Option<(usize, Captures<'a>)> {
    let pattern = pattern.as_ref()?;
    lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, pattern.captures(line)?)))
}

fn group<'a>(found: &Captures<'a>, index: usize) -> &'a str {
    found.get(index).map_or("", |text| text.as_str()).trim_matches(['\'', '"'])
}

/// Returns a requirement's name without version, extras and markers.
fn bare(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    &requirement[..end.unwrap_or(requirement.len())]
}
