//! What nginx prints when it does not start.

use super::cause::Cause;
use crate::domain::reason::Reason;

/// Reads the last emergency.
pub(in crate::stack) fn read(lines: &[String], _: &str) -> Option<Cause> {
    let line = lines.iter().rev().find(|line| line.contains("[emerg]"))?;
    let message = line.split("[emerg]").nth(1).unwrap_or(line).trim();
    Some(Cause::new(Reason::Exited, format!("nginx did not start: {message}")))
}
