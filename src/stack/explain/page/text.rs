//! What the body of an answer says, line by line: of HTML its text and the errors in its scripts, of JSON its errors.

use std::sync::LazyLock;

use html5gum::{Token, Tokenizer};
use regex::Regex;
use serde_json::Value;

use super::frames::PYTHON_FRAME;
use crate::stack::{explain::lines::MAX_LINES, readers::node};

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

/// A place alone on its line: `./src/app/page.tsx:8:144`.
static ALONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\./([\w@./\[\]()$+-]+\.[cm]?[jt]sx?:\d+:\d+)$").ok());
/// What Turbopack says that it was doing when a module did not compile.
pub(super) const BUILDING: [&str; 2] = ["Parsing ecmascript source code failed", "Ecmascript file had an error"];

/// Where Django says that an exception was raised.
static LOCATION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*Exception Location:\s*(\S+), line (\d+), in (\S+)").ok());

/// Returns what a page says, line by line.
pub(super) fn text(content_type: &str, body: &[u8]) -> Vec<String> {
    let body = String::from_utf8_lossy(body.get(..MAX_BYTES).unwrap_or(body));
    let kind = content_type.to_ascii_lowercase();
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
    let mut lines = filled_lines(&out);
    lines.truncate(MAX_LINES.saturating_sub(errors.len() + 2));
    errors.extend(of_django(&lines));
    lines.extend(errors);
    lines
}

fn filled_lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
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
            let mut said = message.lines();
            let mut first = said.next().unwrap_or_default();
            // Turbopack begins with the place, and ends with what it was doing.
            let at = ALONE.as_ref().and_then(|alone| Some(alone.captures(first)?.get(1)?.as_str()));
            if at.is_some() {
                first = said.next().unwrap_or(first);
            }
            let named = node::is_error(first);
            let mut lines =
                vec![if named { first.to_owned() } else { format!("{}: {first}", name.unwrap_or("Error")) }];
            if let Some(at) = at {
                lines.push(format!("    at {at}"));
                lines.extend(said.filter(|line| BUILDING.contains(line)).map(str::to_owned));
            }
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
