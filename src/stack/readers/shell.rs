//! What a shell, or any program, says of commands and ports.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, port_in_use};
use crate::domain::reason::Reason;

/// Reads the last line that says that a command is not there, or that a port is taken.
pub(in crate::stack) fn read(lines: &[String], _: &str) -> Option<Cause> {
    static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^(?:/bin/)?sh: (?:line )?\d*:? ?(\S+): (?:command )?not found$|: exec: (\S+): not found").ok()
    });
    lines.iter().rev().find_map(|line| {
        if let Some(found) = MISSING.as_ref().and_then(|missing| missing.captures(line)) {
            let name = found.get(1).or_else(|| found.get(2)).map_or("", |name| name.as_str());
            return Some(Cause::new(Reason::CommandNotFound, format!("there is no command {name}")));
        }
        port_in_use(line)
    })
}
