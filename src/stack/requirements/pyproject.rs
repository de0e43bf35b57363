//! `pyproject.toml`: what it lists, and what of it decides an installation.

use toml::{Table, Value};

use super::lines::beside;
use crate::{
    domain::error::Error,
    stack::project::{Project, bad, bad_toml},
};

/// Returns a field of `[project]`.
pub(super) fn field<'t>(table: &'t Table, name: &str) -> Option<&'t Value> {
    table.get("project").and_then(|project| project.get(name))
}

/// Returns whether something else than `[project]` itself says what the project depends on.
pub(super) fn is_dynamic(table: &Table) -> bool {
    let dynamic = field(table, "dynamic").and_then(Value::as_array);
    dynamic.is_some_and(|fields| fields.iter().any(|field| field.as_str() == Some("dependencies")))
}

/// Returns the requirement files that setuptools is told to take the dependencies from, if there are any and all are there.
pub(super) fn dynamic_files(project: &Project<'_>, table: &Table) -> Option<Vec<String>> {
    let tools = table.get("tool").and_then(|tool| tool.get("setuptools")).and_then(|tool| tool.get("dynamic"));
    let files: Vec<String> = match tools.and_then(|tool| tool.get("dependencies")).and_then(|list| list.get("file"))? {
        Value::String(file) => vec![file.clone()],
        Value::Array(files) => files.iter().filter_map(|file| file.as_str().map(str::to_owned)).collect(),
        _ => return None,
    };
    let files: Vec<String> = files.iter().filter_map(|file| beside("pyproject.toml", file)).collect();
    (!files.is_empty() && files.iter().all(|file| project.has(file))).then_some(files)
}

/// Returns whether a `pyproject.toml` describes a project, and not only the settings of tools.
pub(in crate::stack) fn describes_project(project: &Project<'_>) -> Result<bool, Error> {
    let Some(text) = project.text("pyproject.toml")? else { return Ok(false) };
    let table = parse(project, &text)?;
    Ok(table.contains_key("project") || poetry_list(&table))
}

pub(super) fn parse(project: &Project<'_>, text: &str) -> Result<Table, Error> {
    text.parse().map_err(|error| bad_toml(project.path("pyproject.toml"), text, &error))
}

pub(super) fn poetry_list(table: &Table) -> bool {
    let tool = table.get("tool").and_then(|tool| tool.get("poetry"));
    tool.is_some_and(|poetry| poetry.get("dependencies").is_some())
        && table.get("project").is_none_or(|project| project.get("dependencies").is_none())
}

/// Returns a `pyproject.toml` without what installs nothing: the project itself is never built, so neither its version, its
/// description nor its build decides anything. What the content hash of `poetry.lock` is made of stays.
///
/// # Errors
/// `BadManifest` if it cannot be written again.
pub(super) fn reduced(project: &Project<'_>, table: &Table) -> Result<Vec<u8>, Error> {
    let mut part = table.clone();
    part.retain(|key, _| matches!(key as &str, "project" | "dependency-groups" | "tool"));
    if let Some(Value::Table(fields)) = part.get_mut("project") {
        // uv finds the project in its lockfile by its name.
        let keep = ["name", "dynamic", "requires-python", "dependencies", "optional-dependencies"];
        fields.retain(|key, _| keep.contains(&(key as &str)));
        if let Some(Value::Array(dynamic)) = fields.get_mut("dynamic") {
            dynamic.retain(|field| matches!(field.as_str(), Some("dependencies" | "optional-dependencies")));
        }
        fields.insert("version".into(), Value::String("0".into()));
    }
    if let Some(Value::Table(tools)) = part.get_mut("tool") {
        tools.retain(|key, _| matches!(key as &str, "uv" | "poetry"));
        if let Some(Value::Table(poetry)) = tools.get_mut("poetry") {
            let keep = [
                "dependencies",
                "dev-dependencies",
                "group",
                "extras",
                "source",
                "requires-poetry",
                "requires-plugins",
                "build-constraints",
            ];
            poetry.retain(|key, _| keep.contains(&(key as &str)));
            // A package would have to have a name and a version.
            poetry.insert("package-mode".into(), Value::Boolean(false));
        }
    }
    part.retain(|_, value| value.as_table().is_none_or(|table| !table.is_empty()));
    let text = toml::to_string(&part).map_err(|error| bad(project.path("pyproject.toml"), error.to_string()))?;
    Ok(text.into_bytes())
}

/// Returns a `uv.lock` without the version of the project itself, which `uv sync --frozen` does not compare.
pub(super) fn without_version(lockfile: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(lockfile) else { return lockfile.to_vec() };
    let own = ["source = { editable = \".\" }", "source = { virtual = \".\" }"];
    let Some(at) = own.iter().find_map(|source| text.find(&format!("\n{source}"))) else { return lockfile.to_vec() };
    let start = text[..at].rfind('\n').map_or(0, |start| start + 1);
    if !text[start..at].starts_with("version = ") {
        return lockfile.to_vec();
    }
    format!("{}version = \"0\"{}", &text[..start], &text[at..]).into_bytes()
}

/// Returns the dependencies of `[project]` without local ones.
pub(super) fn dependencies(
    project: &Project<'_>,
    table: &Table,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    listed(project, field(table, "dependencies"), "project.dependencies", notes)
}

/// Returns what an extra of `[project]` adds, without local ones; nothing for one that is not there.
pub(super) fn extra(
    project: &Project<'_>,
    table: &Table,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '.'], "-");
    let extras = field(table, "optional-dependencies").and_then(Value::as_table);
    let found = extras.and_then(|extras| extras.iter().find(|(own, _)| plain(own) == plain(name)));
    listed(project, found.map(|(_, list)| list), &format!("project.optional-dependencies.{name}"), notes)
}

fn listed(
    project: &Project<'_>,
    list: Option<&Value>,
    place: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Error> {
    let file = project.path("pyproject.toml");
    let list = match list {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(bad(file, format!("{place}: must be a list of texts"))),
    };
    let mut found = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let text = value.as_str().map(str::trim).unwrap_or_default();
        let good = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.contains(['\n', '\0']);
        if !good {
            return Err(bad(file, format!("{place}[{index}]: must be a requirement as text, is {value}")));
        }
        if text.contains("file:") {
            notes.push(format!("{file}: {text} is local and not installed"));
        } else {
            found.push(text.to_owned());
        }
    }
    Ok(found)
}
