//! What nginx prints when it does not start.

use super::cause::Cause;

/// Reads the last emergency.
pub(in crate::stack) fn read(lines: &[String], _: &str) -> Option<Cause> {
    let line = lines.iter().rev().find(|line| line.contains("[emerg]"))?;
    let message = line.split("[emerg]").nth(1).unwrap_or(line).trim();
    Some(Cause { reason: "EXITED", message: format!("nginx did not start: {message}"), ..Cause::default() })
}
