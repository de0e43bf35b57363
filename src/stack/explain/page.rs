//! What a page says that answers with an error: frameworks show the exception in it, and often log it as well.

mod frames;
mod text;

use std::sync::LazyLock;

use regex::Regex;

pub(super) use self::frames::own_lines;
use self::{
    frames::NODE_FRAME,
    text::{BUILDING, text},
};
use super::{
    app::from_app,
    lines::{MAX_LINE_CHARS, MAX_LINES, moved, readable, shortened},
};
use crate::{
    domain::{
        failure::{Failure, FailureStage, MAX_EXCERPT_LINES},
        reason::Reason,
        runtime::RunPlan,
    },
    stack::readers::{
        cause::{Cause, in_project},
        node,
    },
};

/// What Astro puts at the end of a page of which the rest could not be rendered, once its head was sent with 200.
const ASTROS_END: &[u8] = br#"<script type="module" src="/@vite/client"></script>"#;

/// A page as Next prints its module paths: `webpack-internal:///(rsc)/./app/page.tsx`.
static WEBPACK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:webpack-internal|webpack)://[^/\s]*/(?:\([\w-]+\)/)?\./").ok());
/// A frame of the project, named from its folder: `at Page (app/page.tsx:3:9)`.
static RELATIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(\s+at (?:.*[\s(])?)((?:[\w@.\[\]$+-]+/)*[\w@.\[\]$+-]+\.[cm]?[jt]sx?:\d+(?::\d+)?\)?)$").ok()
});
/// Where Django says that an exception was raised while a template was read or rendered.
static IN_TEMPLATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*In template (\S+), error at line (\d+)\s*$").ok());
/// What a program writes before an error: a mark, or a label.
static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\s{0,2}(?:[⨯✗✖×]\s+|\[\w+\]\s+|ERROR\s+|(?:\d{1,2}:){2}\d{2}(?: [AP]M)?\s+|Error:\s+(?:\w*Error: )?$)+",
    )
    .ok()
});
/// Code that a build made of the project's own.
const MADE: [&str; 6] = ["/.next/", "/.nuxt/", "/.output/", "/.svelte-kit/", "/.astro/", "/.vinxi/"];

/// What a path was answered with.
#[derive(Debug, Clone, Copy)]
pub struct PageAnswer<'a> {
    /// The path.
    pub path: &'a str,
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: &'a str,
    /// The beginning of the body.
    pub body: &'a [u8],
}

/// Explains why a page is an error: by what the app has logged since it was asked, else by what the page says.
///
/// `lines` and `folder` are as for [`super::explain_in`]. The excerpt has no frames of the framework, nor of ours. The
/// reason is that of the error, or `PAGE_ERROR` where none is found.
pub fn explain_page(plan: &RunPlan, answer: &PageAnswer<'_>, lines: &[String], folder: &str) -> Failure {
    let tail: Vec<String> =
        lines[lines.len().saturating_sub(MAX_LINES)..].iter().map(|line| readable(line, MAX_LINE_CHARS)).collect();
    let log = plain(plan, &moved(plan, &tail, folder));
    let said: Vec<String> =
        text(answer.content_type, answer.body).iter().map(|line| readable(line, MAX_LINE_CHARS)).collect();
    let page = plain(plan, &moved(plan, &said, folder));
    let logged = from_app(plan, node::of_the_project(&log));
    let placed = logged.as_ref().is_some_and(|cause| cause.file.is_some());
    let shown = if placed { None } else { from_app(plan, &page) };
    let cause = match (logged, shown) {
        (Some(logged), Some(shown)) if shown.file.is_none() => Some(logged),
        (logged, shown) => shown.or(logged),
    };
    let mut cause = cause.unwrap_or_else(|| unexplained(answer, &page));
    // The traceback ends in the code that renders, and has no frame of what that renders.
    if let Some((file, line)) = template(plan, &page) {
        (cause.file, cause.line) = (Some(file), line);
    }
    let mut stage = FailureStage::Run;
    if page.iter().any(|line| BUILDING.contains(&line.as_str())) {
        (stage, cause.reason) = (FailureStage::Build, Reason::BuildFailed);
    }
    let mut failure = Failure::new(stage, cause.reason, shortened(&cause.message));
    failure.file = cause.file;
    failure.line = cause.line.filter(|line| *line > 0);
    let shown = if log.iter().all(|line| line.trim().is_empty()) { &page } else { &log };
    let excerpt = own_lines(shown, shown);
    failure.log_excerpt = excerpt[excerpt.len().saturating_sub(MAX_EXCERPT_LINES)..].to_vec();
    failure
}

/// Returns the place in a template that a page of Django's names, if it is one of the project's.
fn template(plan: &RunPlan, page: &[String]) -> Option<(String, Option<u32>)> {
    let found = page.iter().find_map(|line| IN_TEMPLATE.as_ref()?.captures(line))?;
    Some((in_project(found.get(1)?.as_str(), &plan.root)?, found.get(2)?.as_str().parse().ok()))
}

/// Returns whether a page that was answered as if it were good ends where its rest could not be rendered. `end` is its last
/// few hundred bytes.
pub fn is_cut_short(end: &[u8]) -> bool {
    end.trim_ascii_end().ends_with(ASTROS_END)
}

/// Explains a page of which nothing is known but that it is an error.
fn unexplained(answer: &PageAnswer<'_>, page: &[String]) -> Cause {
    let said = page.iter().map(|line| line.trim()).find(|line| line.chars().any(char::is_alphabetic));
    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
    let message = format!("{} answers {}{said}", answer.path, answer.status);
    Cause::new(Reason::PageError, message)
}

/// Returns lines as the readers of logs know them: without labels, paths as they are in the container, and without the
/// frames of what a build has made.
fn plain(plan: &RunPlan, lines: &[String]) -> Vec<String> {
    let folder = format!("{}/", plan.working_folder());
    let lines = lines.iter().filter(|line| {
        let frame = NODE_FRAME.as_ref().is_some_and(|frame| frame.is_match(line));
        !(frame && MADE.iter().any(|made| line.contains(made)))
    });
    lines
        .map(|line| {
            let line = LABEL.as_ref().map_or(line.as_str().into(), |label| label.replace(line, ""));
            let line =
                WEBPACK.as_ref().map_or(line.clone(), |path| path.replace_all(&line, &folder).into_owned().into());
            let replaced = RELATIVE.as_ref().map_or(line.clone(), |frame| {
                let inside = format!("${{1}}{folder}${{2}}");
                if line.contains("node_modules/") {
                    line.clone()
                } else {
                    frame.replace(&line, inside).into_owned().into()
                }
            });
            replaced.into_owned()
        })
        .collect()
}
