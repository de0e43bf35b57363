//! What esbuild prints for people, and who bundles by it: Angular, `tsup`, its own command line.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    cause::{Cause, in_project},
    node,
};
use crate::domain::reason::Reason;

/// `✘ [ERROR] TS1109: Expression expected. [plugin angular-compiler]`; its place follows.
static ERROR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*[✘X×] \[ERROR\] (.+?)(?: \[plugin [^\]]+\])?$").ok());
/// `    src/app/app.ts:3:6:` alone on its line.
static PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s+(\S[^:]*):(\d+):\d+:$").ok());
/// A message of TypeScript's, and one of Angular's templates.
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(TS|NG)-?(\d+): ").ok());

/// What is said once a build is good.
const GOOD: [&str; 2] = ["bundle generation complete", "Build success"];
/// How far below its message a place stands.
const PLACE_LINES: usize = 4;

/// Reads the first error after the last good build, if no error of the program came after it.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let good = lines.iter().rposition(|line| GOOD.iter().any(|text| line.contains(text)));
    let start = good.map_or(0, |good| good + 1);
    let (at, said) = (start..lines.len()).find_map(|at| {
        let found = ERROR.as_ref()?.captures(lines[at].trim_end())?;
        Some((at, found[1].to_owned()))
    })?;
    if lines[at..].iter().any(|line| node::is_error(line)) {
        return None;
    }
    let place = lines[at + 1..].iter().take(PLACE_LINES).find_map(|line| PLACE.as_ref()?.captures(line.trim_end()));
    let file = place.as_ref().and_then(|found| in_project(found.get(1)?.as_str(), root));
    let line = place.as_ref().and_then(|found| found.get(2)?.as_str().parse().ok());
    Some(Cause { reason: reason(&said), line: file.as_ref().and(line), message: said, file })
}

fn reason(said: &str) -> Reason {
    let code = CODE.as_ref().and_then(|code| code.captures(said));
    let number = code.as_ref().and_then(|found| found.get(2)?.as_str().parse::<u32>().ok());
    match (code.as_ref().map_or("", |found| found.get(1).map_or("", |name| name.as_str())), number) {
        ("TS", Some(2307 | 2792)) => Reason::ModuleNotFound,
        ("TS", Some(2000..)) => Reason::TypeError,
        ("NG", _) => Reason::BuildFailed,
        _ if said.starts_with("Could not resolve") => Reason::ModuleNotFound,
        _ if said.starts_with("No matching export") => Reason::ImportError,
        _ => Reason::SyntaxError,
    }
}
