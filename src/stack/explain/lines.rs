//! The lines of a log as they are read and shown: bounded, without colours, with paths as they are in the project.

use std::{borrow::Cow, sync::LazyLock};

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
    let mut text = String::with_capacity(line.len().min(max_chars));
    let mut characters = line.chars();
    let mut count = 0;
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // An escape sequence ends at its first letter.
            if characters.next() == Some('[') {
                characters.by_ref().find(char::is_ascii_alphabetic);
            }
        } else if character == '\t' || !character.is_control() {
            text.push(character);
            count += 1;
            if count == max_chars {
                break;
            }
        }
    }
    text
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
