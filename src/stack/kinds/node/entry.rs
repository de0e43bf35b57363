//! Which file Node runs: what nothing but its name says is started, and what a name stands for.

use crate::stack::{manifest::Package, project::Project};

/// What is started when nothing says what is.
const ENTRIES: [&str; 14] = [
    "server.js",
    "index.js",
    "app.js",
    "main.js",
    "server.mjs",
    "index.mjs",
    "app.mjs",
    "server.cjs",
    "index.cjs",
    "app.cjs",
    "src/server.js",
    "src/index.js",
    "src/app.js",
    "src/main.js",
];

/// Returns whether a file of that name may be what is started.
pub(super) fn is_entry_name(name: &str) -> bool {
    ENTRIES.contains(&name)
}

/// Returns the file to start when no script says it.
pub(super) fn entry(project: &Project<'_>, package: &Package) -> Option<String> {
    let main = package.main.as_deref().and_then(|main| resolve_file(project, main));
    main.or_else(|| project.first(&ENTRIES).map(str::to_owned))
}

/// Returns the file that `node <name>` would run.
pub(super) fn resolve(project: &Project<'_>, package: &Package, name: &str) -> Option<String> {
    if matches!(name, "." | "./") {
        return package
            .main
            .as_deref()
            .map_or_else(|| resolve_file(project, "index"), |main| resolve_file(project, main));
    }
    resolve_file(project, name)
}

fn resolve_file(project: &Project<'_>, name: &str) -> Option<String> {
    let name = name.strip_prefix("./").unwrap_or(name).trim_end_matches('/');
    ["", ".js", ".json", ".mjs", ".cjs", "/index.js"]
        .into_iter()
        .map(|ending| format!("{name}{ending}"))
        .find(|path| project.has(path))
}
