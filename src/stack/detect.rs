//! Stack detection: which kind of project a folder holds, from the signs that were found in it.

use super::{
    kinds,
    project::Project,
    signs::{PackageUse, Signs},
};
use crate::domain::{error::Error, spec::Stack};

/// The signs, in the order in which they decide, as an error lists them.
pub(super) const LOOKED_FOR: [&str; 7] = [
    "previewd.toml",
    "Dockerfile",
    "requirements.txt",
    "pyproject.toml",
    "package.json",
    "main.py, app.py or manage.py",
    "index.html",
];

/// A stack, and what is said of the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The stack.
    pub stack: Stack,
    /// Why, when something else was possible too.
    pub note: Option<&'static str>,
}

/// Gathers what a folder shows of its kind.
///
/// # Errors
/// `BadManifest` when a manifest that tells cannot be read.
pub(super) fn signs(project: &Project<'_>) -> Result<Signs, Error> {
    let mut signs = Signs::default();
    kinds::of(Stack::Dockerfile).show(project, &mut signs)?;
    if signs.dockerfile {
        // It decides alone: no manifest has to be good.
        return Ok(signs);
    }
    for stack in Stack::ALL {
        kinds::of(stack).show(project, &mut signs)?;
    }
    Ok(signs)
}

/// Chooses the stack that a user expects of a folder with these signs, or `None` when there is none.
pub(super) fn choose(signs: &Signs) -> Option<Choice> {
    let plain = |stack| Some(Choice { stack, note: None });
    let noted = |stack, note| Some(Choice { stack, note: Some(note) });
    if signs.dockerfile {
        return plain(Stack::Dockerfile);
    }
    if signs.python_manifest {
        return match (signs.python_entry, signs.package, signs.index_page) {
            (true, Some(_), _) => {
                noted(Stack::Python, "package.json is there too; `stack` in previewd.toml chooses what it describes")
            }
            (false, Some(PackageUse::Page), _) => {
                noted(Stack::React, "Python is listed too, but there is no Python file to start")
            }
            (false, Some(PackageUse::Server), _) => {
                noted(Stack::Node, "Python is listed too, but there is no Python file to start")
            }
            (false, _, true) => noted(
                Stack::Static,
                "Python is listed, but there is no Python file to start and there is an index.html",
            ),
            _ => plain(Stack::Python),
        };
    }
    // Beside a page, a script that lists and serves nothing is a tool that makes the page, as a rule.
    let python = signs.python_entry && (signs.python_app || !signs.index_page);
    match signs.package {
        Some(PackageUse::Page) => return plain(Stack::React),
        Some(PackageUse::Server) => return plain(Stack::Node),
        Some(PackageUse::Tools) if python => {
            return noted(Stack::Python, "package.json has no server; the Python file is started");
        }
        Some(PackageUse::Tools) if signs.index_page => {
            return noted(Stack::Static, "package.json has tools alone; index.html is served as it is");
        }
        Some(PackageUse::Tools) => return plain(Stack::Node),
        None => {}
    }
    if python {
        return noted(Stack::Python, "no requirements.txt: what the app imports of the usual frameworks is installed");
    }
    if signs.index_page && signs.python_entry {
        return noted(Stack::Static, "the Python file makes no app; index.html is served as it is");
    }
    if signs.index_page {
        return plain(Stack::Static);
    }
    signs.server_script.then_some(Choice { stack: Stack::Node, note: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_signs() {
        let none = Signs::default();
        let page = Some(PackageUse::Page);
        let server = Some(PackageUse::Server);
        let tools = Some(PackageUse::Tools);
        let python = Signs { python_manifest: true, python_entry: true, ..none };
        let listed = Signs { python_manifest: true, ..none };
        let table = [
            (none, None),
            (Signs { dockerfile: true, package: page, python_manifest: true, ..none }, Some(Stack::Dockerfile)),
            (python, Some(Stack::Python)),
            (Signs { package: page, index_page: true, ..python }, Some(Stack::Python)),
            (Signs { package: tools, ..python }, Some(Stack::Python)),
            (listed, Some(Stack::Python)),
            (Signs { index_page: true, ..listed }, Some(Stack::Static)),
            (Signs { package: page, ..listed }, Some(Stack::React)),
            (Signs { package: server, ..listed }, Some(Stack::Node)),
            (Signs { package: page, index_page: true, ..none }, Some(Stack::React)),
            (Signs { package: server, index_page: true, ..none }, Some(Stack::Node)),
            (Signs { package: tools, index_page: true, ..none }, Some(Stack::Static)),
            (Signs { package: tools, python_entry: true, ..none }, Some(Stack::Python)),
            (Signs { package: tools, ..none }, Some(Stack::Node)),
            (Signs { package: tools, python_entry: true, index_page: true, ..none }, Some(Stack::Static)),
            (Signs { python_entry: true, ..none }, Some(Stack::Python)),
            (Signs { python_entry: true, index_page: true, ..none }, Some(Stack::Static)),
            (Signs { python_entry: true, python_app: true, index_page: true, ..none }, Some(Stack::Python)),
            (Signs { index_page: true, server_script: true, ..none }, Some(Stack::Static)),
            (Signs { server_script: true, ..none }, Some(Stack::Node)),
        ];
        for (signs, wanted) in table {
            assert_eq!(choose(&signs).map(|choice| choice.stack), wanted, "{signs:?}");
        }
    }
}
