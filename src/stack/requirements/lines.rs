//! The lines of a requirements file.

use crate::{
    domain::{
        ids::FilePath,
        path::{folder, resolve},
        runtime::APP_ROOT,
    },
    stack::names::is_archive,
};

/// What a line names.
pub(super) enum Line<'a> {
    /// `-r file` or `-c file`.
    Include(&'a str),
    /// `-e folder` or `./folder`.
    Local(&'a str),
    /// `./wheels/package.whl` or `--find-links folder`.
    Archives(&'a str),
    Other,
}

/// Reads a line that has no comment.
pub(super) fn read_line(line: &str) -> Line<'_> {
    let line = line.trim();
    let option = |names: [&str; 2]| {
        names.into_iter().find_map(|name| {
            let rest = line.strip_prefix(name)?;
            // `-rfile`, `-r file`, `--requirement=file` and `--requirement file` are all taken.
            let apart = rest.starts_with([' ', '\t', '=']) || !name.starts_with("--");
            apart.then(|| rest.trim_start_matches(['=', ' ', '\t']).trim()).filter(|rest| !rest.is_empty())
        })
    };
    let remote = |target: &str| target.contains("://") && !target.starts_with("file:");
    if let Some(file) = option(["--requirement", "-r"]).or_else(|| option(["--constraint", "-c"])) {
        return if remote(file) { Line::Other } else { Line::Include(file) };
    }
    if let Some(target) = option(["--editable", "-e"]) {
        return if remote(target) || target.starts_with("git+") { Line::Other } else { Line::Local(target) };
    }
    if let Some(folder) = option(["--find-links", "-f"]) {
        return if remote(folder) { Line::Other } else { Line::Archives(folder) };
    }
    // `name @ file:...` as well as the path alone, each with a marker behind it.
    let path = line.split([';', ' ']).rfind(|part| is_archive(part.trim())).unwrap_or_default().trim();
    if !path.is_empty() && !remote(path) && path.contains('/') {
        return Line::Archives(path);
    }
    let folder = line.starts_with("./")
        || line.starts_with("../")
        || line == "."
        || line.starts_with(".[")
        || line.starts_with("file:");
    if folder { Line::Local(line) } else { Line::Other }
}

/// Returns a line without its comment.
pub(super) fn without_comment(line: &str) -> &str {
    let end = match line.trim_start() {
        comment if comment.starts_with('#') => 0,
        _ => line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len()),
    };
    line[..end].trim_end()
}

/// Returns a path that a requirements file names, from the project's folder; `None` if it leads outside.
pub(super) fn beside(file: &str, name: &str) -> Option<String> {
    let name = name.trim_start_matches("file:").split(['[', '#', ';']).next()?.trim();
    if name.starts_with('/') {
        return name.strip_prefix(APP_ROOT)?.strip_prefix('/').map(str::to_owned);
    }
    let path = resolve(folder(file), name)?;
    (path.is_empty() || path.parse::<FilePath>().is_ok()).then_some(path)
}

/// Returns the extras of a line such as `-e .[dev,web]`.
pub(super) fn extras(line: &str) -> Vec<String> {
    let named = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(named, _)| named);
    named.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
