//! What PDM and Pipenv have locked, and what a `Pipfile` lists: read here, so that pip can install it.

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::{
    domain::{error::Error, runtime::warning},
    stack::project::{Project, bad_json, bad_toml},
};

/// Returns the exact versions of a `pdm.lock`, those of its default group; `None` if there is none.
///
/// # Errors
/// `BadManifest` if it is no TOML.
pub(super) fn pdm(project: &Project<'_>, notes: &mut Vec<String>) -> Result<Option<Vec<String>>, Error> {
    let Some(text) = project.text("pdm.lock")? else { return Ok(None) };
    let path = project.path("pdm.lock");
    let table: Table = text.parse().map_err(|error| bad_toml(&path, &text, &error))?;
    let packages = table.get("package").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    for package in packages {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let Some(name) = field("name").filter(|name| is_name(name)) else { continue };
        let groups = package.get("groups").and_then(Value::as_array);
        if groups.is_some_and(|groups| !groups.iter().any(|group| group.as_str() == Some("default"))) {
            continue;
        }
        let source = Source {
            version: field("version").map(|version| format!("=={version}")),
            git: field("git").map(str::to_owned),
            reference: field("revision").or_else(|| field("ref")).map(str::to_owned),
            url: field("url").map(str::to_owned),
            local: field("path").is_some(),
        };
        let extras = texts(package.get("extras").and_then(Value::as_array).map(Vec::as_slice), Value::as_str);
        let marker = field("marker").or_else(|| field("markers"));
        found.extend(source.requirement(&path, name, &extras, marker, notes));
    }
    Ok(Some(found))
}

/// Returns the exact versions of a `Pipfile.lock`; `None` if there is none.
///
/// # Errors
/// `BadManifest` if it is no JSON.
pub(super) fn pipenv(project: &Project<'_>, notes: &mut Vec<String>) -> Result<Option<Vec<String>>, Error> {
    let Some(text) = project.text("Pipfile.lock")? else { return Ok(None) };
    let path = project.path("Pipfile.lock");
    let whole: Json = serde_json::from_str(&text).map_err(|error| bad_json(&path, &error))?;
    let mut found = Vec::new();
    for (name, package) in whole.get("default").and_then(Json::as_object).into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(Json::as_str).map(str::to_owned);
        let source = Source {
            version: field("version"),
            git: field("git"),
            reference: field("ref"),
            url: field("file").filter(|file| file.contains("://")),
            local: package.get("path").is_some() || package.get("editable").is_some(),
        };
        let extras = texts(package.get("extras").and_then(Json::as_array).map(Vec::as_slice), Json::as_str);
        if is_name(name) {
            found.extend(source.requirement(&path, name, &extras, field("markers").as_deref(), notes));
        }
    }
    Ok(Some(found))
}

/// Returns what a `Pipfile` lists; `None` if there is none.
///
/// # Errors
/// `BadManifest` if it is no TOML.
pub(super) fn pipfile(project: &Project<'_>, notes: &mut Vec<String>) -> Result<Option<Vec<String>>, Error> {
    let Some(text) = project.text("Pipfile")? else { return Ok(None) };
    let path = project.path("Pipfile");
    let table: Table = text.parse().map_err(|error| bad_toml(&path, &text, &error))?;
    let mut found = Vec::new();
    for (name, value) in table.get("packages").and_then(Value::as_table).into_iter().flatten() {
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let version = value.as_str().map(str::to_owned).or_else(|| field("version"));
        let source = Source {
            version: version.filter(|version| version != "*"),
            git: field("git"),
            reference: field("ref"),
            url: field("file").filter(|file| file.contains("://")),
            local: value.get("path").is_some(),
        };
        let extras = texts(value.get("extras").and_then(Value::as_array).map(Vec::as_slice), Value::as_str);
        if is_name(name) {
            found.extend(source.requirement(&path, name, &extras, field("markers").as_deref(), notes));
        }
    }
    Ok(Some(found))
}

/// Where a package comes from.
struct Source {
    version: Option<String>,
    git: Option<String>,
    reference: Option<String>,
    url: Option<String>,
    local: bool,
}

impl Source {
    /// Returns a package as pip takes it, or `None` for a part of the project itself.
    fn requirement(
        &self,
        file: &str,
        name: &str,
        extras: &[String],
        marker: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Option<String> {
        if self.local && self.git.is_none() && self.url.is_none() {
            notes.push(warning(format!("{file}: {name} is a folder of the project and not installed")));
            return None;
        }
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let at = match (&self.git, &self.url) {
            (Some(git), _) => {
                let git = if git.starts_with("git+") { git.clone() } else { format!("git+{git}") };
                format!(" @ {git}{}", self.reference.as_ref().map(|it| format!("@{it}")).unwrap_or_default())
            }
            (None, Some(url)) => format!(" @ {url}"),
            (None, None) => self.version.clone().unwrap_or_default(),
        };
        let marker = marker.map(|marker| format!(" ; {marker}")).unwrap_or_default();
        let text = format!("{name}{extras}{at}{marker}");
        (!text.contains(['\n', '\0'])).then_some(text)
    }
}

/// Returns whether a text can be the name of a package, and no option of pip.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn texts<V>(list: Option<&[V]>, text: fn(&V) -> Option<&str>) -> Vec<String> {
    list.unwrap_or_default().iter().filter_map(text).filter(|extra| is_name(extra)).map(str::to_owned).collect()
}
