//! What Vite and Rollup print when a build fails.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    cause::{Cause, in_project},
    node,
};
use crate::domain::reason::Reason;

/// What comes before the error, in Vite; Rollup's own command line has `[!] RollupError: ...`.
const BEFORE: &str = "error during build:";
static ROLLUP: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\[!\] (?:\(plugin [^)]*\) |\w*Error: )+(.*)$").ok());
/// The plugin that it is said by: `[vite:load-fallback] ...`, `[vite]: ...`, `[vite:css] [postcss] ...`.
static PLUGIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(?:\[[\w@:./-]+\]:? )+").ok());
/// The place, alone on a line: `file: /app/src/main.tsx:2:9`.
static FILE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^file: (.+?)(?::(\d+):\d+)?$").ok());
/// What wanted what is not there: `(imported by src/main.tsx)`, `from "/app/src/main.tsx"`, `imported by "src/main.tsx"`.
static IMPORTER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\(imported by ([^)]+)\)|(?:imported by|from) "([^"]+)""#).ok());
/// The place before a message: `src/main.tsx (2:9): ...`, `/app/src/main.tsx:3:0: ERROR: ...`.
static PREFIX: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(\S+?)(?: \((\d+):\d+\)|:(\d+):\d+): (?:ERROR: )?(.*)$").ok());
/// How far below its message a place stands.
const PLACE_LINES: usize = 4;

/// Reads the error of a build that failed, if no error of a program came after it.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let at = lines.iter().rposition(|line| line.trim() == BEFORE).map(|at| at + 1).or_else(|| {
        let found = |line: &String| ROLLUP.as_ref().is_some_and(|rollup| rollup.is_match(line));
        lines.iter().rposition(found)
    })?;
    if lines.get(at + 1..)?.iter().any(|line| node::is_error(line)) {
        return None;
    }
    let mut said = lines.get(at)?.trim();
    if let Some(found) = ROLLUP.as_ref()?.captures(said) {
        said = found.get(1)?.as_str();
    }
    let by = PLUGIN.as_ref()?.find(said).map_or(0, |found| found.end());
    let mut said = said[by..].trim_start_matches("RollupError: ").to_owned();
    // esbuild's own first line says how many there are.
    if said.starts_with("Transform failed with ") {
        said = lines.get(at + 1)?.trim().to_owned();
    }
    let mut place = None;
    if let Some(found) = PREFIX.as_ref()?.captures(&said) {
        let line = found.get(2).or(found.get(3)).and_then(|line| line.as_str().parse().ok());
        place = in_project(found.get(1)?.as_str(), root).map(|file| (file, line));
        said = found.get(4)?.as_str().to_owned();
    }
    let importer = || {
        let found = IMPORTER.as_ref()?.captures(&said)?;
        Some((in_project(found.get(1).or(found.get(2))?.as_str(), root)?, None))
    };
    let below = || {
        let found = lines[at..].iter().take(PLACE_LINES).find_map(|line| FILE.as_ref()?.captures(line.trim()))?;
        let line = found.get(2).and_then(|line| line.as_str().parse().ok());
        Some((in_project(found.get(1)?.as_str(), root)?, line))
    };
    let (file, line) = place.or_else(below).or_else(importer).map_or((None, None), |(file, line)| (Some(file), line));
    Some(Cause { reason: reason(&said), message: said, file, line })
}

fn reason(said: &str) -> Reason {
    let missing = ["Could not load ", "Could not resolve ", "Rollup failed to resolve import "];
    match said {
        _ if missing.iter().any(|begin| said.starts_with(begin)) => Reason::ModuleNotFound,
        _ if said.contains(" is not exported by ") => Reason::ImportError,
        _ => Reason::SyntaxError,
    }
}
