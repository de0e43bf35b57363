//! Errors that say that a variable of the environment is missing, and which.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, in_project};
use crate::domain::reason::Reason;

/// The most names that are told.
const MAX_NAMES: usize = 8;
/// The most lines of a list of names.
const MAX_LIST_LINES: usize = 60;
/// Errors that speak of names in the code, not of variables of the environment.
const OF_CODE: [&str; 8] = [
    "NameError",
    "ReferenceError",
    "AttributeError",
    "UnboundLocalError",
    "TypeError",
    "SyntaxError",
    "ImportError",
    "ModuleNotFoundError",
];

/// The start of a list of names, one a line, that validators print.
const HEADINGS: [&str; 3] = [
    "Invalid environment variables",
    "Missing environment variables",
    "were defined in .env.example but are not present in the environment",
];

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// What `serve.py` says of settings that it looked into.
static TOLD: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^previewd: not set in the environment: ([A-Za-z0-9_, ]+)$"));
/// Sentences that name the variable, with what they must say besides.
static NAMED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"(?:[Ee]nvironment|[Ee]nv|ENV)\.? var(?:iable)?s?(?: (?:not found|missing|required|is required))?:? ["'`]?([A-Z][A-Z0-9_]+)\b"#,
        r#"\b([A-Z][A-Z0-9_]+)["'`]? (?:environment|env) var"#,
        r"\bprocess\.env\.([A-Za-z_][A-Za-z0-9_]*)",
        r#"\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)["'`]?(?: (?:is|was|must be|are|has to be|needs to be))?(?: (?:not|required|missing|undefined|set|provided|defined|empty))"#,
        r#"(?:[Mm]issing|[Rr]equired|[Uu]nset|[Uu]ndefined)[^A-Z]{0,60}["'`]?\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b"#,
        r"^\S+: ([A-Za-z_][A-Za-z0-9_]*) not found\. Declare it as envvar",
        r#"^KeyError: "Config '([A-Za-z_][A-Za-z0-9_]*)' is missing"#,
    ]
    .into_iter()
    .filter_map(pattern)
    .collect()
});
static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)missing|not set|not found|not defined|not provided|undefined|required|must be|has to be|needs to be|is empty|set the|setting the|unset|absent|expected",
    )
});
/// `os.environ[...]`, which raises it itself.
static ENVIRON: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"File "(?:<frozen os>|[^"]*/os\.py)", line \d+, in __getitem__"#));
/// A name in such a list: `path: [ 'X' ]`, `X: [ 'Required' ]`, `    X: undefined`, `X_Y, Z`.
static LISTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r#"\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b|["']([A-Z][A-Z0-9]{2,})["']|^\s*([A-Z][A-Z0-9]{2,}):"#)
});
/// What ends such a list.
static LIST_END: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^\s*(?:at |throw |={4}|Make sure|\w*Error)"));
/// The way to a value that a schema lacks, and its first step, on the same line or the next.
static PATH: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"^\s*"?path"?: \["#));
static STEP: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"["']([A-Z][A-Z0-9_]{2,})["']"#));
/// Prisma's place.
static ARROW: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^\s*-->\s+(\S+):(\d+)\s*$"));
static PRISMA: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"[Ee]nvironment variable not found: ([A-Za-z_][A-Za-z0-9_]*)"));

/// A variable that code reads.
static READ: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r#"\b(?:process\.env\.|import\.meta\.env\.|process\.env\[["']|os\.environ\[["']|os\.environ\.get\(["']|os\.getenv\(["'])([A-Za-z_][A-Za-z0-9_]*)"#,
    )
});
/// A line of code that is shown below an error with its number, as `> 7 | const a = b(`, and the place of a frame above
/// lines of Python.
static NUMBERED: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^\s*>?\s*\d+ \|"));
static PLACED: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"^\s*File "([^"]+)", line \d+"#));

/// Returns what ended the program, where that is a missing variable. `cause` is what the program's own reader found.
pub(in crate::stack) fn read(lines: &[String], root: &str, cause: Option<&Cause>) -> Option<Cause> {
    if cause.is_some_and(|cause| cause.reason != Reason::Exception) {
        return None;
    }
    let last = || lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
    let said = cause.map(|cause| cause.message.as_str()).or_else(last).unwrap_or_default();
    let class = said.split(':').next().unwrap_or_default();
    if OF_CODE.contains(&class.rsplit('.').next().unwrap_or(class)) {
        return None;
    }
    let mut names = told(lines)
        .or_else(|| environ(lines, said))
        .or_else(|| pydantic(lines, said))
        .or_else(|| listed(lines))
        .or_else(|| zod(lines, said))
        .or_else(|| prisma(lines))
        .or_else(|| sentence(said))
        .or_else(|| shown(lines, said))?;
    names.truncate(MAX_NAMES);
    let place = cause.and_then(|cause| Some((cause.file.clone()?, cause.line)));
    let (file, line) = place.or_else(|| arrow(lines, root)).map_or((None, None), |(file, line)| (Some(file), line));
    let message = match names.as_slice() {
        [] => return None,
        [name] => format!("the environment variable {name} is not set"),
        [others @ .., last] => format!("the environment variables {} and {last} are not set", others.join(", ")),
    };
    Some(Cause { reason: Reason::MissingVariable, message, file, line })
}

fn told(lines: &[String]) -> Option<Vec<String>> {
    let found = lines.iter().rev().find_map(|line| TOLD.as_ref()?.captures(line))?;
    Some(found.get(1)?.as_str().split(", ").map(str::to_owned).collect())
}

/// Reads `KeyError: 'X'` of `os.environ`.
fn environ(lines: &[String], said: &str) -> Option<Vec<String>> {
    let name = said.strip_prefix("KeyError: ")?.trim_matches(['\'', '"']);
    let at = lines.iter().rposition(|line| line.trim_end().ends_with(said))?;
    let raised =
        lines[at.saturating_sub(4)..at].iter().any(|line| ENVIRON.as_ref().is_some_and(|it| it.is_match(line)));
    raised.then(|| vec![name.to_owned()])
}

/// Reads the fields that settings of pydantic lack. Their variables have the same names in capitals, as a rule.
fn pydantic(lines: &[String], said: &str) -> Option<Vec<String>> {
    if !said.contains("validation error") {
        return None;
    }
    let at = lines.iter().rposition(|line| line.trim_end().ends_with(said))?;
    lines[..at].iter().find(|line| line.contains("pydantic_settings") || line.contains("env_settings"))?;
    let fields = lines[at + 1..].windows(2).filter(|pair| {
        !pair[0].starts_with(' ')
            && !pair[0].contains(' ')
            && pair[1].trim_start().to_lowercase().starts_with("field required")
    });
    let names: Vec<String> = fields.map(|pair| pair[0].trim().to_uppercase().replace('.', "__")).collect();
    (!names.is_empty()).then_some(names)
}

/// Reads the names below the heading of a validator.
fn listed(lines: &[String]) -> Option<Vec<String>> {
    let (name, end) = (LISTED.as_ref()?, LIST_END.as_ref()?);
    let headed =
        |line: &String| HEADINGS.iter().find_map(|heading| line.split_once(heading)).map(|(_, rest)| rest.to_owned());
    let at = lines.iter().position(|line| headed(line).is_some())?;
    let below = lines[at + 1..].iter().take(MAX_LIST_LINES).take_while(|line| !end.is_match(line));
    let mut names: Vec<String> = Vec::new();
    for line in headed(&lines[at]).iter().chain(below) {
        for found in name.captures_iter(line) {
            let found = found.iter().skip(1).flatten().next()?.as_str();
            if !names.iter().any(|name| name == found) {
                names.push(found.to_owned());
            }
        }
    }
    (!names.is_empty()).then_some(names)
}

/// Reads the paths of zod's error, where all are names of variables.
fn zod(lines: &[String], said: &str) -> Option<Vec<String>> {
    if !said.starts_with("ZodError") {
        return None;
    }
    let at = lines.iter().rposition(|line| line.contains("ZodError"))?;
    let paths = (at..lines.len()).filter(|index| PATH.as_ref().is_some_and(|path| path.is_match(&lines[*index])));
    let step = |index: usize| {
        let found = lines[index..].iter().take(2).find_map(|line| STEP.as_ref()?.captures(line))?;
        Some(found.get(1)?.as_str().to_owned())
    };
    paths.map(step).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

fn prisma(lines: &[String]) -> Option<Vec<String>> {
    let found = lines.iter().rev().find_map(|line| PRISMA.as_ref()?.captures(line))?;
    Some(vec![found.get(1)?.as_str().to_owned()])
}

fn sentence(said: &str) -> Option<Vec<String>> {
    if !MISSING.as_ref()?.is_match(said) {
        return None;
    }
    let found = NAMED.iter().find_map(|pattern| pattern.captures(said))?;
    Some(vec![found.get(1)?.as_str().to_owned()])
}

/// Reads the variables in the code that is shown with an error that asks for something and does not name it, as the
/// clients of services do that were given nothing.
fn shown(lines: &[String], said: &str) -> Option<Vec<String>> {
    if said.is_empty() || !MISSING.as_ref()?.is_match(said) {
        return None;
    }
    let (read, numbered, placed) = (READ.as_ref()?, NUMBERED.as_ref()?, PLACED.as_ref()?);
    let at = lines.iter().rposition(|line| line.trim_end().ends_with(said))?;
    let below = lines[at + 1..].iter().take(MAX_LIST_LINES).skip_while(|line| !numbered.is_match(line));
    let mut code: Vec<&String> = below.take_while(|line| numbered.is_match(line) || line.contains('^')).collect();
    if code.is_empty() {
        let mut own = false;
        for line in &lines[at.saturating_sub(MAX_LIST_LINES)..at] {
            match placed.captures(line).and_then(|found| found.get(1)) {
                Some(file) => own = in_project(file.as_str(), "").is_some(),
                None if own => code.push(line),
                None => {}
            }
        }
    }
    let mut names: Vec<String> = Vec::new();
    for found in code.iter().flat_map(|line| read.captures_iter(line)) {
        let name = found.get(1)?.as_str();
        if name != "NODE_ENV" && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    (!names.is_empty()).then_some(names)
}

fn arrow(lines: &[String], root: &str) -> Option<(String, Option<u32>)> {
    let found = lines.iter().rev().find_map(|line| ARROW.as_ref()?.captures(line))?;
    Some((in_project(found.get(1)?.as_str(), root)?, found.get(2)?.as_str().parse().ok()))
}
