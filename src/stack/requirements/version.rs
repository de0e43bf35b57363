//! Which version of Python a project asks for.

use toml::Value;

use super::pyproject::{field, parse};
use crate::stack::project::Project;

/// Returns the version that is asked for, as pip writes it, and the file that asks. `conda` says what conda's file asks for.
pub(super) fn asked(project: &Project<'_>, conda: impl FnOnce() -> Option<String>) -> Option<(String, String)> {
    for (name, start) in [(".python-version", ""), ("runtime.txt", "python-")] {
        let text = project.source(name).unwrap_or_default();
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        if let Some(minor) = line.and_then(|line| minor(line.strip_prefix(start).unwrap_or(line))) {
            return Some((minor, project.path(name)));
        }
    }
    if let Some(table) = project.source("pyproject.toml").and_then(|text| parse(project, &text).ok()) {
        let poetry = || table.get("tool")?.get("poetry")?.get("dependencies")?.get("python");
        let version = field(&table, "requires-python").or_else(poetry).and_then(Value::as_str);
        if let Some(version) = version.and_then(specifier) {
            return Some((version, project.path("pyproject.toml")));
        }
    }
    if let Some(table) = project.source("Pipfile").and_then(|text| text.parse::<toml::Table>().ok()) {
        let version = table.get("requires").and_then(|requires| requires.get("python_version")).and_then(Value::as_str);
        if let Some(version) = version.and_then(minor) {
            return Some((version, project.path("Pipfile")));
        }
    }
    let version = conda().and_then(|version| specifier(&version))?;
    Some((version, project.path("environment.yml")))
}

/// Returns `==3.11.*` for `3.11`, `3.11.4` and `cpython-3.11`.
fn minor(text: &str) -> Option<String> {
    let text = text.rsplit('-').next()?;
    let mut parts = text.split('.');
    let (major, minor) = (parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<u8>().ok()?);
    Some(format!("=={major}.{minor}.*"))
}

/// Returns a range as pip writes it, for one of pip's or of Poetry's.
fn specifier(text: &str) -> Option<String> {
    let plain = text.replace(' ', "");
    let good = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"<>=!~^*.,".contains(&b));
    match plain.strip_prefix('^') {
        _ if !good => None,
        Some(from) => Some(format!(">={from},<4")),
        None if plain.starts_with('~') && !plain.starts_with("~=") => minor(&plain[1..]),
        None if plain.starts_with(|c: char| c.is_ascii_digit()) => minor(&plain),
        None if plain == "*" => None,
        None => Some(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_written_as_pip_does() {
        for (text, wanted) in [
            (">=3.11, <3.13", Some(">=3.11,<3.13")),
            ("^3.11", Some(">=3.11,<4")),
            ("~3.11", Some("==3.11.*")),
            ("~=3.11", Some("~=3.11")),
            ("3.12", Some("==3.12.*")),
            ("==3.12.*", Some("==3.12.*")),
            ("*", None),
            ("$(x)", None),
        ] {
            assert_eq!(specifier(text).as_deref(), wanted, "{text}");
        }
        assert_eq!(minor("cpython-3.11.4").as_deref(), Some("==3.11.*"));
        assert_eq!(minor("pypy").as_deref(), None);
    }
}
