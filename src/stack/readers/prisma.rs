//! What Prisma prints of a schema that it cannot read.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, in_project};
use crate::domain::reason::Reason;

/// `  -->  prisma/schema.prisma:10`, after the line with the error.
static PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s*-->\s+(\S+\.prisma):(\d+)\s*$").ok());

/// Reads the first error.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let at = lines.iter().position(|line| PLACE.as_ref().is_some_and(|place| place.is_match(line)))?;
    let place = PLACE.as_ref()?.captures(&lines[at])?;
    let message = lines.get(at.checked_sub(1)?)?.trim().trim_start_matches("error: ").to_owned();
    // Another reader knows how variables are named.
    if message.contains("Environment variable not found") {
        return None;
    }
    Some(Cause {
        reason: Reason::SyntaxError,
        message,
        file: Some(in_project(&place[1], root)?),
        line: place[2].parse().ok(),
    })
}
