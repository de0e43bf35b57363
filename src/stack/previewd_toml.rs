//! `previewd.toml`: what a project says of how it is run.

use toml::{Table, Value};

use super::project::{Project, bad, bad_toml, decode};
use crate::domain::{error::Error, ids::FilePath, spec::Stack};

/// The file's name, at the project's root.
pub(super) const FILE: &str = "previewd.toml";
/// Its keys.
const KEYS: [&str; 7] = ["stack", "root", "install", "start", "port", "ready_path", "data"];
/// The longest command, in bytes.
const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// The most paths of data.
const MAX_DATA: usize = 64;
/// The most commands of an installation.
const MAX_COMMANDS: usize = 32;

/// What `previewd.toml` says; `None` leaves a thing to detection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PreviewdToml {
    /// The stack.
    pub stack: Option<Stack>,
    /// The folder that is run; empty for the project's root.
    pub root: Option<String>,
    /// The commands that install dependencies, for `/bin/sh -ec`. An empty list: there is nothing to install.
    pub install: Option<Vec<String>>,
    /// The command that starts the app, for `/bin/sh -c`.
    pub start: Option<String>,
    /// The port that the app listens on.
    pub port: Option<u16>,
    /// The path that is asked for to know that the app is ready.
    pub ready_path: Option<String>,
    /// What the app writes and is kept as long as the project: paths from the project's root.
    pub data: Option<Vec<FilePath>>,
}

/// Reads `previewd.toml`; without one, nothing is set.
///
/// # Errors
/// `BadManifest` that names every unknown key, or the first key with a wrong value.
pub(super) fn read(project: &Project<'_>) -> Result<PreviewdToml, Error> {
    let Some(text) = project.text(FILE)? else { return Ok(PreviewdToml::default()) };
    let table: Table = text.parse().map_err(|error| bad_toml(FILE, &text, &error))?;
    let unknown: Vec<&str> = table.keys().map(String::as_str).filter(|key| !KEYS.contains(key)).collect();
    if !unknown.is_empty() {
        return Err(bad(FILE, format!("unknown keys: {}; known are {}", unknown.join(", "), KEYS.join(", "))));
    }
    let settings = PreviewdToml {
        stack: take(&table, "stack", stack)?,
        root: take(&table, "root", root)?,
        install: take(&table, "install", install)?,
        start: take(&table, "start", command)?,
        port: take(&table, "port", port)?,
        ready_path: take(&table, "ready_path", ready_path)?,
        data: take(&table, "data", data)?,
    };
    if let Some(root) = settings.root.as_deref().filter(|root| !root.is_empty())
        && !project.has_folder(root)
    {
        return Err(bad(FILE, format!("root: there is no folder {root} in the project")));
    }
    Ok(settings)
}

/// Returns the folder that a `previewd.toml` names; empty where it names none, or cannot be read, of which [`read`] speaks.
pub(super) fn named_root(content: &[u8]) -> String {
    let table = decode(content).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    table.get("root").and_then(|value| root(value).ok()).unwrap_or_default()
}

fn take<T>(table: &Table, key: &str, convert: fn(&Value) -> Result<T, String>) -> Result<Option<T>, Error> {
    table.get(key).map(convert).transpose().map_err(|message| bad(FILE, format!("{key}: {message}")))
}

fn stack(value: &Value) -> Result<Stack, String> {
    let name = value.as_str();
    Stack::ALL.into_iter().find(|stack| Some(stack.as_str()) == name).ok_or_else(|| {
        let names = Stack::ALL.map(|stack| format!("\"{}\"", stack.as_str()));
        format!("must be one of {}, is {}", names.join(", "), shown(value))
    })
}

fn root(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("must be a folder as text, is {}", shown(value)))?;
    let text = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
    if text.is_empty() || text == "." {
        return Ok(String::new());
    }
    text.parse::<FilePath>().map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn install(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        Value::String(_) => Ok(vec![command(value)?]),
        Value::Array(list) if list.len() <= MAX_COMMANDS => list.iter().map(command).collect(),
        _ => Err(format!("must be a command or a list of at most {MAX_COMMANDS}, is {}", shown(value))),
    }
}

fn command(value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| format!("must be a command as text, is {}", shown(value)))?;
    if text.len() > MAX_COMMAND_BYTES || text.contains('\0') {
        return Err(format!("must have at most {MAX_COMMAND_BYTES} bytes and no NUL"));
    }
    Ok(text.to_owned())
}

fn port(value: &Value) -> Result<u16, String> {
    let port = value.as_integer().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    port.ok_or_else(|| format!("must be a whole number from 1 to 65535, is {}", shown(value)))
}

fn ready_path(value: &Value) -> Result<String, String> {
    let good = |text: &&str| text.starts_with('/') && text.len() <= 1024 && text.bytes().all(|b| b.is_ascii_graphic());
    let text = value.as_str().filter(good);
    let text = text.ok_or_else(|| {
        format!("must begin with / and have at most 1024 visible ASCII characters, is {}", shown(value))
    })?;
    Ok(text.to_owned())
}

fn data(value: &Value) -> Result<Vec<FilePath>, String> {
    let Value::Array(list) = value else { return Err(format!("must be a list of paths, is {}", shown(value))) };
    if list.len() > MAX_DATA {
        return Err(format!("must have at most {MAX_DATA} paths, has {}", list.len()));
    }
    let path = |value: &Value| {
        let text = value.as_str().ok_or_else(|| format!("must be a list of paths, has {}", shown(value)))?;
        let path = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/').parse();
        path.map_err(|error| format!("{}: {error}", shown(value)))
    };
    list.iter().map(path).collect()
}

/// Returns a value as an error shows it: its beginning, on one line.
fn shown(value: &Value) -> String {
    let text = value.to_string().replace('\n', " ");
    if text.chars().count() > 60 { text.chars().take(60).chain("...".chars()).collect() } else { text }
}
