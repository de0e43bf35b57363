//! What Node, Vite and the packers behind it print.

use std::sync::LazyLock;

use regex::Regex;

use super::cause::{Cause, in_project, port_in_use};
use crate::domain::reason::Reason;

/// An error's first line: `SyntaxError: ...`, `Error [ERR_X]: ...`, `Uncaught TypeError: ...`.
static ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:error when starting dev server:\s*)?(?:Uncaught )?((?:[A-Z]\w*)?(?:Error|Exception))(?: \[\w+\])?(?: \[[A-Z_]+\])?: (.*)$").ok()
});
/// A frame: `    at run (file:///app/server.js:3:9)`.
static FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s+at .*?\(?((?:file://)?/[^():]+|[\w./-]+):(\d+)(?::\d+)?\)?$").ok());
/// The place before an error that was found while reading: `/app/server.js:3` alone on its line.
static PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^((?:file://)?/app/[^:\s]+):(\d+)$").ok());
/// The place that esbuild, Babel or Rolldown name: `src/App.jsx:3:9`, bare or in brackets; or TypeScript:
/// `src/app.ts(3,9)`.
static POSITION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[\s(\[])((?:/app/)?[\w@./-]+\.[a-z]+)(?::(\d+):\d+|\((\d+),\d+\))").ok());
/// All that the first line of an error in a template says, of Pug's and EJS's: `TypeError: /app/views/index.pug:5`.
static TEMPLATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(\S+\.(?:pug|jade|ejs)):(\d+)(?::\d+)?$").ok());
/// The lines of a template that follow it: `  > 5|   p= nothing.of.that`.
static TEMPLATES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s*(?:>>?)?\s*\d+\|").ok());
/// The file that wanted a module: `imported from /app/server.js`, or the first of `Require stack:`.
static IMPORTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"imported from (/\S+?)$").ok());

/// Reads the last error that ended a Node process.
pub(in crate::stack) fn read(lines: &[String], root: &str) -> Option<Cause> {
    let error = ERROR.as_ref()?;
    // What is thrown need not be an error.
    if let Some(at) = lines.iter().rposition(|line| line.starts_with("(Use `node --trace-uncaught")) {
        let (file, line) = before(lines, at, root).map_or((None, None), |(file, line)| (Some(file), line));
        let message = format!("uncaught: {}", lines[at.checked_sub(1)?].trim());
        return Some(Cause { reason: Reason::Exception, message, file, line });
    }
    // The cause of an error follows it, indented; the error itself is at the margin.
    let at = lines.iter().rposition(|line| is_error(line))?;
    let found = error.captures(&lines[at])?;
    let (name, text) = (found.get(1)?.as_str(), found.get(2)?.as_str().trim());
    if let Some(cause) = port_in_use(text) {
        return Some(cause);
    }
    let missing = text.starts_with("Cannot find module") || text.starts_with("Cannot find package");
    let reason = match name {
        _ if missing || text.starts_with("Failed to resolve import") => Reason::ModuleNotFound,
        "SyntaxError" if text.contains("does not provide an export") => Reason::ImportError,
        "SyntaxError" | "TSError" => Reason::SyntaxError,
        _ if text.contains("Transform failed") || text.contains("Build failed") => Reason::SyntaxError,
        _ => Reason::Exception,
    };
    let template = template(text, root);
    let place = if missing { importer(lines, at, root) } else { template.clone() }
        .or_else(|| before(lines, at, root))
        .or_else(|| frame(lines, at, root))
        .or_else(|| position(lines, at, root));
    let (file, line) = place.map_or((None, None), |(file, line)| (Some(file), line));
    // "Build failed with 1 error:" or "Unable to compile TypeScript:" says nothing; the next line does.
    let said = if text.ends_with(':') && (text.contains("error") || text.contains("compile") || text.is_empty()) {
        lines.get(at + 1).map_or(text, |next| next.trim())
    } else if template.is_some() {
        let mark = |line: &str| line.trim().trim_start_matches('-') == "^";
        let code = |line: &&String| mark(line) || TEMPLATES.as_ref().is_some_and(|code| code.is_match(line));
        let below = lines[at + 1..].iter().find(|line| !line.trim().is_empty() && !code(line));
        below.map_or(text, |line| line.trim())
    } else {
        text
    };
    let inside = if file.is_none() && reason == Reason::Exception { in_package(lines, at) } else { None };
    Some(Cause { reason, message: format!("{name}: {said}{}", inside.unwrap_or_default()), file, line })
}

/// Returns in which package an error was thrown of which no frame is the project's, and which Node it was that ended by it:
/// where a package is loaded, that is a package that asks for another Node as a rule.
fn in_package(lines: &[String], at: usize) -> Option<String> {
    let node = lines[at..].iter().find_map(|line| line.strip_prefix("Node.js v"))?.trim();
    let frame = lines[at + 1..].iter().find_map(|line| FRAME.as_ref()?.captures(line)?.get(1))?.as_str();
    let inside = frame.rsplit_once("node_modules/")?.1;
    let parts = if inside.starts_with('@') { 2 } else { 1 };
    let package = inside.split('/').take(parts).collect::<Vec<_>>().join("/");
    Some(format!(", in the package {package}; is it made for Node.js {node}, which runs here?"))
}

/// Returns whether a line is the first of an error that Node prints.
pub(in crate::stack) fn is_error(line: &str) -> bool {
    !line.starts_with("    ") && ERROR.as_ref().is_some_and(|error| error.is_match(line))
}

/// Returns the lines before the errors at their end that a framework has found in itself while it dealt with another.
pub(in crate::stack) fn of_the_project(log: &[String]) -> &[String] {
    let mut own = log;
    while let Some(at) = own.iter().rposition(|line| is_error(line)) {
        if !own[at].contains("Error: Invariant") {
            return own;
        }
        own = &own[..at];
    }
    log
}

type Place = (String, Option<u32>);

/// Returns the place in a template that is all that an error's first line says.
fn template(text: &str, root: &str) -> Option<Place> {
    let found = TEMPLATE.as_ref()?.captures(text)?;
    Some((in_project(found.get(1)?.as_str(), root)?, found.get(2)?.as_str().parse().ok()))
}

/// Returns the file that wanted the missing module, with the line where the stack knows it.
fn importer(lines: &[String], at: usize, root: &str) -> Option<Place> {
    let named =
        IMPORTER.as_ref()?.captures(&lines[at]).and_then(|found| found.get(1)).map(|file| file.as_str().to_owned());
    let named_itself = named.is_some();
    let required = || {
        let stack = lines[at..].iter().take(4).position(|line| line.trim() == "Require stack:")?;
        Some(lines.get(at + stack + 1)?.trim().trim_start_matches("- ").to_owned())
    };
    let file = in_project(&named.or_else(required)?, root)?;
    let frames: Vec<Place> = frames(lines, at, root).collect();
    match frames.iter().find(|(other, _)| *other == file) {
        Some((_, line)) => Some((file, *line)),
        // What is run was made of the project's files, and the frames are of those.
        None if !named_itself && !frames.is_empty() => frames.into_iter().next(),
        None => Some((file, None)),
    }
}

/// Returns the place that Node prints above an error in code that it cannot read.
fn before(lines: &[String], at: usize, root: &str) -> Option<Place> {
    let place = PLACE.as_ref()?;
    let found = lines[at.saturating_sub(12)..at].iter().rev().find_map(|line| place.captures(line.trim_end()))?;
    Some((in_project(found.get(1)?.as_str(), root)?, found.get(2)?.as_str().parse().ok()))
}

fn frame(lines: &[String], at: usize, root: &str) -> Option<Place> {
    frames(lines, at, root).next()
}

/// Returns the frames in the project, innermost first.
fn frames<'a>(lines: &'a [String], at: usize, root: &'a str) -> impl Iterator<Item = Place> + 'a {
    lines[at + 1..].iter().filter_map(move |line| {
        let found = FRAME.as_ref()?.captures(line)?;
        let file = found.get(1)?.as_str();
        let absolute = file.starts_with('/') || file.starts_with("file://");
        Some((absolute.then(|| in_project(file, root)).flatten()?, found.get(2)?.as_str().parse().ok()))
    })
}

/// Returns the place that a packer names in its message.
fn position(lines: &[String], at: usize, root: &str) -> Option<Place> {
    let found = lines[at..].iter().take(6).find_map(|line| POSITION.as_ref()?.captures(line))?;
    let line = found.get(2).or_else(|| found.get(3))?.as_str();
    Some((in_project(found.get(1)?.as_str(), root)?, line.parse().ok()))
}
