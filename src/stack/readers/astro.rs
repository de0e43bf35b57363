//! What Astro logs of a page that it cannot render.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, in_project};
use crate::domain::reason::Reason;

/// The line between an error's message, with its hints, and its frames.
const FRAMES: &str = "Stack trace:";
/// `12:00:00 [ERROR] [vite] ...`, of which the beginning may have been taken off.
static MESSAGE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:(?:\d\d:){2}\d\d )?(?:\[ERROR\] )?(?:\[\w+\] )?(\S.*)$").ok());
/// `    at render (/app/src/pages/index.astro:6:6)`, or without a name.
static FRAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s+at (?:.*\()?(\S+?):(\d+):\d+\)?$").ok());

/// Reads the last error that has frames.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let at = lines.iter().rposition(|line| line.trim() == FRAMES)?;
    // Its hints are indented.
    let first = lines[..at].iter().rev().find(|line| !line.starts_with(char::is_whitespace) && !line.is_empty())?;
    let message = MESSAGE.as_ref()?.captures(first.trim_end())?[1].to_owned();
    let frames = lines[at + 1..].iter().map_while(|line| FRAME.as_ref()?.captures(line.trim_end()));
    let place = frames.into_iter().find_map(|frame| Some((in_project(&frame[1], root)?, frame[2].parse().ok())));
    let (file, line) = place.map_or((None, None), |(file, line)| (Some(file), line));
    Some(Cause { reason: Reason::Exception, message, file, line })
}
