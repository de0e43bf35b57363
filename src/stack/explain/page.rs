//! What a page says that answers with an error: frameworks show the exception in it, and often log it as well.

use std::sync::LazyLock;

use html5gum::{Token, Tokenizer};
use regex::Regex;
use serde_json::Value;

use super::{Cause, MAX_EXCERPT_LINES, MAX_LINE_CHARS, MAX_LINES, from_app, in_project, moved, readable, shortened};
use crate::domain::{
    failure::{Failure, FailureStage},
    runtime::{HOME, RUNTIME_MOUNT, RunPlan},
};

/// The reason where neither the log nor the page names an error.
const PAGE_ERROR: &str = "PAGE_ERROR";
/// The most of a page that is looked at.
const MAX_BYTES: usize = 64 * 1024;
/// The most objects of a page's scripts that are tried.
const MAX_OBJECTS: usize = 32;
/// How deep an error may be inside of them.
const MAX_DEPTH: usize = 6;

/// Elements that begin and end on a line of their own.
const BLOCKS: [&[u8]; 24] = [
    b"address",
    b"article",
    b"br",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"footer",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"header",
    b"hr",
    b"li",
    b"main",
    b"ol",
    b"p",
    b"pre",
    b"section",
    b"table",
    b"textarea",
    b"tr",
    b"ul",
];

/// A page as Next prints its module paths: `webpack-internal:///(rsc)/./app/page.tsx`.
static WEBPACK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:webpack-internal|webpack)://[^/\s]*/(?:\([\w-]+\)/)?\./").ok());
/// A frame of the project, named from its folder: `at Page (app/page.tsx:3:9)`.
static RELATIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(\s+at (?:.*[\s(])?)((?:[\w@.\[\]$+-]+/)*[\w@.\[\]$+-]+\.[cm]?[jt]sx?:\d+(?::\d+)?\)?)$").ok()
});
/// Where Django says that an exception was raised.
static LOCATION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*Exception Location:\s*(\S+), line (\d+), in (\S+)").ok());
/// A frame of Python, and one of Node.
static PYTHON_FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^(\s*(?:\|\s*)*)File "([^"]+)", line \d+"#).ok());
static NODE_FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s+at .*:\d+(?::\d+)?\)?$|^\s+at .*<anonymous>\)?$|^\s+at .*\(native\)$").ok());
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
    let said: Vec<String> = text(answer).iter().map(|line| readable(line, MAX_LINE_CHARS)).collect();
    let page = plain(plan, &moved(plan, &said, folder));
    let logged = from_app(plan, super::node::of_the_project(&log));
    let placed = logged.as_ref().is_some_and(|cause| cause.file.is_some());
    let shown = if placed { None } else { from_app(plan, &page) };
    let cause = match (logged, shown) {
        (Some(logged), Some(shown)) if shown.file.is_none() => Some(logged),
        (logged, shown) => shown.or(logged),
    };
    let cause = cause.unwrap_or_else(|| unexplained(answer, &page));
    let mut failure = Failure::new(FailureStage::Run, cause.reason, shortened(&cause.message));
    failure.file = cause.file;
    failure.line = cause.line.filter(|line| *line > 0);
    let excerpt = without_foreign_frames(if log.iter().all(|line| line.trim().is_empty()) { &page } else { &log });
    failure.log_excerpt = excerpt[excerpt.len().saturating_sub(MAX_EXCERPT_LINES)..].to_vec();
    failure
}

/// Explains a page of which nothing is known but that it is an error.
fn unexplained(answer: &PageAnswer<'_>, page: &[String]) -> Cause {
    let said = page.iter().map(|line| line.trim()).find(|line| line.chars().any(char::is_alphabetic));
    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
    let message = format!("{} answers {}{said}", answer.path, answer.status);
    Cause { reason: PAGE_ERROR, message, ..Cause::default() }
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

/// Returns lines without the frames of code that is not the project's.
fn without_foreign_frames(lines: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    // How far the frame that is left out is indented: the code below it is further in.
    let mut left_out: Option<usize> = None;
    for line in lines {
        let indent = line.len() - line.trim_start_matches([' ', '|', '+']).len();
        if let Some(frame) = left_out {
            if indent > frame && !line.trim().is_empty() {
                continue;
            }
            left_out = None;
        }
        if let Some(found) = PYTHON_FRAME.as_ref().and_then(|frame| frame.captures(line)) {
            let file = found.get(2).map_or("", |file| file.as_str());
            let relative = !file.starts_with(['/', '<']);
            if in_project(file, "").is_none() || (relative && is_foreign(file)) {
                left_out = Some(indent);
                continue;
            }
        } else if NODE_FRAME.as_ref().is_some_and(|frame| frame.is_match(line)) && is_foreign(line) {
            continue;
        }
        kept.push(line.clone());
    }
    kept
}

fn is_foreign(frame: &str) -> bool {
    ["node_modules/", "node:", "site-packages/", "<anonymous>", "(native)"].iter().any(|part| frame.contains(part))
        || frame.contains(&format!("{RUNTIME_MOUNT}/"))
        || frame.contains(&format!("{HOME}/"))
}

/// Returns what a page says, line by line.
fn text(answer: &PageAnswer<'_>) -> Vec<String> {
    let body = String::from_utf8_lossy(answer.body.get(..MAX_BYTES).unwrap_or(answer.body));
    let kind = answer.content_type.to_ascii_lowercase();
    let lines = if kind.contains("json") {
        match serde_json::from_str::<Value>(&body) {
            Ok(value) => of_object(&value, MAX_DEPTH),
            Err(_) => body.lines().map(str::to_owned).collect(),
        }
    } else if kind.contains("html") || body.trim_start().starts_with('<') {
        of_html(&body)
    } else {
        body.lines().map(str::to_owned).collect()
    };
    lines.into_iter().take(MAX_LINES).collect()
}

/// Returns the text of a page of HTML, comments included, since some hold the whole of a traceback; and the errors that
/// its scripts carry, which come last and so count most.
fn of_html(html: &str) -> Vec<String> {
    let mut out = String::new();
    let mut errors = Vec::new();
    let (mut exact, mut hidden) = (0_usize, None);
    let mut script = String::new();
    let mut emitter = html5gum::DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name: &[u8] = &tag.name;
                if matches!(name, b"pre" | b"textarea") {
                    exact += 1;
                }
                if matches!(name, b"script" | b"style" | b"svg" | b"noscript") && !tag.self_closing {
                    hidden.get_or_insert_with(|| name.to_vec());
                }
                if BLOCKS.contains(&name) {
                    out.push('\n');
                }
            }
            Token::EndTag(tag) => {
                let name: &[u8] = &tag.name;
                if matches!(name, b"pre" | b"textarea") {
                    exact = exact.saturating_sub(1);
                }
                if hidden.as_deref() == Some(name) {
                    hidden = None;
                    errors.extend(of_script(&std::mem::take(&mut script)));
                }
                if BLOCKS.contains(&name) || name == b"title" {
                    out.push('\n');
                }
            }
            Token::String(string) => {
                let string = String::from_utf8_lossy(&string.value).replace('\u{a0}', " ");
                match &hidden {
                    Some(name) if name == b"script" => script.push_str(&string),
                    Some(_) => {}
                    None if exact > 0 => out.push_str(&string),
                    None => out.push_str(&collapsed(&string)),
                }
            }
            Token::Comment(comment) => {
                out.push('\n');
                out.push_str(&String::from_utf8_lossy(&comment.value));
                out.push('\n');
            }
            Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    // The page may have been cut in the middle of a script.
    errors.extend(of_script(&script));
    let mut lines: Vec<String> =
        out.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    lines.truncate(MAX_LINES.saturating_sub(errors.len() + 2));
    errors.extend(of_django(&lines));
    lines.extend(errors);
    lines
}

/// Returns the end of the traceback of a page of Django's, which sums it up in words of its own.
fn of_django(lines: &[String]) -> Vec<String> {
    let field = |name: &str| {
        let at = lines.iter().position(|line| line.trim_start().starts_with(name))?;
        let own = lines.get(at)?.trim_start().strip_prefix(name)?.trim();
        // A value may be in an element of its own.
        Some(if own.is_empty() { lines.get(at + 1)?.trim() } else { own })
    };
    let (Some(kind), Some(value)) = (field("Exception Type:"), field("Exception Value:")) else { return Vec::new() };
    let mut end = Vec::new();
    let traced = lines.iter().any(|line| PYTHON_FRAME.as_ref().is_some_and(|frame| frame.is_match(line)));
    if !traced && let Some(found) = lines.iter().find_map(|line| LOCATION.as_ref()?.captures(line)) {
        let mut frame = String::new();
        found.expand("  File \"$1\", line $2, in $3", &mut frame);
        end.push(frame);
    }
    end.push(format!("{}: {value}", kind.split(" at ").next().unwrap_or(kind)));
    end
}

/// Returns text with each run of spaces as one, as a browser shows it. Of a line's own indentation, as after `<br>`, the
/// spaces that do not break are all that is shown.
fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    for character in text.chars() {
        if matches!(character, '\n' | '\r' | '\t') {
            space = true;
            continue;
        }
        if space {
            out.push(' ');
            space = false;
        }
        out.push(character);
    }
    if space {
        out.push(' ');
    }
    out
}

/// Returns the errors in the objects that a script holds.
fn of_script(script: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_OBJECTS {
        let Some(found) = script.get(at..).and_then(|rest| rest.find("{\"")) else { break };
        at += found;
        let rest = script.get(at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                errors.extend(errors_of(&value, MAX_DEPTH));
                at += values.byte_offset().max(1);
            }
            _ => at += 2,
        }
    }
    errors
}

/// Returns what an object says: its errors, else all texts in it.
fn of_object(value: &Value, depth: usize) -> Vec<String> {
    let errors = errors_of(value, depth);
    if !errors.is_empty() {
        return errors;
    }
    match value {
        Value::Object(fields) if depth > 0 => fields.values().flat_map(|value| of_object(value, depth - 1)).collect(),
        Value::Array(items) if depth > 0 => items.iter().flat_map(|value| of_object(value, depth - 1)).collect(),
        Value::String(text) => text.lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Returns the errors in an object as Node prints them.
fn errors_of(value: &Value, depth: usize) -> Vec<String> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    match value {
        Value::Array(items) => items.iter().flat_map(|item| errors_of(item, depth)).collect(),
        Value::Object(fields) => {
            let stack: Option<Vec<String>> = match fields.get("stack") {
                Some(Value::String(stack)) => Some(stack.lines().map(str::to_owned).collect()),
                Some(Value::Array(frames)) => Some(frames.iter().filter_map(frame_of).collect()),
                _ => None,
            };
            let place = fields.get("loc").and_then(place_of);
            if stack.is_none() && place.is_none() {
                return fields.values().flat_map(|value| errors_of(value, depth)).collect();
            }
            let name = fields.get("name").and_then(Value::as_str).filter(|name| name.ends_with("Error"));
            let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
            let first = message.lines().next().unwrap_or_default();
            let named = super::node::is_error(first);
            let mut lines =
                vec![if named { first.to_owned() } else { format!("{}: {first}", name.unwrap_or("Error")) }];
            lines.extend(place);
            let stack = stack.unwrap_or_default();
            // The first lines of a stack are the error itself.
            lines.extend(
                stack
                    .into_iter()
                    .filter(|line| line.trim_start().starts_with("at "))
                    .map(|line| if line.starts_with(' ') { line } else { format!("    {line}") }),
            );
            lines
        }
        _ => Vec::new(),
    }
}

/// Returns a frame that Nitro gives as an object or as text.
fn frame_of(frame: &Value) -> Option<String> {
    let text = frame.as_str().or_else(|| frame.get("text").and_then(Value::as_str))?;
    let text = text.trim();
    Some(if text.starts_with("at ") { format!("    {text}") } else { format!("    at {text}") })
}

/// Returns the place that Vite names, as a frame.
fn place_of(place: &Value) -> Option<String> {
    let file = place.get("file").and_then(Value::as_str)?;
    let line = place.get("line").and_then(Value::as_u64)?;
    Some(format!("    at {file}:{line}:1"))
}
