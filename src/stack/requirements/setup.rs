//! What `setup.cfg` and `setup.py` say that a project depends on.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    domain::{error::Error, runtime::warning},
    stack::project::Project,
};

static LIST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?s)install_requires\s*=\s*\[((?:[^\]"']|"[^"]*"|'[^']*')*)\]"#).ok());
static TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#""([^"]*)"|'([^']*)'"#).ok());
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)(^|\s)#.*$").ok());

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// Requirements.
    List(Vec<String>),
    /// A file of requirements.
    File(String),
}

/// Reads `setup.cfg`, else the list that is written out in `setup.py`; `None` if neither is there or says anything.
///
/// # Errors
/// `BadManifest` if one cannot be read.
pub(super) fn read(project: &Project<'_>, notes: &mut Vec<String>) -> Result<Option<Setup>, Error> {
    if let Some(found) = project.text("setup.cfg")?.and_then(|text| configured(&text)) {
        return Ok(Some(found));
    }
    let Some(text) = project.text("setup.py")? else { return Ok(None) };
    let found = written(&text);
    if found.is_none() && text.contains("install_requires") {
        notes.push(warning(format!(
            "{}: what it depends on is computed, and nothing of it is installed; a requirements.txt can list it",
            project.path("setup.py")
        )));
    }
    Ok(found.map(Setup::List))
}

/// Returns `install_requires` of the section `[options]`.
fn configured(text: &str) -> Option<Setup> {
    let mut lines = text.lines().skip_while(|line| line.trim() != "[options]").skip(1);
    let lines: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with('[')).collect();
    let at =
        lines.iter().position(|line| line.split('=').next().is_some_and(|key| key.trim() == "install_requires"))?;
    let (_, first) = lines[at].split_once('=')?;
    let rest = lines[at + 1..].iter().take_while(|line| line.is_empty() || line.starts_with([' ', '\t', '#'])).copied();
    let list = std::iter::once(first).chain(rest).flat_map(plain);
    let list: Vec<String> = list.collect();
    match list.as_slice() {
        [file] if file.starts_with("file:") => Some(Setup::File(file.trim_start_matches("file:").trim().to_owned())),
        _ => Some(Setup::List(list)),
    }
}

/// Returns a requirement without its comment.
fn plain(line: &str) -> Option<String> {
    let line = line.trim();
    let line = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or(line).trim() };
    (!line.is_empty()).then(|| line.to_owned())
}

/// Returns the texts of a list that is written out.
fn written(text: &str) -> Option<Vec<String>> {
    let text = COMMENT.as_ref()?.replace_all(text, "");
    let list = LIST.as_ref()?.captures(&text)?;
    let texts = TEXT.as_ref()?.captures_iter(list.get(1)?.as_str());
    Some(texts.filter_map(|found| Some(found.iter().skip(1).flatten().next()?.as_str().trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_are_written() {
        let text = "from setuptools import setup\nsetup(\n  name='x',\n  install_requires=[\n    'flask>=3',  # web\n    \
                    \"uvicorn[standard]\",\n    \"tomli; python_version < '3.11'\",\n  ],\n)\n";
        assert_eq!(written(text).unwrap(), ["flask>=3", "uvicorn[standard]", "tomli; python_version < '3.11'"]);
        assert_eq!(written("setup(install_requires=read('requirements.txt'))"), None);
        let text = "[metadata]\nname = x\n[options]\npackages = find:\ninstall_requires =\n    flask>=3\n    # ours\n    \
                    httpx; python_version > '3'\ninclude_package_data = True\n[options.extras_require]\ndev = pytest\n";
        let list = Setup::List(vec!["flask>=3".into(), "httpx; python_version > '3'".into()]);
        assert_eq!(configured(text), Some(list));
        let text = "[options]\ninstall_requires = file: requirements/base.txt\n";
        assert_eq!(configured(text), Some(Setup::File("requirements/base.txt".into())));
        assert_eq!(configured("[metadata]\nname = x\n"), None);
    }
}
