//! The frames of an error, and which of them are of code that is not the project's.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    domain::runtime::{APP_ROOT, HOME, RUNTIME_MOUNT},
    stack::readers::cause::in_project,
};

/// A frame of Python.
pub(super) static PYTHON_FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^(\s*(?:\|\s*)*)File "([^"]+)", line \d+"#).ok());
/// A frame of Node.
pub(super) static NODE_FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s+at .*:\d+(?::\d+)?\)?$|^\s+at .*<anonymous>\)?$|^\s+at .*\(native\)$").ok());

/// Returns lines without the frames of code that is not the project's. `usual` are the same lines with the paths that the
/// project's files usually have.
pub fn own_lines(lines: &[String], usual: &[String]) -> Vec<String> {
    lines.iter().zip(own(usual)).filter(|(_, own)| *own).map(|(line, _)| line.clone()).collect()
}

/// Returns for each line whether it is no part of a frame of code that is not the project's.
fn own(lines: &[String]) -> Vec<bool> {
    let mut kept = Vec::with_capacity(lines.len());
    // How far the frame that is left out is indented: the code below it is further in.
    let mut left_out: Option<usize> = None;
    for line in lines {
        let indent = line.len() - line.trim_start_matches([' ', '|', '+']).len();
        if let Some(frame) = left_out {
            if indent > frame && !line.trim().is_empty() {
                kept.push(false);
                continue;
            }
            left_out = None;
        }
        if let Some(found) = PYTHON_FRAME.as_ref().and_then(|frame| frame.captures(line)) {
            let file = found.get(2).map_or("", |file| file.as_str());
            let relative = !file.starts_with(['/', '<']);
            if in_project(file, "").is_none() || (relative && is_foreign(file)) {
                left_out = Some(indent);
                kept.push(false);
                continue;
            }
        } else if NODE_FRAME.as_ref().is_some_and(|frame| frame.is_match(line)) && is_foreign(line) {
            kept.push(false);
            continue;
        }
        kept.push(true);
    }
    kept
}

fn is_foreign(frame: &str) -> bool {
    // `Object.<anonymous> (/app/server.js:2:7)` is a file of the project.
    let nowhere = ["<anonymous>", "(native)"].iter().any(|part| frame.contains(part));
    ["node_modules/", "node:", "site-packages/"].iter().any(|part| frame.contains(part))
        || (nowhere && !frame.contains(&format!("{APP_ROOT}/")))
        || frame.contains(&format!("{RUNTIME_MOUNT}/"))
        || frame.contains(&format!("{HOME}/"))
}
