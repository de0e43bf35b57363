//! What TypeScript's compiler prints, alone or within other tools.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    cause::{Cause, in_project},
    node,
};
use crate::domain::reason::Reason;

/// `src/main.ts(3,7): error TS2322: ...`, as it is printed to a pipe, with the prefix of a tool that runs several commands.
static PLAIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:\[[^\]]+\]\s+)?(\S.*?)\((\d+),\d+\): error TS(\d+): (.+)$").ok());
/// `src/main.ts:3:7 - error TS2322: ...`, as it is printed for people.
static PRETTY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:\[[^\]]+\]\s+)?(\S.*?):(\d+):\d+ - error TS(\d+): (.+)$").ok());
/// `error TS18003: ...`, which is at no place.
static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(?:\[[^\]]+\]\s+)?error TS(\d+): (.+)$").ok());
/// `ERROR in ./src/main.ts:3:7`, of webpack's plugin, whose next line has the message.
static PACKED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^ERROR in (\S.*?):(\d+):\d+$").ok());
static MESSAGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s*TS(\d+): (.+)$").ok());

/// What a compiler that goes on says when it begins anew, or finds nothing more.
const BEGINNINGS: [&str; 3] = ["File change detected", "Starting compilation in watch mode", "Found 0 errors"];

/// Reads the first error of the last compilation, if no error of the program came after it.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let start = lines.iter().rposition(|line| BEGINNINGS.iter().any(|text| line.contains(text)));
    let start = start.map_or(0, |start| start + 1);
    let (at, cause) = (start..lines.len()).find_map(|at| Some((at, diagnostic(&lines[at..], root)?)))?;
    let after = lines[at..].iter().any(|line| node::is_error(line));
    (!after).then_some(cause)
}

/// Reads the error that begins on the first of some lines.
fn diagnostic(lines: &[String], root: &str) -> Option<Cause> {
    let line = lines.first()?.trim_end();
    let placed = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref()?.captures(line);
    let (place, said) = match placed(&PLAIN).or_else(|| placed(&PRETTY)) {
        Some(found) => (Some((found[1].to_owned(), found[2].to_owned())), (found[3].to_owned(), found[4].to_owned())),
        None => match placed(&PACKED) {
            Some(found) => {
                let said = MESSAGE.as_ref()?.captures(lines.get(1)?)?;
                (Some((found[1].to_owned(), found[2].to_owned())), (said[1].to_owned(), said[2].to_owned()))
            }
            None => placed(&BARE).map(|found| (None, (found[1].to_owned(), found[2].to_owned())))?,
        },
    };
    let (code, text) = said;
    let (file, line) = match place {
        Some((file, line)) => (Some(in_project(&file, root)?), line.parse().ok()),
        None => (None, None),
    };
    let reason = match code.parse::<u32>().ok()? {
        1000..=1999 if file.as_deref().is_none_or(|file| !file.ends_with(".json")) => Reason::SyntaxError,
        2307 | 2792 => Reason::ModuleNotFound,
        2305 | 2614 | 2724 => Reason::ImportError,
        2000..=4999 | 7000..=17999 => Reason::TypeError,
        // What the compiler was told to do.
        _ => Reason::BuildFailed,
    };
    Some(Cause { reason, message: format!("TS{code}: {text}"), file, line })
}
