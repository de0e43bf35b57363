//! Python's tracebacks.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, in_project, port_in_use};
use crate::domain::reason::Reason;

/// One frame of a traceback: `  File "/app/main.py", line 3, in <module>`.
static FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^\s*(?:\|\s*)*File "([^"]+)", line (\d+)"#).ok());
/// The last line of one: `ModuleNotFoundError: No module named 'x'`.
static ERROR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:\|\s*)*((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: (.*))?$").ok());

/// Reads the last traceback: its error, and the last frame that is in the project.
///
/// Of errors that were raised while another was handled, the last is what ended the process.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let (frame, error) = (FRAME.as_ref()?, ERROR.as_ref()?);
    let last = lines.iter().rposition(|line| frame.is_match(line))?;
    let (name, text) = lines[last..].iter().skip(1).find_map(|line| {
        let found = error.captures(line.trim_end())?;
        let name = found.get(1)?.as_str();
        Some((name.to_owned(), found.get(2).map_or_else(String::new, |text| text.as_str().to_owned())))
    })?;
    let start = lines[..last].iter().rposition(|line| line.contains("Traceback (most recent call last)"));
    let mut place = None;
    for line in &lines[start.unwrap_or(last)..=last] {
        let Some(found) = frame.captures(line) else { continue };
        if let Some(file) = found.get(1).and_then(|file| in_project(file.as_str(), root)) {
            place = Some((file, found.get(2).and_then(|line| line.as_str().parse().ok())));
        }
    }
    let short = name.rsplit('.').next().unwrap_or(&name);
    let reason = match short {
        "SyntaxError" | "IndentationError" | "TabError" | "TemplateSyntaxError" => Reason::SyntaxError,
        "ModuleNotFoundError" => Reason::ModuleNotFound,
        "ImportError" => Reason::ImportError,
        "OSError" if port_in_use(&text).is_some() => Reason::PortInUse,
        _ => Reason::Exception,
    };
    let (file, line) = place.map_or((None, None), |(file, line)| (Some(file), line));
    let message = if text.is_empty() { name } else { format!("{name}: {text}") };
    Some(Cause { reason, message, file, line })
}
