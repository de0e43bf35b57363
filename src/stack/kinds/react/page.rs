//! What an entry page loads, and where that is when it is not where the page says.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    domain::{
        error::Error,
        path::{name, resolve},
    },
    stack::project::{FOREIGN, Project, bad_line},
};

static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?-->").ok());
static SCRIPT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)<script\b([^>]*)>").ok());
static MODULE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"(?i)\btype\s*=\s*["']?module\b"#).ok());
static SOURCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#).ok());
/// What in a configuration gives the paths of a page another meaning.
static MOVES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\b(?:base|root)\s*:|["']/src"#).ok());

/// The configurations of Vite, in its own order.
pub(super) const CONFIGS: [&str; 6] =
    ["vite.config.js", "vite.config.mjs", "vite.config.ts", "vite.config.cjs", "vite.config.mts", "vite.config.cts"];
/// The modules that mount apps by custom.
pub(super) const MOUNTS: [&str; 10] = [
    "src/main.jsx",
    "src/main.tsx",
    "src/main.js",
    "src/main.ts",
    "src/index.jsx",
    "src/index.tsx",
    "src/index.js",
    "src/index.ts",
    "main.jsx",
    "main.tsx",
];
/// The endings of modules that Vite takes from a project.
const ENDINGS: [&str; 8] = ["js", "jsx", "ts", "tsx", "mjs", "mts", "cjs", "cts"];

/// A module that a page loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// What the page says.
    said: String,
    /// The file, from the page's folder.
    pub path: String,
    /// The line of the page, from 1.
    line: usize,
}

/// Returns the modules that a page loads from its own project.
pub(super) fn scripts(page: &str) -> Vec<Script> {
    let (Some(comment), Some(script)) = (COMMENT.as_ref(), SCRIPT.as_ref()) else { return Vec::new() };
    // Lines keep their numbers.
    let shown = comment.replace_all(page, |found: &regex::Captures<'_>| "\n".repeat(found[0].matches('\n').count()));
    let read = |found: regex::Captures<'_>| {
        let attributes = found.get(1)?.as_str();
        MODULE.as_ref()?.find(attributes)?;
        let source = SOURCE.as_ref()?.captures(attributes)?;
        let said = source.iter().skip(1).flatten().next()?.as_str();
        let path = said.split(['?', '#']).next()?;
        let foreign = path.contains("//") || path.contains([':', '%', '{', '@', '<']);
        let path = resolve("", path.trim_start_matches('/')).filter(|_| !foreign)?;
        let line = shown[..found.get(0)?.start()].matches('\n').count() + 1;
        ending(&path).map(|_| Script { said: said.to_owned(), path: path.clone(), line })
    };
    script.captures_iter(&shown).filter_map(read).collect()
}

/// Checks that what a page loads is there, where the project has it in another place or under another ending: as in an
/// export of which the folders were lost. What is nowhere is left to the development server, which may know better.
///
/// # Errors
/// `BadManifest` with the page's line, and the file that may be meant.
pub(super) fn check(project: &Project<'_>, page: &str) -> Result<(), Error> {
    let config = project.first(&CONFIGS).and_then(|name| project.source(name)).unwrap_or_default();
    if MOVES.as_ref().is_none_or(|moves| moves.is_match(&config)) {
        return Ok(());
    }
    for script in scripts(page) {
        if project.has(&script.path) || project.has(&format!("public/{}", script.path)) {
            continue;
        }
        if let Some(other) = elsewhere(project, &script.path) {
            let message = format!("it loads {}, which is not there; there is {other}", script.said);
            return Err(bad_line(project.path("index.html"), script.line, message));
        }
    }
    Ok(())
}

/// Returns the file of the project that may be meant by a path: of the same name, else of the same name with another
/// ending, else one that mounts apps by custom. The shallowest of them.
fn elsewhere<'a>(project: &Project<'a>, path: &str) -> Option<&'a str> {
    fn stem(path: &str) -> &str {
        name(path).rsplit_once('.').map_or("", |(stem, _)| stem)
    }
    let own = |path: &&str| {
        path.split('/').all(|part| !part.starts_with('.') && !FOREIGN.contains(&part))
            && !path.starts_with("public/")
            && !path.starts_with("dist/")
            && ending(path).is_some()
    };
    let shallowest = |like: &dyn Fn(&str) -> bool| {
        project.files().filter(own).filter(|path| like(path)).min_by_key(|path| path.matches('/').count())
    };
    shallowest(&|other| name(other) == name(path))
        .or_else(|| shallowest(&|other| stem(other) == stem(path)))
        .or_else(|| shallowest(&|other| MOUNTS.contains(&path) && MOUNTS.contains(&other)))
}

fn ending(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    ENDINGS.into_iter().find(|known| *known == ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_a_page_are_found_with_their_lines() {
        let page = "<!doctype html>\n<!-- <script type=\"module\" src=\"/old.js\"></script>\n-->\n<script src=\"/plain.js\">\
                    </script>\n<SCRIPT defer type='module'\n  src='./src/main.tsx?v=1'></SCRIPT>\n\
                    <script type=module src=https://cdn.example/x.js></script><script type=module>a()</script>\n\
                    <script type=\"module\" src=\"/%VITE_X%/a.js\"></script><script type=module src=/a.js></script>";
        let found: Vec<(String, usize)> = scripts(page).into_iter().map(|it| (it.path, it.line)).collect();
        assert_eq!(found, [("src/main.tsx".to_owned(), 5), ("a.js".to_owned(), 8)]);
    }
}
