//! What Eleventy prints of a template that it cannot write.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, in_project};
use crate::domain::reason::Reason;

/// `[11ty] 2. (./_includes/base.njk) [Line 10, Column 7]`, of Nunjucks; the next line says what is wrong.
static NUNJUCKS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\[11ty\] (?:\d+\. )?\((\S+)\) \[Line (\d+), Column \d+\]$").ok());
/// `[11ty] 2. tag if not closed, file:./index.liquid, line:3, col:1 (via ParseError)`, of Liquid.
static LIQUID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\[11ty\] (?:\d+\. )?(.+), file:(\S+), line:(\d+)(?:, col:\d+)?(?: \(via .*)?$").ok()
});
/// What is before and behind a message.
static MESSAGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\[11ty\]\s+(.+?)(?: \(via [^)]*\))?$").ok());

/// Reads the last error of a template.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    (0..lines.len()).rev().find_map(|at| {
        let line = lines[at].trim_end();
        let (file, number, message) = if let Some(found) = LIQUID.as_ref().and_then(|liquid| liquid.captures(line)) {
            (found.get(2)?.as_str(), found.get(3)?.as_str(), found.get(1)?.as_str().to_owned())
        } else {
            let found = NUNJUCKS.as_ref()?.captures(line)?;
            let next = lines.get(at + 1).map_or("", |next| next.trim_end());
            let said = MESSAGE.as_ref()?.captures(next).and_then(|said| said.get(1));
            let message =
                said.map_or_else(|| "a template cannot be written".to_owned(), |said| said.as_str().to_owned());
            (found.get(1)?.as_str(), found.get(2)?.as_str(), message)
        };
        let file = Some(in_project(file, root)?);
        Some(Cause { reason: Reason::SyntaxError, message, file, line: number.parse().ok() })
    })
}
