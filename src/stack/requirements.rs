//! What a Python project depends on, and the commands that install it.

mod conda;
mod files;
mod imports;
mod lines;
mod locks;
mod pip;
mod pyproject;
mod setup;
mod tools;
mod version;

use toml::Table;

use self::{
    files::by_files,
    imports::by_imports,
    pip::{by_list, locked},
    pyproject::{dependencies, dynamic_files, field, is_dynamic, parse, poetry_list},
    tools::{by_poetry, locked_by_uv},
};
pub(super) use self::{
    pip::{PIP, Requirements},
    pyproject::describes_project,
};
use super::project::Project;
use crate::domain::{error::Error, runtime::RUNTIME_MOUNT};

/// Lists of requirements that are looked for where nothing else lists any.
const USUAL_LISTS: [&str; 6] = [
    "requirements/base.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/main.txt",
    "requirements/requirements.txt",
    "requirements-prod.txt",
];

/// The files by which a folder is one of Python, besides a `pyproject.toml` that describes a project.
pub(super) const MANIFESTS: [&str; 7] =
    ["requirements.txt", "Pipfile", "Pipfile.lock", "setup.py", "setup.cfg", "environment.yml", "environment.yaml"];

/// Reads a project's dependencies: `uv.lock`, else `poetry.lock`, else `requirements.txt`, else what `pyproject.toml`
/// lists or refers to with `pdm.lock`, else `Pipfile` with its lock, else `setup.cfg` or `setup.py`, else conda's
/// `environment.yml`, else a list of requirements under a usual name, else what the entry file imports.
///
/// # Errors
/// `BadManifest` that names the file and the line or field.
pub(super) fn read(project: &Project<'_>, entry: &str, notes: &mut Vec<String>) -> Result<Requirements, Error> {
    let pyproject = match project.text("pyproject.toml")? {
        Some(text) => Some(parse(project, &text)?),
        None => None,
    };
    match &pyproject {
        Some(table) if project.has("uv.lock") => locked_by_uv(project, table),
        Some(table) if project.has("poetry.lock") => by_poetry(project, table),
        _ if project.has("requirements.txt") => {
            by_files(project, &["requirements.txt".to_owned()], pyproject.as_ref(), notes)
        }
        Some(table) if poetry_list(table) => by_poetry(project, table),
        Some(table) if field(table, "dependencies").is_some() => match locks::pdm(project, notes)? {
            Some(list) => locked(list, project.path("pdm.lock")),
            None => by_list(dependencies(project, table, notes)?, project.path("pyproject.toml")),
        },
        Some(table) if is_dynamic(table) => match dynamic_files(project, table) {
            Some(files) => by_files(project, &files, pyproject.as_ref(), notes),
            None => {
                notes.push(format!(
                    "{}: the project's build says what it depends on, and nothing of it is installed; `install` in previewd.toml can",
                    project.path("pyproject.toml")
                ));
                Ok(Requirements::default())
            }
        },
        // The settings of tools alone, or a project that says nothing of what it needs.
        _ => by_other_tools(project, pyproject.as_ref(), entry, notes),
    }
}

/// Reads what Pipenv, setuptools and conda list.
fn by_other_tools(
    project: &Project<'_>,
    pyproject: Option<&Table>,
    entry: &str,
    notes: &mut Vec<String>,
) -> Result<Requirements, Error> {
    if let Some(list) = locks::pipenv(project, notes)? {
        return locked(list, project.path("Pipfile.lock"));
    }
    if let Some(list) = locks::pipfile(project, notes)? {
        return by_list(list, project.path("Pipfile"));
    }
    match setup::read(project, notes)? {
        Some(setup::Setup::List(list)) => return by_list(list, project.path("setup.py")),
        Some(setup::Setup::File(file)) => return by_files(project, &[file], pyproject, notes),
        None => {}
    }
    if let Some(conda) = conda::read(project, notes)? {
        let mut requirements = by_list(conda.list, project.path(conda::FILES[0]))?;
        if !conda.files.is_empty() {
            let named = by_files(project, &conda.files, pyproject, notes)?;
            requirements.commands.extend(named.commands);
            requirements.inputs = named.inputs;
            requirements.folders = named.folders;
        }
        return Ok(requirements);
    }
    match project.first(&USUAL_LISTS) {
        Some(file) => by_files(project, &[file.to_owned()], pyproject, notes),
        None => by_imports(project, entry, notes),
    }
}

/// Returns the command that says in the log where the project asks for another Python than the image has.
pub(super) fn version_check(project: &Project<'_>) -> Option<String> {
    let conda = || conda::read(project, &mut Vec::new()).ok().flatten()?.python;
    let (asked, file) = version::asked(project, conda)?;
    let words = shlex::try_join([asked.as_str(), file.as_str()]).ok()?;
    Some(format!("python3 {RUNTIME_MOUNT}/python/version.py {words}"))
}
