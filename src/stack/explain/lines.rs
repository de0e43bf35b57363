//! The lines of a log as they are read and shown: bounded, without colours, with paths as they are in the project.

use std::{borrow::Cow, sync::LazyLock};

use anstream::adapter::strip_str;
use regex::Regex;

use crate::domain::runtime::RunPlan;

/// The most lines that are looked at.
pub(super) const MAX_LINES: usize = 400;
/// The most lines of an installation that are looked at: its cause may stand far above the end.
pub(super) const MAX_INSTALL_LINES: usize = 10_000;
/// The most characters of a line that are looked at.
pub(super) const MAX_LINE_CHARS: usize = 1000;
/// The most characters of a line of an installation that are looked at: pip lists the releases that there are in one.
pub(super) const MAX_INSTALL_LINE_CHARS: usize = 16 * 1024;
/// The longest message, in characters.
pub(super) const MAX_MESSAGE_CHARS: usize = 400;

/// Returns lines with the paths of a project in another folder as they are in the usual one.
pub(super) fn moved<'a>(plan: &RunPlan, lines: &'a [String], folder: &str) -> Cow<'a, [String]> {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() {
        return Cow::Borrowed(lines);
    }
    let (own, usual) = (format!("{folder}/"), format!("{}/", plan.working_folder()));
    lines.iter().map(|line| line.replace(&own, &usual)).collect()
}

/// Returns a line without colours and other control characters, cut to size.
pub(super) fn readable(line: &str, max_chars: usize) -> String {
    let shown = |character: &char| *character == '\t' || !character.is_control();
    strip_str(line).flat_map(str::chars).filter(shown).take(max_chars).collect()
}

/// Returns the first line of a message without the paths of the container, cut to size.
pub(super) fn shortened(message: &str) -> String {
    static FOLDER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(^|[^\w@.\])+-])(?:file://)?/app/").ok());
    let message = message.trim();
    // Where a path begins, and not in its midst: a project may have a folder of that name.
    let message = FOLDER.as_ref().map_or(message.into(), |folder| folder.replace_all(message, "${1}"));
    let first = message.lines().next().unwrap_or_default();
    if first.chars().count() > MAX_MESSAGE_CHARS {
        first.chars().take(MAX_MESSAGE_CHARS).chain("...".chars()).collect()
    } else {
        first.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn what_terminals_do_with_text_is_not_part_of_it() {
        let links = "\u{1b}]8;;file:///app/a.js\u{1b}\\a.js\u{1b}]8;;\u{1b}\\:3 \u{1b}]0;title\u{7}\u{1b}[1;31mError\u{1b}[0m\r";
        assert_eq!(readable(links, 100), "a.js:3 Error");
        assert_eq!(readable("\ta\u{8}b\u{1b}", 2), "\ta");
        assert_eq!(readable("\u{e4}\u{e4}\u{e4}", 2), "\u{e4}\u{e4}");
    }
}
